//! A PostgreSQL of its own on loopback, started by the test and stopped when it goes out of scope.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

#[allow(dead_code, reason = "each user takes what it needs")]
pub struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers/postgres.sh")
}

impl Server {
    /// Starts one. `None`, in words on stderr, where PostgreSQL is not installed; with `CI=true` that is a failure.
    pub fn start() -> Option<Server> {
        let folder = tempfile::Builder::new()
            .prefix("undeliverable-pg")
            .tempdir()
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let status = Command::new(script())
            .arg("start")
            .arg(folder.path())
            .arg(port.to_string())
            .status()
            .unwrap();
        if status.code() == Some(3) {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "PostgreSQL is not installed; in CI it must be"
            );
            let _ = writeln!(
                std::io::stderr(),
                "skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)"
            );
            return None;
        }
        assert!(status.success(), "postgres.sh start: {status}");
        Some(Server { folder, port })
    }

    /// A new database and its URL.
    pub fn database(&self, name: &str) -> String {
        let admin = format!("postgres://test@127.0.0.1:{}/postgres", self.port);
        let mut client = postgres::Client::connect(&admin, postgres::NoTls).unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        format!("postgres://test@127.0.0.1:{}/{name}", self.port)
    }

    #[allow(dead_code, reason = "only the crash tests pull the plug")]
    pub fn stop(&self) {
        let status = Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .arg("immediate")
            .status()
            .unwrap();
        assert!(status.success());
    }

    #[allow(dead_code, reason = "only the crash tests pull the plug")]
    pub fn restart(&self) {
        let status = Command::new(script())
            .arg("restart")
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .arg("immediate")
            .status();
    }
}
