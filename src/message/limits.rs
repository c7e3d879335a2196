//! How much of a message is looked at.

/// Bounds on the work for one message. What lies beyond a bound is not read; `problems` in the report says so.
///
/// ```
/// use undeliverable::{Engine, Limits};
/// let limits = Limits::default().max_bytes(1 << 20);
/// let engine = Engine::builder().limits(limits).build()?;
/// let report = engine.parse(&vec![b'x'; 2 << 20]);
/// assert_eq!(report.problems[0], "cut at 1048576 bytes");
/// # Ok::<(), undeliverable::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    pub(crate) max_bytes: usize,
    pub(crate) max_parts: usize,
    pub(crate) max_depth: usize,
    pub(crate) max_header_bytes: usize,
    pub(crate) max_fields: usize,
    pub(crate) max_recipients: usize,
    pub(crate) max_text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bytes: 64 << 20,
            max_parts: 1_000,
            max_depth: 32,
            max_header_bytes: 1 << 20,
            max_fields: 4_000,
            max_recipients: 10_000,
            max_text: 256 << 10,
        }
    }
}

/// Declares one setter.
macro_rules! setter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, limit: usize) -> Self {
            self.$name = limit.max(1);
            self
        }
    };
}

impl Limits {
    setter! {
        /// Bytes of a message that are read; default 64 MiB.
        max_bytes
    }
    setter! {
        /// MIME parts of a message; default 1,000.
        max_parts
    }
    setter! {
        /// Depth of multiparts inside each other; default 32.
        max_depth
    }
    setter! {
        /// Bytes of one header block; default 1 MiB.
        max_header_bytes
    }
    setter! {
        /// Fields of one header block; default 4,000.
        max_fields
    }
    setter! {
        /// Recipients of one report; default 10,000.
        max_recipients
    }
    setter! {
        /// Bytes of decoded text that are read as a notice's own words; default 256 KiB.
        max_text
    }
}
