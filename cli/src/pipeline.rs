//! Reads and judges messages on many threads and hands the results on in the order of the input.
//!
//! A thread takes the next files, or the next messages of the first mbox that is open, reads them, works on them and
//! puts the result where the one consumer picks results up in order. Reading overlaps with work because there are more
//! threads than cores. Memory is bounded: each thread holds one message or one small batch of an mbox, and a thread that
//! is ahead waits while [`MAX_WAITING`] bytes of results wait for the consumer. The thread that holds the result the
//! consumer needs next never waits, so nothing can come to a standstill.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{mem, thread};

use crate::source::{Content, Found, Heavy, Mbox, Stream, Walk, open};

/// Bytes of results that wait for the consumer before threads that are ahead wait too.
const MAX_WAITING: usize = 2 << 20;
/// Files a thread takes at once when there are many.
const FILES: u64 = 16;
/// Messages, and about how many bytes, of an mbox a thread takes at once.
const MESSAGES: usize = 32;
const MESSAGE_BYTES: usize = 256 << 10;

/// What is done with a message. Each thread has one.
pub(crate) trait Worker: Send {
    /// Works on one message and appends what is to be written.
    fn message(&mut self, source: &str, bytes: &[u8], out: &mut Chunk);
}

/// Results of some messages that stand next to each other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Bytes for stdout.
    pub bytes: Vec<u8>,
    /// What the ledger is to record.
    pub events: Vec<undeliverable::policy::Event>,
    /// How many messages these are.
    pub messages: u64,
    /// How many files were done with them.
    pub files: u64,
    /// How many of these files are no mail.
    pub no_mail: u64,
    /// Names and reasons of what could not be read or written.
    pub troubles: Vec<String>,
}

/// Runs until the walk is at its end or `consume` fails; gives the workers back.
///
/// `max_bytes` of each message are read, and one more where there are more. `consume` is also told how many files have
/// been found so far.
///
/// # Errors
/// The error of `consume`.
pub(crate) fn run<W: Worker>(
    walk: Walk,
    max_bytes: usize,
    workers: Vec<W>,
    mut consume: impl FnMut(&mut Chunk, u64) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<W>> {
    let shared = Shared {
        queue: Mutex::new(Queue {
            walk,
            next: 0,
            pending: BTreeMap::new(),
            unsettled: 0,
            stopped: false,
        }),
        more_work: Condvar::new(),
        results: Mutex::new(Results {
            threads: workers.len(),
            ..Results::default()
        }),
        arrived: Condvar::new(),
        room: Condvar::new(),
        heavy: Mutex::new(()),
        listed: AtomicU64::new(0),
        max_bytes: max_bytes.saturating_add(1),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let thread = Thread {
                    shared: &shared,
                    worker,
                    buffer: Vec::new(),
                    ends: Vec::new(),
                };
                scope.spawn(|| thread.run())
            })
            .collect();
        let done = shared.consume(&mut consume);
        shared.stop();
        let workers: Vec<W> = threads
            .into_iter()
            .map(|t| {
                t.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect();
        done.map(|()| workers)
    })
}

/// The place of a result: number of the file, number inside the file.
type Place = (u64, u64);

struct Shared {
    queue: Mutex<Queue>,
    more_work: Condvar,
    results: Mutex<Results>,
    arrived: Condvar,
    room: Condvar,
    heavy: Mutex<()>,
    listed: AtomicU64,
    max_bytes: usize,
}

struct Queue {
    walk: Walk,
    /// Number of the next file of the walk.
    next: u64,
    /// Work that comes before the rest of the walk, by number of its first file.
    pending: BTreeMap<u64, Work>,
    /// Threads that hold files, of which any may turn out to be an mbox with work for all.
    unsettled: usize,
    stopped: bool,
}

enum Work {
    Files(Vec<Found>),
    Mbox(Arc<Archive>),
}

struct Archive {
    source: String,
    mbox: Mutex<(Mbox<Stream>, u64)>,
}

