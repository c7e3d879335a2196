//! Folders: what is there, what is in them, and what may be done.

use imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode, StatusAttribute};

use super::names::mailbox;
use super::session::{SMALL, Session};
use crate::clock;
use crate::mailbox::trouble::Trouble;

/// Bytes of one line of a list of messages, with room for flags that people invented.
const LISTING_LINE: usize = 512;
/// Messages that are listed at once. A folder with more is worked through in parts.
const MOST_LISTED: usize = 1_000_000;
/// What a message is taken for whose size nobody tells.
const GUESSED_SIZE: u32 = 256 << 10;

/// A folder that was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub uid_validity: u32,
    pub uid_next: u32,
    pub exists: u32,
    /// Nothing can be changed in it.
    pub is_read_only: bool,
    /// The flags that can be set for good (PERMANENTFLAGS), where the server tells.
    pub flags: Option<Vec<String>>,
}

/// What a listing says of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub uid: u32,
    /// RFC822.SIZE, which some servers only estimate.
    pub size: u32,
    /// Somebody wants it gone.
    pub is_deleted: bool,
    /// INTERNALDATE, in seconds since 1970.
    pub arrived: Option<i64>,
}

impl Session {
    /// Opens a folder; `only_look` changes nothing in it, not even \Recent.
    ///
    /// # Errors
    /// Where the server refuses, or does not tell UIDVALIDITY.
    pub async fn open(&mut self, folder: &str, only_look: bool) -> Result<Opened, Trouble> {
        let verb = if only_look { "EXAMINE" } else { "SELECT" };
        let mut opened = Opened::default();
        let command = format!("{verb} {}", mailbox(folder)?);
        let code = self
            .run(&command, SMALL, |r| match r {
                Response::MailboxData(MailboxDatum::Exists(n)) => opened.exists = *n,
                Response::Data { outcome, .. } => match outcome.code {
                    Some(ResponseCode::UidValidity(n)) => opened.uid_validity = n,
                    Some(ResponseCode::UidNext(n)) => opened.uid_next = n,
                    Some(ResponseCode::PermanentFlags(ref flags)) => {
                        opened.flags = Some(flags.iter().map(ToString::to_string).collect());
                    }
                    _ => {}
                },
                _ => {}
            })
            .await?;
        opened.is_read_only = code.eq_ignore_ascii_case("READ-ONLY");
        if opened.uid_validity == 0 {
            return Err(Trouble::Broken(
                "it does not tell UIDVALIDITY of a folder, so no message can be known again"
                    .to_owned(),
            ));
        }
        Ok(opened)
    }

    /// The numbers of a folder that is not opened. Also tells whether it is there.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn status(&mut self, folder: &str) -> Result<Opened, Trouble> {
        let command = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY)", mailbox(folder)?);
        let mut found = Opened::default();
        self.command(&command, SMALL, |r| {
            if let Response::MailboxData(MailboxDatum::Status { status, .. }) = r {
                for s in status {
                    match s {
                        StatusAttribute::Messages(n) => found.exists = *n,
                        StatusAttribute::UidNext(n) => found.uid_next = *n,
                        StatusAttribute::UidValidity(n) => found.uid_validity = *n,
                        _ => {}
                    }
                }
            }
        })
        .await?;
        Ok(found)
    }

    /// Whether a folder is there, and mail can lie in it.
    ///
    /// # Errors
    /// Where the server refuses to tell.
    pub async fn has_folder(&mut self, folder: &str) -> Result<bool, Trouble> {
        let mut there = false;
        let command = format!("LIST \"\" {}", mailbox(folder)?);
        self.command(&command, SMALL, |r| {
            if let Response::MailboxData(MailboxDatum::List(list)) = r {
                let attributes = &list.name_attributes;
                there |= !attributes.iter().any(|a| {
                    matches!(a, imap_proto::NameAttribute::NoSelect)
                        || matches!(a, imap_proto::NameAttribute::Extension(e) if e.eq_ignore_ascii_case("\\nonexistent"))
                });
            }
        })
        .await?;
        Ok(there)
    }

    /// What we may do in a folder (RFC 4314), as its letters; `None` where the server does not tell.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn my_rights(&mut self, folder: &str) -> Result<Option<String>, Trouble> {
        if !self.can("ACL") {
            return Ok(None);
        }
        let mut rights = None;
        let command = format!("MYRIGHTS {}", mailbox(folder)?);
        let asked = self
            .command(&command, SMALL, |r| {
                if let Response::MyRights(mine) = r {
                    rights = Some(mine.rights.iter().map(|r| char::from(*r)).collect());
                }
            })
            .await;
        match asked {
            Ok(()) => Ok(rights),
            Err(Trouble::Refused { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn create(&mut self, folder: &str) -> Result<(), Trouble> {
        let command = format!("CREATE {}", mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// Takes a folder away, with what is in it.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn delete_folder(&mut self, folder: &str) -> Result<(), Trouble> {
        let command = format!("DELETE {}", mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// The messages of the open folder from `first` on, in the order of their numbers, and whether these are all. `exists` is
    /// how many there are in the folder. Without `sizes` the server need not look into messages for it, and each counts as
    /// [`GUESSED_SIZE`].
    ///
    /// # Errors
    /// Where the server refuses, or tells of far more.
    pub async fn list(
        &mut self,
        first: u32,
        exists: u32,
        sizes: bool,
    ) -> Result<(Vec<Listed>, bool), Trouble> {
        let size = if sizes { " RFC822.SIZE" } else { "" };
        let command = format!("UID FETCH {first}:* (UID FLAGS{size} INTERNALDATE)");
        let bytes = SMALL.saturating_add(LISTING_LINE.saturating_mul(exists as usize));
        let mut is_whole = true;
        let mut all: Vec<Listed> = Vec::new();
        self.has_news = false;
        self.command(&command, bytes, |r| {
            let Response::Fetch(_, attributes) = r else {
                return;
            };
            let (mut uid, mut size, mut is_deleted, mut has_flags) =
                (0, GUESSED_SIZE, false, false);
            let mut arrived = None;
            for a in attributes {
                match a {
                    AttributeValue::Uid(n) => uid = *n,
                    AttributeValue::Rfc822Size(n) => size = *n,
                    AttributeValue::InternalDate(text) => {
                        arrived = clock::parse_internal_date(text)
                    }
                    AttributeValue::Flags(flags) => {
                        has_flags = true;
                        is_deleted = flags.iter().any(|f| f.eq_ignore_ascii_case("\\Deleted"));
                    }
                    _ => {}
                }
            }
            // Without these it is news about flags that nobody asked for. `n:*` names the last message also where its
            // number is below n.
            if uid < first.max(1) || !has_flags {
                return;
            }
            if all.len() == MOST_LISTED {
                is_whole = false;
            } else {
                all.push(Listed {
                    uid,
                    size,
                    is_deleted,
                    arrived,
                });
            }
        })
        .await?;
        all.sort_unstable_by_key(|l| l.uid);
        all.dedup_by_key(|l| l.uid);
        Ok((all, is_whole))
    }
}
