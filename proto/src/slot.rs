//! Hash slots: CRC16 (XMODEM) of the key or its `{hashtag}`, modulo 16384, as in Redis Cluster.

/// How many slots there are.
pub const SLOT_COUNT: usize = 16384;

/// The slot of `key`.
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    let mut part = key;
    if let Some(open) = key.iter().position(|&b| b == b'{')
        && let Some(len) = key[open + 1..].iter().position(|&b| b == b'}')
        && len > 0
    {
        part = &key[open + 1..open + 1 + len];
    }
    let mut crc = 0u16;
    for &b in part {
        crc ^= u16::from(b) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
        }
    }
    crc % SLOT_COUNT as u16
}
