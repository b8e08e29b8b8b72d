//! Whether foreign bytes are a listpack: RESTORE payloads and files may say anything. Every length is compared with
//! what is there before it is used, so that no input makes this panic, read outside, or take more than one pass.
//!
//! After a deep check the walks in both directions are safe: each element ends where its backlen ends, the
//! backlen is the one that its size gives (Redis takes some others, which nobody writes), and the last
//! element ends at the end mark. A shallow check is for bytes whose checksum has been verified: a header that fits.

use super::{COUNT_UNKNOWN, Corrupt, EMPTY_BYTES, END, HEADER, backlen, backlen_size, encoded_size};

/// Whether `bytes` are a listpack: its header and end, and with `deep` every element.
///
/// # Errors
/// The first fault found. (A listpack without elements is none; it is for the data types to refuse it.)
pub fn check(bytes: &[u8], deep: bool) -> Result<(), Corrupt> {
    if bytes.len() < EMPTY_BYTES {
        return Err(Corrupt::new(bytes.len(), "a listpack shorter than its header"));
    }
    let total = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if total as usize != bytes.len() {
        return Err(Corrupt::new(0, "a listpack of another length than its header says"));
    }
    let end = bytes.len() - 1;
    if bytes[end] != END {
        return Err(Corrupt::new(end, "a listpack without its end mark"));
    }
    if !deep {
        return Ok(());
    }
    let (mut at, mut found) = (HEADER, 0);
    while at < end {
        at += check_element(&bytes[at..end]).map_err(|why| Corrupt::new(at, why))?;
        found += 1;
    }
    let count = u16::from_le_bytes([bytes[4], bytes[5]]);
    if count != COUNT_UNKNOWN && usize::from(count) != found {
        return Err(Corrupt::new(4, "a listpack of another count than its header says"));
    }
    Ok(())
}

/// Bytes of the element at the start of `bytes`, which go up to the end mark.
fn check_element(bytes: &[u8]) -> Result<usize, &'static str> {
    let head_size = match bytes[0] {
        0xE0..=0xEF => 2,
        0xF0 => 5,
        0xF5..=0xFF => return Err("an element of no known encoding"),
        _ => 1,
    };
    if bytes.len() < head_size {
        return Err("an element cut short in its length");
    }
    let encoded = encoded_size(bytes);
    let back_size = backlen_size(encoded);
    let back = bytes.get(encoded..).and_then(|rest| rest.get(..back_size));
    let back = back.ok_or("an element that reaches beyond the end")?;
    if back != &backlen(encoded)[5 - back_size..] {
        return Err("an element whose length backwards is another");
    }
    Ok(encoded + back_size)
}
