//! Time and peak memory for every hostile shape of mail that we could think of, at three sizes.
//!
//! `cargo run --release --example bounds` prints the table of `docs/bounds.md`; words behind it choose shapes by a part
//! of their name. Peak memory is that above the mail itself; it is read from Linux's /proc and missing elsewhere.
#![allow(
    clippy::print_stdout,
    reason = "an example prints, and stops where it cannot"
)]

use std::fmt::Write as _;
use std::time::Instant;

use undeliverable::Engine;

/// A shape: its name, how a mail of about so many bytes is made, and the largest size in MB.
type Shape = (&'static str, fn(usize) -> Vec<u8>, usize);

const FROM: &str = "From: Mail Delivery System <MAILER-DAEMON@example.net>\nTo: me@example.com\nSubject: Undelivered Mail Returned to Sender\n";

const SHAPES: &[Shape] = &[
    (
        "body of one kind of line",
        |n| mail("", &fill("The quick brown fox is not a bounce.\n", n)),
        50,
    ),
    ("one line", |n| mail("", &fill("word and ", n)), 50),
    ("one line without blanks", |n| mail("", &fill("x", n)), 50),
    (
        "header of one field",
        |n| header(&format!("X-Long: {}\n", fill("word ", n))),
        50,
    ),
    (
        "header of one folded field",
        |n| header(&format!("X-Long: a\n{}", fill(" folded line\n", n))),
        50,
    ),
    (
        "header of a million fields",
        |n| header(&fill("X-Field: value of it\n", n)),
        20,
    ),
    (
        "To with very many addresses",
        |n| {
            header(&format!(
                "To: {}x@example.com\n",
                fill("a@example.com, ", n)
            ))
        },
        50,
    ),
    (
        "comments in comments",
        |n| {
            header(&format!(
                "From: {}\nContent-Type: {}\n",
                fill("(", n / 2),
                fill("(", n / 2)
            ))
        },
        50,
    ),
    (
        "encoded words",
        |n| header(&format!("Subject: {}\n", fill("=?utf-8?q?=C3=A9?= ", n))),
        50,
    ),
    (
        "encoded words in every field",
        |n| {
            let words = fill("=?utf-8?q?=C3=A9?= ", 10_000);
            header(&fill(&format!("Subject: {words}\nTo: {words}\n"), n))
        },
        50,
    ),
    (
        "parts",
        |n| multipart(&fill("--b\nContent-Type: text/plain\n\nx\n", n)),
        50,
    ),
    (
        "parts without a header",
        |n| multipart(&fill("--b\n\n", n)),
        20,
    ),
    ("levels of multiparts", |n| nested(n / 60), 6),
    (
        "messages in messages",
        |n| {
            mail(
                "Content-Type: message/rfc822\n",
                &fill("Content-Type: message/rfc822\n\n", n),
            )
        },
        50,
    ),
    (
        "reports in reports",
        |n| {
            multipart(&fill(
                "--b\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON@example.net\nContent-Type: multipart/report; boundary=b\n\n",
                n,
            ))
        },
        50,
    ),
    (
        "boundaries that never come",
        |n| {
            let mut parts = String::new();
            let mut i = 0;
            while parts.len() < n {
                let _ = write!(
                    parts,
                    "--b\nContent-Type: multipart/mixed; boundary=never{i}\n\n"
                );
                i += 1;
            }
            multipart(&parts)
        },
        10,
    ),
    (
        "lines like boundaries",
        |n| multipart(&fill("--bb\n", n)),
        50,
    ),
    (
        "lines like other boundaries",
        |n| {
            mail(
                "Content-Type: text/plain\n",
                &fill("--bb\nContent-Typo: x\n", n),
            )
        },
        50,
    ),
    (
        "quoted-printable",
        |n| {
            mail(
                "Content-Transfer-Encoding: quoted-printable\n",
                &fill("=3D=20=\n", n),
            )
        },
        50,
    ),
    (
        "soft line breaks",
        |n| {
            mail(
                "Content-Transfer-Encoding: quoted-printable\n",
                &fill("=\n", n),
            )
        },
        50,
    ),
    (
        "base64 in one line",
        |n| mail("Content-Transfer-Encoding: base64\n", &fill("QUJD", n)),
        50,
    ),
    (
        "base64",
        |n| {
            mail(
                "Content-Transfer-Encoding: base64\n",
                &fill("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n", n),
            )
        },
        50,
    ),
    (
        "small base64 parts",
        |n| multipart(&fill("--b\nContent-Transfer-Encoding: base64\n\nQQ==\n", n)),
        50,
    ),
    (
        "HTML",
        |n| {
            mail(
                "Content-Type: text/html\n",
                &fill("<div><b>&eacute;&amp;<br>", n),
            )
        },
        50,
    ),
    (
        "HTML that opens only",
        |n| mail("Content-Type: text/html\n", &fill("<", n)),
        50,
    ),
    (
        "words in Japanese",
        |n| {
            mail(
                "Content-Type: text/plain; charset=iso-2022-jp\n",
                &fill("\u{1b}$B08@h$KG[?.\u{1b}(B\n", n),
            )
        },
        50,
    ),
    (
        "recipients",
        |n| {
            report(&{
                let mut groups = String::new();
                let mut i = 0;
                while groups.len() < n {
                    let _ = write!(
                        groups,
                        "Final-Recipient: rfc822; user{i}@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\n\n"
                    );
                    i += 1;
                }
                groups
            })
        },
        50,
    ),
    (
        "recipients without an address",
        |n| report(&fill("Action: failed\nStatus: 5.1.1\n\n", n)),
        50,
    ),
    (
        "fields in one group",
        |n| report(&fill("X-Field: value\n", n)),
        50,
    ),
    (
        "one long diagnostic",
        |n| {
            report(&format!(
                "Final-Recipient: rfc822; a@example.com\nAction: failed\nDiagnostic-Code: smtp; 550 {}\n",
                fill("user unknown 5.1.1 ", n)
            ))
        },
        50,
    ),
    (
        "one long host",
        |n| {
            report(&format!(
                "Final-Recipient: rfc822; a@example.com\nAction: failed\nRemote-MTA: dns; {}\n",
                fill("a.", n)
            ))
        },
        50,
    ),
    (
        "one long address",
        |n| {
            report(&format!(
                "Final-Recipient: rfc822; {}@example.com\nAction: failed\n",
                fill("a+40=", n)
            ))
        },
        50,
    ),
    (
        "addresses in prose",
        |n| mail("", &fill("<bob@example.com>: 550 user unknown\n", n)),
        50,
    ),
    ("at signs", |n| mail("", &fill("a@", n)), 50),
    (
        "quotes before at signs",
        |n| mail("", &fill("\"@a.b", n)),
        50,
    ),
    ("codes in prose", |n| mail("", &fill("550 5.1.1 ", n)), 50),
    (
        "returned header in prose, again and again",
        |n| mail("", &fill("Received: x\nMessage-ID: <a@b>\nTo: a\n\n", n)),
        50,
    ),
    (
        "status fields in prose",
        |n| {
            mail(
                "",
                &fill("Reporting-MTA: x\nFinal-Recipient: a@example.com\n", n),
            )
        },
        50,
    ),
    (
        "JSON that opens only",
        |n| mail("", &fill("{\"bounce\":[", n)),
        50,
    ),
    ("carriage returns", |n| mail("", &fill("\r", n)), 50),
    ("NUL", |n| mail("", &fill("\0", n)), 50),
];

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|w| w == "--one").is_some() {
        let name = words.next().unwrap_or_default();
        let size = words.next().and_then(|s| s.parse().ok()).unwrap_or(0);
        if let Some((_, make, _)) = SHAPES.iter().find(|s| s.0 == name) {
            one(&name, make(size));
        }
        return;
    }
    let wanted: Vec<String> = words.collect();
    println!("| shape | MB | seconds | peak MiB | problems |");
    println!("|---|---|---|---|---|");
    for (name, _, most) in SHAPES {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        for size in [
            most * 1_000_000 / 16,
            most * 1_000_000 / 4,
            most * 1_000_000,
        ] {
            // A process each: memory that one shape has left behind is not counted for the next.
            let program = std::env::current_exe().expect("the name of this program");
            let size = size.to_string();
            let done = std::process::Command::new(program)
                .args(["--one", name, &size])
                .status();
            if !done.is_ok_and(|s| s.success()) {
                println!("| {name} | {size} bytes | DIED | | |");
            }
        }
    }
}

