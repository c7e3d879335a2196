//! Fetches mail: small messages in batches, large ones piece by piece and only as far as needed.

use std::collections::{BTreeMap, VecDeque};

use imap_proto::BodyStructure;

use super::desk::{Desk, Mail};
use super::imap::folders::Listed;
use super::imap::session::Session;
use super::trouble::Trouble;

/// Bytes that are asked for at once of one message. Most messages are smaller.
const PIECE: u32 = 1 << 20;
/// Bytes and messages of one batch: with the one that is processed meanwhile, twice this is in memory. Servers take some time for
/// each MOVE, however many messages it names; more numbers than these would make lines that some of them refuse.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_MESSAGES: usize = 500;
/// Bytes of a returned message that are fetched with the report about it: more than its header has.
const RETURNED: usize = 256 << 10;
/// How often one message is asked for before it counts as impossible to fetch.
const TRIES: u32 = 3;

/// Messages that are fetched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch(Vec<Listed>);

/// Cuts a list into batches. Large messages are alone; so are those in `alone`, and they come last: what ends the
/// connection must not keep the others.
pub(crate) fn batches(list: &[Listed], alone: &BTreeMap<u32, u32>) -> VecDeque<Batch> {
    let mut all = VecDeque::new();
    let mut open: Vec<Listed> = Vec::new();
    let mut bytes = 0;
    for l in list.iter().filter(|l| !alone.contains_key(&l.uid)) {
        if l.size > PIECE {
            all.push_back(Batch(vec![*l]));
            continue;
        }
        if !open.is_empty()
            && (open.len() == BATCH_MESSAGES || bytes + u64::from(l.size) > BATCH_BYTES)
        {
            all.push_back(Batch(std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += u64::from(l.size);
        open.push(*l);
    }
    if !open.is_empty() {
        all.push_back(Batch(open));
    }
    let mut last: Vec<&Listed> = list.iter().filter(|l| alone.contains_key(&l.uid)).collect();
    last.sort_by_key(|l| alone.get(&l.uid));
    all.extend(last.into_iter().map(|l| Batch(vec![*l])));
    all
}

impl Batch {
    /// The numbers of its messages.
    pub fn uids(&self) -> Vec<u32> {
        self.0.iter().map(|l| l.uid).collect()
    }

    /// Fetches its messages, at most `max` bytes of each. One that is gone meanwhile is left out; one that the server does not
    /// hand over carries the reason.
    ///
    /// # Errors
    /// Where the connection is lost, or the desk is closed.
    pub async fn fetch(
        &self,
        session: &mut Session,
        desk: &Desk,
        max: usize,
    ) -> Result<Vec<Mail>, Trouble> {
        if let [one] = self.0.as_slice()
            && one.size > PIECE
        {
            let mail = single(session, desk, *one, max).await?;
            return Ok(mail.into_iter().collect());
        }
        let mut bodies: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let uids = self.uids();
        let sum: usize = self.0.iter().map(|l| l.size as usize).sum();
        let piece = PIECE.min(u32::try_from(max).unwrap_or(u32::MAX));
        let done = session
            .fetch(&uids, 0, piece, sum.saturating_mul(2), |uid, body| {
                bodies.insert(uid, body);
            })
            .await;
        match done {
            // Some servers refuse the whole because of one message, after they have sent the others.
            Ok(()) | Err(Trouble::Refused { .. }) => {}
            Err(e) => return Err(e),
        }
        let missing: Vec<u32> = uids
            .iter()
            .copied()
            .filter(|u| !bodies.contains_key(u))
            .collect();
        let mut mail = Vec::with_capacity(uids.len());
        for l in &self.0 {
            match bodies.remove(&l.uid) {
                // Sizes that servers tell are sometimes guesses: what fills the piece may go on.
                Some(body) if body.len() == piece as usize && body.len() < max => {
                    mail.extend(single(session, desk, *l, max).await?);
                }
                Some(body) => mail.push(found(l.uid, Ok(body))),
                None => {}
            }
        }
        if !missing.is_empty() {
            for uid in session.still_there(&missing).await? {
                let size = self.0.iter().find(|l| l.uid == uid).map_or(0, |l| l.size);
                let l = Listed {
                    uid,
                    size,
                    is_deleted: false,
                    arrived: None,
                };
                mail.extend(single(session, desk, l, max).await?);
            }
        }
        Ok(mail)
    }
}

fn found(uid: u32, content: Result<Vec<u8>, String>) -> Mail {
    Mail {
        uid: uid.to_string(),
        content,
    }
}

/// One message, piece by piece.
async fn single(
    session: &mut Session,
    desk: &Desk,
    l: Listed,
    max: usize,
) -> Result<Option<Mail>, Trouble> {
    let mut why = String::new();
    for n in 0..TRIES {
        if n > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        match pieces(session, desk, l, max).await {
            Ok(Some(body)) => return Ok(Some(found(l.uid, Ok(body)))),
            Ok(None) => "the server says nothing of it".clone_into(&mut why),
            Err(e @ Trouble::Refused { .. }) => why = e.to_string(),
            Err(e) => return Err(e),
        }
        if session.still_there(&[l.uid]).await?.is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(found(l.uid, Err(format!("cannot be fetched: {why}")))))
}

async fn pieces(
    session: &mut Session,
    desk: &Desk,
    l: Listed,
    max: usize,
) -> Result<Option<Vec<u8>>, Trouble> {
    let mut enough = None;
    if l.size > PIECE {
        session
            .structure(l.uid, |s| enough = report_length(s, l.size as usize))
            .await
            .or_else(|e| match e {
                // A server that cannot tell the structure can still hand over the message.
                Trouble::Refused { .. } => Ok(()),
                e => Err(e),
            })?;
    }
    let mut body: Vec<u8> = Vec::new();
    loop {
        let start = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let wanted = PIECE.min(u32::try_from(max - body.len()).unwrap_or(u32::MAX));
        let mut piece = None;
        session
            .fetch(&[l.uid], start, wanted, wanted as usize * 2, |_, b| {
                piece = Some(b)
            })
            .await?;
        let Some(piece) = piece else {
            return Ok(None);
        };
        let ended = piece.len() < wanted as usize;
        body.extend_from_slice(&piece);
        if ended || body.len() >= max {
            return Ok(Some(body));
        }
        if enough.is_some_and(|n| body.len() >= n) {
            enough = None;
            let (suffices, back) = desk
                .suffices(body)
                .await
                .map_err(|e| Trouble::Lost(format!("{e:#}")))?;
            body = back;
            if suffices {
                return Ok(Some(body));
            }
        }
    }
}

/// Of a report that ends with the message it returns: how many bytes hold the report and that message's header.
fn report_length(structure: &BodyStructure<'_>, size: usize) -> Option<usize> {
    let BodyStructure::Multipart { bodies, .. } = structure else {
        return None;
    };
    let (last, before) = bodies.split_last()?;
    let BodyStructure::Message { other, .. } = last else {
        return None;
    };
    let is_only = !before
        .iter()
        .any(|b| matches!(b, BodyStructure::Message { .. }));
    is_only.then(|| {
        size.saturating_sub(other.octets as usize)
            .saturating_add(RETURNED)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(uid: u32, size: u32) -> Listed {
        Listed {
            uid,
            size,
            is_deleted: false,
            arrived: None,
        }
    }

    #[test]
    fn batches_are_bounded_and_large_messages_alone() {
        let mut list: Vec<Listed> = (1..=600).map(|n| listed(n, 2000)).collect();
        list.push(listed(601, 30 << 20));
        list.extend((602..=610).map(|n| listed(n, 1_000_000)));
        let alone = BTreeMap::from([(5, 1)]);
        let all = batches(&list, &alone);
        let sizes: Vec<usize> = all.iter().map(|b| b.0.len()).collect();
        assert_eq!(sizes, [500, 1, 102, 4, 2, 1]);
        assert_eq!(all.back().unwrap().uids(), [5]);
        let mut uids: Vec<u32> = all.iter().flat_map(Batch::uids).collect();
        uids.sort_unstable();
        assert_eq!(uids, (1..=610).collect::<Vec<u32>>());
        for b in &all {
            let bytes: u64 = b.0.iter().map(|l| u64::from(l.size)).sum();
            assert!(bytes <= BATCH_BYTES || b.0.len() == 1);
        }
    }
}
