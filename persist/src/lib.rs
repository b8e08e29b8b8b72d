//! Formats and the disk seam: bytes in, bytes out.

pub mod disk;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod packed;
