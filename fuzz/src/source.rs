//! The program's reader of mbox files, taken in by its path: it needs nothing but bytes.

use std::io::Cursor;

#[path = "../../cli/src/source/envelope.rs"]
mod envelope;
#[path = "../../cli/src/source/mbox.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod mbox;

mod file {
    use std::marker::PhantomData;

    /// Stands for the gate before large messages, of which there are none here.
    #[derive(Debug, Default)]
    pub(crate) struct Heavy<'a>(PhantomData<&'a ()>);

    impl Heavy<'_> {
        pub fn admit(&mut self, _size: usize) {}
    }
}

/// The messages of an mbox; nothing where it is none.
pub fn messages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let Some(start) = mbox::Mbox::<Cursor<&[u8]>>::starts_at(bytes) else { return out };
    // The first look takes a piece of the stream only.
    let first = bytes.len().min(start + 100);
    let mut mbox = mbox::Mbox::new(bytes[start..first].to_vec(), Cursor::new(&bytes[first..]));
    while !mbox.ended() {
        let mut message = Vec::new();
        mbox.read(1 << 20, &mut message, &mut file::Heavy::default()).expect("memory can be read");
        out.push(message);
        assert!(out.len() <= bytes.len(), "every message takes bytes");
    }
    out
}
