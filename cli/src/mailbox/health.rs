//! A small web server for two pages: `/metrics` for Prometheus, `/health` for whoever asks whether all is well.
//!
//! It has a thread of its own, so that it answers while the ledger is busy, and takes few connections for a short time, so
//! that whoever can reach it cannot do harm.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::metrics::Metrics;
use crate::clock;

/// Connections at the same time; others wait.
const CONNECTIONS: usize = 16;
/// How long one may last.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of a request.
const MAX_REQUEST: usize = 16 << 10;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Reads `127.0.0.1:9465`, `[::1]:9465`, or a port alone, which is one of this machine and not of the network.
///
/// # Errors
/// Where it is something else.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse();
    port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|_: std::num::ParseIntError| text.parse())
        .map_err(|_| {
            "a port, or an address and a port such as 127.0.0.1:9465, is expected".to_owned()
        })
}

/// Serves the pages until the process ends; gives the address, which tells the port where none was asked for.
///
/// # Errors
/// Where the address cannot be had.
pub(crate) fn serve(address: SocketAddr, metrics: Arc<Metrics>) -> anyhow::Result<SocketAddr> {
    serve_within(TIME, address, metrics)
}

fn serve_within(
    time: Duration,
    address: SocketAddr,
    metrics: Arc<Metrics>,
) -> anyhow::Result<SocketAddr> {
    let shown = || format!("metrics at {address}");
    let listener = TcpListener::bind(address).with_context(shown)?;
    listener.set_nonblocking(true).with_context(shown)?;
    let bound = listener.local_addr().with_context(shown)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .with_context(shown)?;
    thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(accept(listener, metrics, time)))
        .with_context(shown)?;
    Ok(bound)
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>, time: Duration) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(e) => return tracing::error!("metrics are not served: {e}"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so there is always a place some time.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptors left: others will give some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&request, &metrics, clock::now());
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(time)
                .max_buf_size(MAX_REQUEST)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // Who breaks off has what he wanted, or wanted nothing good.
            drop(timeout(time, connection).await);
            drop(place);
        });
    }
}

fn respond(request: &Request<Incoming>, metrics: &Metrics, now: i64) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = page(
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "GET is expected\n".into(),
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => page(StatusCode::OK, OPEN_METRICS, metrics.text(now)),
        "/health" => {
            let health = metrics.health(now);
            let status = match health.status {
                "ok" => StatusCode::OK,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            let text = serde_json::to_string(&health).unwrap_or_default();
            page(status, JSON, text + "\n")
        }
        _ => page(
            StatusCode::NOT_FOUND,
            PLAIN,
            "/metrics and /health are here\n".into(),
        ),
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        for (text, expected) in [
            ("9465", Some("127.0.0.1:9465")),
            (":9465", Some("127.0.0.1:9465")),
            ("0.0.0.0:9465", Some("0.0.0.0:9465")),
            ("[::1]:9465", Some("[::1]:9465")),
            ("70000", None),
            ("localhost:9465", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            let got = address(text).ok().map(|a| a.to_string());
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }

    fn server() -> SocketAddr {
        // Nobody has succeeded for a very long time.
        let metrics = Metrics::new(["bounces"], [], 600, 0);
        serve(address("0").unwrap(), Arc::new(metrics)).unwrap()
    }

    fn ask(at: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // The server may have refused before it has read everything.
        drop(stream.write_all(request.as_bytes()));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn two_pages() {
        let at = server();
        for (request, status, content) in [
            (
                "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                "200",
                "undeliverable_messages_total{",
            ),
            (
                "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
                "503",
                r#"{"status":"failing","accounts""#,
            ),
            (
                "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n",
                "503",
                "content-length",
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "404",
                "/metrics and /health",
            ),
            (
                "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                "405",
                "GET is expected",
            ),
            ("EHLO example.com\r\n\r\n", "400", ""),
        ] {
            let answer = ask(at, request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request}: {answer}"
            );
            assert!(answer.contains(content), "{request}: {answer}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(2 * MAX_REQUEST));
        assert!(!ask(at, &long).contains("200"));
    }

    #[test]
    fn who_says_nothing_keeps_nobody_away_for_long() {
        let time = Duration::from_millis(500);
        let metrics = Arc::new(Metrics::new([], [], 600, 0));
        let at = serve_within(time, address("0").unwrap(), metrics).unwrap();
        let idle: Vec<TcpStream> = (0..CONNECTIONS)
            .map(|_| TcpStream::connect(at).unwrap())
            .collect();
        let started = Instant::now();
        let answer = ask(at, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let waited = started.elapsed();
        assert!(
            waited > time / 2,
            "no more than {CONNECTIONS} at the same time"
        );
        assert!(waited < TIME, "{waited:?}");
        drop(idle);
    }

    #[test]
    fn an_address_that_is_taken() {
        let at = server();
        let metrics = Arc::new(Metrics::new([], [], 600, 0));
        let error = format!("{:#}", serve(at, metrics).unwrap_err());
        assert!(error.contains(&at.to_string()), "{error}");
    }
}
