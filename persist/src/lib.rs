//! Formats and the disk seam: bytes in, bytes out.

pub mod crc64;
pub mod dense;
pub mod disk;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod packed;
pub mod rdb;
