//! A proxy between the program and its server that loses, delays and garbles what passes, at places that a seed decides.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What the proxy does to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Passes everything on.
    None,
    /// Waits before everything that comes from the server.
    Delay(Duration),
    /// Disturbs the first `connections`, each at a place that the seed decides.
    Seeded { seed: u64, connections: u32 },
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    fault: Fault,
    connections: AtomicU32,
    from_server: AtomicU64,
    ended: AtomicBool,
}

/// What happens to one connection.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Pass,
    Delay(Duration),
    /// After so many bytes in this direction both sides are closed.
    Cut {
        from_server: bool,
        after: u64,
    },
    /// After so many bytes in this direction one byte is another.
    Garble {
        from_server: bool,
        after: u64,
    },
    /// After so many bytes from the server nothing passes any more, for so long; then both sides are closed.
    Stall {
        after: u64,
        time: Duration,
    },
}

impl Proxy {
    pub fn start(target: u16, fault: Fault) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            fault,
            connections: AtomicU32::new(0),
            from_server: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if inner.ended.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    let shared = Arc::clone(&inner);
                    thread::spawn(move || connection(&shared, client));
                }
            }
        });
        Proxy { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that came from the server, TLS and all.
    pub fn bytes_from_server(&self) -> u64 {
        self.shared.from_server.load(Ordering::Relaxed)
    }

    /// How many connections there were.
    pub fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A small generator of numbers that look random and are the same for the same seed (SplitMix64).
pub(crate) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn plan(fault: Fault, number: u32) -> Plan {
    match fault {
        Fault::None => Plan::Pass,
        Fault::Delay(time) => Plan::Delay(time),
        Fault::Seeded { connections, .. } if number >= connections => Plan::Pass,
        Fault::Seeded { seed, .. } => {
            let mut random = Random(seed.wrapping_mul(1000) + u64::from(number));
            // Small numbers as often as large ones: the sign-in is short and the mail is long.
            let scale = [3_000, 8_000, 30_000, 60_000][usize::try_from(random.below(4)).unwrap()];
            let after = random.below(scale);
            let from_server = random.below(2) == 0;
            // What the client says is little.
            let after = if from_server { after } else { after / 8 };
            match random.below(8) {
                0..=4 => Plan::Cut { from_server, after },
                5 | 6 => Plan::Garble { from_server, after },
                _ => Plan::Stall {
                    after,
                    time: Duration::from_millis(1200),
                },
            }
        }
    }
}

fn connection(shared: &Arc<Shared>, client: TcpStream) {
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let plan = plan(shared.fault, number);
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.target)) else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let up = thread::spawn(move || {
        pump(c, s, false, plan, |_| ());
    });
    pump(server, client, true, plan, |n| {
        shared.from_server.fetch_add(n, Ordering::Relaxed);
    });
    let _ = up.join();
}

fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    from_server: bool,
    plan: Plan,
    count: impl Fn(u64),
) {
    let mut buffer = vec![0; 16 << 10];
    let mut passed = 0u64;
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        count(n as u64);
        let (before, after) = (passed, passed + n as u64);
        passed = after;
        let bytes = &mut buffer[..n];
        match plan {
            Plan::Delay(time) if from_server => thread::sleep(time),
            Plan::Cut {
                from_server: f,
                after: at,
            } if f == from_server && at < after => {
                let keep = usize::try_from(at.saturating_sub(before)).unwrap();
                let _ = to.write_all(&bytes[..keep]);
                break;
            }
            Plan::Garble {
                from_server: f,
                after: at,
            } if f == from_server && (before..after).contains(&at) => {
                bytes[usize::try_from(at - before).unwrap()] ^= 0x55;
            }
            Plan::Stall { after: at, time } if from_server && at < after => {
                thread::sleep(time);
                break;
            }
            _ => {}
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
