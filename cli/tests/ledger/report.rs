//! The report: counts, rates, and a page that asks nobody for anything.

use crate::kit::{bounce, mails, mbox, ok, ok_with, text_of};

fn ledger() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let db = text_of(&folder.path().join("ledger.sqlite"));
    let path = folder.path().join("box.mbox");
    std::fs::write(&path, mbox(&mails(480))).unwrap();
    ok(&db, &["scan", "--record", "--summary", &text_of(&path)]);
    (folder, db)
}

#[test]
fn rates_and_what_to_fix() {
    let (folder, db) = ledger();
    let sent = folder.path().join("sent.csv");
    std::fs::write(&sent, "day,campaign,provider,sent\n2026-01-01,s1@example.org,d1.example,30000\n2026-01-02,s2@example.org,d2.example,10000\n").unwrap();
    let json = ok(
        &db,
        &["report", "--format", "json", "--sent", &text_of(&sent)],
    );
    let r: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(r["total"]["bounces"], 480);
    assert_eq!(r["total"]["sent"], 40_000);
    assert_eq!(r["total"]["rate"], 1.2);
    assert_eq!(r["benchmarks"][0]["ok"], true);
    assert!(
        r["benchmarks"][0]["from"]
            .as_str()
            .unwrap()
            .contains("no primary source")
    );
    let fix = &r["fix_first"][0];
    assert_eq!(
        (&fix["action"], &fix["recipients"]),
        (&"delist".into(), &20.into()),
        "{fix}"
    );
    assert!(ok(&db, &["report"]).contains("What to fix first"));
}

#[test]
fn the_page_needs_nothing_and_trusts_nobody() {
    let (_folder, db) = ledger();
    let hostile = bounce(
        "\"<script>alert(1)</script>\"@example.com",
        "550 5.9.9 <img src=http://example.net/x.png onerror=alert(1)> \u{202e}glorp",
        3,
        "<svg onload=alert(1)>",
    );
    ok_with(&db, &["deliver"], hostile.as_bytes());
    let page = ok(&db, &["report", "--format", "html"]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    for word in [
        "<script",
        "<img",
        "<svg onload",
        "<link",
        "<iframe",
        " src=",
        "url(",
        "@import",
        "\u{202e}",
    ] {
        let inside = page
            .split('<')
            .any(|tag| word.strip_prefix('<').is_some_and(|w| tag.starts_with(w)));
        let raw = !word.starts_with('<')
            && page.split('>').any(|t| {
                t.rsplit_once('<')
                    .is_some_and(|(_, tag)| tag.contains(word))
            });
        assert!(!inside && !raw, "{word}");
    }
    assert!(
        page.contains("default-src 'none'"),
        "the browser itself lets no request leave"
    );
    // Every tag that is opened is closed.
    for tag in [
        "svg", "table", "tr", "td", "div", "h2", "p", "style", "title",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

/// Opens the page in a browser behind a proxy that takes nothing: no request leaves, and there is something to see.
#[test]
fn a_browser_shows_it() {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|b| {
            std::process::Command::new(b)
                .arg("--version")
                .output()
                .is_ok_and(|o| o.status.success())
        });
    let Some(browser) = browser else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no browser is installed; in CI one must be"
        );
        eprintln!("skipped: no browser is installed (Debian: apt-get install chromium)");
        return;
    };
    let (folder, db) = ledger();
    let hostile = bounce(
        "x@example.com",
        "550 5.9.9 <img src=http://tracker.example.net/x.png> glorp",
        3,
        "s",
    );
    ok_with(&db, &["deliver"], hostile.as_bytes());
    let page = folder.path().join("report.html");
    std::fs::write(&page, ok(&db, &["report", "--format", "html"])).unwrap();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let (asked, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in proxy.incoming().flatten() {
            let mut line = String::new();
            let _ = std::io::BufRead::read_line(&mut std::io::BufReader::new(stream), &mut line);
            let _ = asked.send(line);
        }
    });
    let shot = std::env::var_os("UNDELIVERABLE_SHOT")
        .map_or_else(|| folder.path().join("shot.png"), Into::into);
    let paper = folder.path().join("page.pdf");
    for what in [
        format!("--screenshot={}", shot.display()),
        format!("--print-to-pdf={}", paper.display()),
    ] {
        let status = std::process::Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--no-first-run", "--window-size=1100,2600", &what])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg(format!("--proxy-server=127.0.0.1:{port}"))
            .arg(format!("file://{}", page.display()))
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
    let asked: Vec<String> = heard.try_iter().filter(|l| l.contains("example")).collect();
    assert!(asked.is_empty(), "{asked:?}");
    assert!(std::fs::metadata(&shot).unwrap().len() > 10_000);
    assert!(std::fs::read(&paper).unwrap().starts_with(b"%PDF"));
}
