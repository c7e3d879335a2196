//! How results are written: JSON Lines, CSV, a table.

pub(crate) mod json;
pub(crate) mod safe;
