//! timing spike
#![allow(clippy::print_stdout)]
use std::time::Instant;
fn main() {
    let t = Instant::now();
    let e = undeliverable::Engine::new();
    println!("engine {:?}", t.elapsed());
    let t = Instant::now();
    e.parse(b"Subject: x\n\nhi\n");
    println!("first parse {:?}", t.elapsed());
    let dir = std::env::args().nth(1).unwrap();
    let mails: Vec<Vec<u8>> = std::fs::read_dir(dir)
        .unwrap()
        .map(|f| std::fs::read(f.unwrap().path()).unwrap())
        .collect();
    let bytes: usize = mails.iter().map(Vec::len).sum();
    for _ in 0..12 {
        let t = Instant::now();
        for m in &mails {
            std::hint::black_box(e.parse(m));
        }
        println!(
            "parse {:?}/msg {} msgs {} bytes",
            t.elapsed() / mails.len() as u32,
            mails.len(),
            bytes
        );
        let t = Instant::now();
        for m in &mails {
            std::hint::black_box(mail_parser::MessageParser::default().parse(m));
        }
        println!("mail-parser {:?}/msg", t.elapsed() / mails.len() as u32);
    }
}
