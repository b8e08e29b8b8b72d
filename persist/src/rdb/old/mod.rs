//! Packed forms that Redis wrote once and that are only read: both become listpacks.

pub mod ziplist;
pub mod zipmap;