/// Reads one mail and prints its line.
fn one(name: &str, bytes: Vec<u8>) {
    let engine = Engine::new();
    engine.parse(b"Subject: the tables that are built at first use\n\nx\n");
    let before = reset_peak();
    let start = Instant::now();
    // The stack of a thread as std makes it: 2 MiB.
    let report = std::thread::scope(|s| s.spawn(|| engine.parse(&bytes)).join());
    let seconds = start.elapsed().as_secs_f64();
    let above = before.and_then(|b| Some(peak()?.saturating_sub(b) / 1024));
    let above = above.map_or_else(|| "-".to_owned(), |p| p.to_string());
    let problems = report.map_or_else(|_| "PANIC".to_owned(), |r| r.problems.join("; "));
    println!(
        "| {name} | {:.1} | {seconds:.3} | {above} | {problems} |",
        bytes.len() as f64 / 1e6
    );
}

/// Sets the peak to what is used now, and gives that, in KiB.
fn reset_peak() -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    peak()
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn fill(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len())
}

fn mail(fields: &str, body: &str) -> Vec<u8> {
    format!("{FROM}{fields}\n{body}").into_bytes()
}

fn header(fields: &str) -> Vec<u8> {
    format!("{fields}{FROM}\nbody\n").into_bytes()
}

fn multipart(parts: &str) -> Vec<u8> {
    mail(
        "Content-Type: multipart/mixed; boundary=b\n",
        &format!("\n{parts}--b--\n"),
    )
}

fn report(status: &str) -> Vec<u8> {
    mail(
        "Content-Type: multipart/report; boundary=b\n",
        &format!(
            "--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n{status}\n--b--\n"
        ),
    )
}

fn nested(levels: usize) -> Vec<u8> {
    let mut body = String::new();
    for i in 0..levels {
        let _ = write!(
            body,
            "--b{i}\nContent-Type: multipart/mixed; boundary=b{}\n\n",
            i + 1
        );
    }
    mail("Content-Type: multipart/mixed; boundary=b0\n", &body)
}