#[derive(Default)]
struct Results {
    /// With the place of what comes next.
    ready: BTreeMap<Place, (Chunk, Place)>,
    waiting: usize,
    next: Place,
    threads: usize,
    stopped: bool,
    /// Emptied chunks to be used again.
    spare: Vec<Chunk>,
}

/// A poisoned lock means that a thread panicked; its panic is passed on at the end.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The first work there is and the number of its first file; `None` at the end.
    fn take(&self) -> Option<(u64, Work)> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopped {
                return None;
            }
            if let Some((first, work)) = queue.pending.pop_first() {
                match &work {
                    // It stays open for all until it has been read.
                    Work::Mbox(archive) => {
                        queue.pending.insert(first, Work::Mbox(Arc::clone(archive)));
                    }
                    Work::Files(_) => queue.unsettled += 1,
                }
                return Some((first, work));
            }
            // A few files are spread over all threads; of many, each takes some.
            let count = (queue.next / 16).clamp(1, FILES);
            let files: Vec<Found> = queue.walk.by_ref().take(count as usize).collect();
            self.listed.store(queue.walk.listed(), Ordering::Relaxed);
            if !files.is_empty() {
                let first = queue.next;
                queue.next += files.len() as u64;
                queue.unsettled += 1;
                return Some((first, Work::Files(files)));
            }
            if queue.unsettled == 0 {
                return None;
            }
            queue = self
                .more_work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Files that were taken have been looked at; what was not, or turned out to be an mbox, is handed back.
    fn settle(&self, back: impl IntoIterator<Item = (u64, Work)>) {
        let mut queue = lock(&self.queue);
        queue.pending.extend(back);
        queue.unsettled -= 1;
        self.more_work.notify_all();
    }

    fn put(&self, place: Place, chunk: Chunk, then: Place) {
        let mut results = lock(&self.results);
        while results.next != place && results.waiting >= MAX_WAITING && !results.stopped {
            results = self
                .room
                .wait(results)
                .unwrap_or_else(PoisonError::into_inner);
        }
        results.waiting += chunk.weight();
        results.ready.insert(place, (chunk, then));
        if results.next == place {
            self.arrived.notify_one();
        }
    }

    fn chunk(&self) -> Chunk {
        lock(&self.results).spare.pop().unwrap_or_default()
    }

    fn consume(
        &self,
        consume: &mut impl FnMut(&mut Chunk, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut batch = Vec::new();
        loop {
            let mut results = lock(&self.results);
            results.spare.append(&mut batch);
            results.spare.truncate(64);
            while !results.ready.contains_key(&results.next) {
                if results.threads == 0 {
                    return Ok(());
                }
                results = self
                    .arrived
                    .wait(results)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            loop {
                let next = results.next;
                let Some((chunk, then)) = results.ready.remove(&next) else {
                    break;
                };
                results.waiting -= chunk.weight();
                results.next = then;
                batch.push(chunk);
            }
            drop(results);
            self.room.notify_all();
            for chunk in &mut batch {
                consume(chunk, self.listed.load(Ordering::Relaxed))?;
                chunk.clear();
            }
        }
    }

    fn stop(&self) {
        lock(&self.queue).stopped = true;
        lock(&self.results).stopped = true;
        self.more_work.notify_all();
        self.room.notify_all();
    }
}

impl Chunk {
    fn weight(&self) -> usize {
        self.bytes.len() + self.events.len() * 1024 + 64
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.events.clear();
        self.bytes.shrink_to(MESSAGE_BYTES);
        self.messages = 0;
        self.files = 0;
        self.no_mail = 0;
        self.troubles.clear();
    }
}

struct Thread<'a, W> {
    shared: &'a Shared,
    worker: W,
    /// The message, or the batch of messages, that is being worked on.
    buffer: Vec<u8>,
    /// Where each message of the batch ends.
    ends: Vec<usize>,
}

/// Counts a thread out, also when it panics, so that the consumer does not wait for it.
struct Leave<'a>(&'a Shared);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        lock(&self.0.results).threads -= 1;
        self.0.arrived.notify_one();
    }
}

