//! Hash slots: CRC16 of the key or its `{hashtag}`, modulo 16384, as in Redis Cluster.
//! Source: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tag>.
//!
//! The CRC is XMODEM's: polynomial 0x1021, most significant bit first, initial value 0, no final xor.
//! It is computed by slicing: `TABLES[k][b]` is the CRC of byte `b` followed by `k` zero bytes, so that
//! eight bytes cost eight independent look-ups instead of a chain of eight. 4 KiB of tables; every key of a
//! sharded server passes here, and keys are mostly 8 to 40 bytes long. Carry-less multiplication needs
//! some 64 bytes to pay for its set-up, and unsafe code.

/// How many slots there are.
pub const SLOT_COUNT: usize = 16384;

/// Bytes a step.
const SLICE: usize = 8;

static TABLES: [[u16; 256]; SLICE] = tables();

const fn tables() -> [[u16; 256]; SLICE] {
    const POLYNOMIAL: u16 = 0x1021;
    let mut tables = [[0; 256]; SLICE];
    let mut b = 0;
    while b < 256 {
        let mut crc = (b as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ POLYNOMIAL } else { crc << 1 };
            bit += 1;
        }
        tables[0][b] = crc;
        b += 1;
    }
    let mut k = 1;
    while k < SLICE {
        let mut b = 0;
        while b < 256 {
            let shorter: u16 = tables[k - 1][b];
            tables[k][b] = shorter << 8 ^ tables[0][(shorter >> 8) as usize];
            b += 1;
        }
        k += 1;
    }
    tables
}

/// CRC-16/XMODEM of `bytes`.
#[inline]
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (slices, rest) = bytes.as_chunks::<SLICE>();
    let mut crc = 0u16;
    for s in slices {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(s[0] ^ high)]
            ^ TABLES[6][usize::from(s[1] ^ low)]
            ^ TABLES[5][usize::from(s[2])]
            ^ TABLES[4][usize::from(s[3])]
            ^ TABLES[3][usize::from(s[4])]
            ^ TABLES[2][usize::from(s[5])]
            ^ TABLES[1][usize::from(s[6])]
            ^ TABLES[0][usize::from(s[7])];
    }
    for &b in rest {
        crc = crc << 8 ^ TABLES[0][usize::from((crc >> 8) as u8 ^ b)];
    }
    crc
}

/// The part of `key` that decides its slot: what stands between the first `{` and the first `}` after it,
/// unless that is empty or there is no such pair; then the whole key.
#[inline]
#[must_use]
pub fn hashtag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let inside = &key[open + 1..];
    match memchr::memchr(b'}', inside) {
        None | Some(0) => key,
        Some(len) => &inside[..len],
    }
}

/// The slot of `key`, below [`SLOT_COUNT`].
#[inline]
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(hashtag(key)) % SLOT_COUNT as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, one bit at a time.
    fn bitwise(bytes: &[u8]) -> u16 {
        let mut crc = 0u16;
        for &b in bytes {
            crc ^= u16::from(b) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            }
        }
        crc
    }

    #[test]
    fn known_checks() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
        assert_eq!(slot_of(b"123456789"), 12739); // the cluster specification's example
    }

    /// Slots as `CLUSTER KEYSLOT` answers them.
    #[test]
    fn known_slots() {
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"bar"), 5061);
        assert_eq!(slot_of(b"hello"), 866);
        assert_eq!(slot_of(b""), 0);
    }

    #[test]
    fn hashtags() {
        for (key, part) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo}{bar", "foo}{bar"),
            ("}{a}", "a"),
            ("{", "{"),
            ("{}", "{}"),
            ("{x}", "x"),
            ("", ""),
        ] {
            assert_eq!(hashtag(key.as_bytes()), part.as_bytes(), "{key}");
        }
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
    }

    proptest! {
        #[test]
        fn slices_agree_with_bits(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(crc16(&bytes), bitwise(&bytes));
        }
    }
}
