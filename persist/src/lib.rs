//! Formats and the disk seam: bytes in, bytes out.

pub mod disk;
