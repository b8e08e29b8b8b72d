//! Keys that lie on different shards. Slots map to shards by contiguous ranges, so keys whose
//! slots are spread evenly over 0..16384 fall on as many shards as there are.

const SLOTS: usize = 16384;

/// CRC16 (XMODEM) of a key without a hashtag, modulo 16384; written again here, because the tests share
/// no code with the server.
pub fn slot(key: &str) -> usize {
    let crc = key.bytes().fold(0u16, |crc, b| {
        (0..8)
            .fold(crc ^ (u16::from(b) << 8), |c, _| if c & 0x8000 != 0 { (c << 1) ^ 0x1021 } else { c << 1 })
    });
    crc as usize % SLOTS
}

/// `n` keys beginning with `prefix`, the i-th in the i-th of `n` equal ranges of slots: on `n`
/// shards each has one, and on any number of shards they are spread as evenly as can be.
pub fn spread(prefix: &str, n: usize) -> Vec<String> {
    (0..n)
        .map(|i| {
            (0..)
                .map(|try_| format!("{prefix}:{i}:{try_}"))
                .find(|key| slot(key) * n / SLOTS == i)
                .expect("some suffix falls into every range")
        })
        .collect()
}

#[test]
fn slots_are_those_of_the_cluster_specification() {
    assert_eq!(slot("123456789"), 0x31C3);
    assert_eq!(slot("foo"), 12182);
}
