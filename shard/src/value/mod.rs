//! What values are made of, apart from how they lie in the table.

pub(crate) mod bits;
pub(crate) mod hll;