impl<W: Worker> Thread<'_, W> {
    fn run(mut self) -> W {
        let leave = Leave(self.shared);
        while let Some((first, work)) = self.shared.take() {
            match work {
                Work::Files(files) => self.files(first, files),
                Work::Mbox(archive) => self.messages(first, &archive),
            }
        }
        drop(leave);
        self.worker
    }

    fn files(&mut self, first: u64, files: Vec<Found>) {
        let mut chunk = self.shared.chunk();
        let mut place = first;
        let mut files = files.into_iter();
        let mut back = Vec::new();
        for found in files.by_ref() {
            if let Some(archive) = self.file(found, &mut chunk) {
                back.push((place, Work::Mbox(Arc::new(archive))));
                break;
            }
            place += 1;
            chunk.files += 1;
        }
        let rest: Vec<Found> = files.collect();
        if !rest.is_empty() {
            back.push((place + 1, Work::Files(rest)));
        }
        // First the work goes back, as others may wait for nothing else.
        self.shared.settle(back);
        if place > first {
            self.shared.put((first, 0), chunk, (place, 0));
        }
    }

    /// Works on one file; gives it back where it is an mbox.
    fn file(&mut self, found: Found, chunk: &mut Chunk) -> Option<Archive> {
        let entry = match found {
            Found::Entry(entry) => entry,
            Found::Unreadable(path, error) => {
                chunk
                    .troubles
                    .push(format!("{}: {error}", path.to_string_lossy()));
                return None;
            }
        };
        let source = entry.source();
        let mut heavy = Heavy::new(&self.shared.heavy);
        match open(&entry, self.shared.max_bytes, &mut self.buffer, &mut heavy) {
            Ok(Content::Message) => {
                self.worker.message(&source, &self.buffer, chunk);
                chunk.messages += 1;
            }
            Ok(Content::Mbox(mbox)) => {
                return Some(Archive {
                    source,
                    mbox: Mutex::new((mbox, 0)),
                });
            }
            Ok(Content::NoMail) => chunk.no_mail += 1,
            Err(error) => chunk.troubles.push(format!("{source}: {error}")),
        }
        self.let_go();
        None
    }

    /// Works on the next messages of an mbox.
    fn messages(&mut self, file: u64, archive: &Archive) {
        let mut heavy = Heavy::new(&self.shared.heavy);
        self.buffer.clear();
        self.ends.clear();
        let mut chunk = self.shared.chunk();
        let (number, part, ended) = {
            let (mbox, part) = &mut *lock(&archive.mbox);
            let number = mbox.number();
            if mbox.ended() {
                return;
            }
            while !mbox.ended() && self.ends.len() < MESSAGES && self.buffer.len() < MESSAGE_BYTES {
                match mbox.read(self.shared.max_bytes, &mut self.buffer, &mut heavy) {
                    Ok(()) => self.ends.push(self.buffer.len()),
                    Err(error) => {
                        // What was read of the message does not count: its end is missing.
                        self.buffer
                            .truncate(self.ends.last().copied().unwrap_or_default());
                        chunk.troubles.push(format!(
                            "{}#{}: {error}",
                            archive.source,
                            mbox.number()
                        ));
                    }
                }
            }
            *part += 1;
            (number, *part - 1, mbox.ended())
        };
        if ended {
            lock(&self.shared.queue).pending.remove(&file);
            self.shared.more_work.notify_all();
            chunk.files += 1;
        }
        let mut start = 0;
        for (end, number) in mem::take(&mut self.ends).into_iter().zip(number + 1..) {
            self.worker.message(
                &format!("{}#{number}", archive.source),
                &self.buffer[start..end],
                &mut chunk,
            );
            chunk.messages += 1;
            start = end;
        }
        self.let_go();
        drop(heavy);
        let then = if ended {
            (file + 1, 0)
        } else {
            (file, part + 1)
        };
        self.shared.put((file, part), chunk, then);
    }

    /// Gives the memory of a large message back.
    fn let_go(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(4 * MESSAGE_BYTES);
    }
}
