//! spike
#![allow(clippy::print_stdout)]
use std::io::{BufRead, Write};
fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let engine = undeliverable::Engine::new();
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    if args[0] == "classify" {
        for line in std::io::stdin().lock().lines() {
            let v = engine.classify(line?.as_str());
            serde_json::to_writer(&mut out, &v)?;
            out.write_all(b"\n")?;
        }
        return Ok(());
    }
    let mut names: Vec<_> = std::fs::read_dir(&args[1])?.map(|e| e.unwrap().path()).collect();
    names.sort();
    for p in names {
        let mut r = engine.parse(&std::fs::read(&p)?);
        r.source = Some(p.to_string_lossy().into_owned());
        serde_json::to_writer(&mut out, &r)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
