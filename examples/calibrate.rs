//! How often verdicts of each confidence are right: reads labelled replies, one JSON object a line with `text` and
//! `accept` (the categories that are right) and perhaps `hard` (true or false), and prints the bands.
//!
//! ```text
//! cargo run --release --example calibrate -- corpus/lines.jsonl
//! ```

use std::io::{self, Write};
use std::process::ExitCode;

use undeliverable::{BounceType, Engine};

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    match run(&files, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr().lock(), "calibrate: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Right verdicts and all of them.
#[derive(Clone, Copy, Default)]
struct Share {
    right: usize,
    all: usize,
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    fn write(self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        match self.all {
            0 => writeln!(out, "| {name} | - | 0 |"),
            all => writeln!(
                out,
                "| {name} | {:.1} % | {all} |",
                100.0 * self.right as f64 / all as f64
            ),
        }
    }
}

fn run(files: &[String], out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
    if files.is_empty() {
        return Err("name one or more files of labelled lines".into());
    }
    let engine = Engine::new();
    let mut bands = [Share::default(); 10];
    let (mut category, mut hard) = (Share::default(), Share::default());
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let at = |what: &str| format!("{file}:{}: {what}", number + 1);
            let label: serde_json::Value =
                serde_json::from_str(line).map_err(|e| at(&e.to_string()))?;
            let reply = label["text"].as_str().ok_or_else(|| at("no text"))?;
            let accept = label["accept"].as_array().ok_or_else(|| at("no accept"))?;
            let verdict = engine.classify(reply);
            let right = accept
                .iter()
                .any(|c| c.as_str() == Some(verdict.category.as_str()));
            let band = (verdict.confidence * 10.0) as usize;
            bands[band.min(9)].add(right);
            category.add(right);
            if let Some(wanted) = label["hard"].as_bool() {
                hard.add(wanted == (verdict.bounce_type == BounceType::Hard));
            }
        }
    }
    writeln!(out, "| confidence | right | replies |\n|---|---|---|")?;
    for (i, band) in bands.iter().enumerate() {
        band.write(
            &format!("{:.1} to {:.1}", i as f64 / 10.0, (i + 1) as f64 / 10.0),
            out,
        )?;
    }
    category.write("category, all", out)?;
    hard.write("hard or not", out)?;
    Ok(())
}
