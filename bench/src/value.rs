//! Values: how long each is, and what it holds.
//!
//! All values are slices of one block of random lower-case letters, made once from the seed, so a value costs no
//! more than its copy. Letters, because a value of one repeated byte would flatter a server that compresses.

use oorandom::Rand64;

/// Longest value, in bytes: Redis's `proto-max-bulk-len`.
const SIZE_MAX: usize = 512 << 20;

/// How long values are, in bytes.
#[derive(Clone, PartialEq, Debug)]
pub enum Sizes {
    Fixed(usize),
    /// Evenly distributed, both ends included.
    Range(usize, usize),
    /// Sizes with the sum of the weights up to and including each, scaled to 2^32.
    Weighted(Vec<(usize, u64)>),
}

impl Sizes {
    /// Reads `64`, `16-1024` or `64:0.9,1024:0.1`.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse(text: &str) -> Result<Sizes, String> {
        let bad = || format!("bad value \"{text}\": a size, a range 16-1024, or weights 64:0.9,1024:0.1");
        let size = |t: &str| t.trim().parse::<usize>().ok().filter(|&n| n <= SIZE_MAX).ok_or_else(bad);
        if text.contains(':') {
            let mut parts = Vec::new();
            for part in text.split(',') {
                let (bytes, weight) = part.split_once(':').ok_or_else(bad)?;
                let weight = weight.trim().parse::<f64>().ok().filter(|w| w.is_finite() && *w >= 0.0);
                parts.push((size(bytes)?, weight.ok_or_else(bad)?));
            }
            return Self::weighted(&parts).ok_or_else(bad);
        }
        match text.split_once('-') {
            Some((low, high)) => {
                let (low, high) = (size(low)?, size(high)?);
                if low <= high { Ok(Sizes::Range(low, high)) } else { Err(bad()) }
            }
            None => Ok(Sizes::Fixed(size(text)?)),
        }
    }

    fn weighted(parts: &[(usize, f64)]) -> Option<Sizes> {
        let total: f64 = parts.iter().map(|(_, weight)| weight).sum();
        if total <= 0.0 {
            return None;
        }
        let mut sum = 0.0;
        let scaled = parts.iter().map(|&(size, weight)| {
            sum += weight;
            (size, (sum / total * 4_294_967_296.0) as u64)
        });
        Some(Sizes::Weighted(scaled.collect()))
    }

    /// The length of the next value.
    pub fn draw(&self, random: &mut Rand64) -> usize {
        match self {
            Sizes::Fixed(size) => *size,
            Sizes::Range(low, high) => low + below(random, (high - low) as u64 + 1) as usize,
            Sizes::Weighted(parts) => {
                let point = random.rand_u64() >> 32;
                let found = parts.iter().find(|(_, sum)| point < *sum).or(parts.last());
                found.map_or(0, |(size, _)| *size)
            }
        }
    }

    /// The longest there can be.
    #[must_use]
    pub fn max(&self) -> usize {
        match self {
            Sizes::Fixed(size) | Sizes::Range(_, size) => *size,
            Sizes::Weighted(parts) => parts.iter().map(|(size, _)| *size).max().unwrap_or(0),
        }
    }

    /// The one size there is, if there is one.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Sizes::Fixed(size) => Some(*size),
            _ => None,
        }
    }
}

/// A number below `limit`, by a multiplication: biased by less than `limit` / 2^64.
#[inline]
pub fn below(random: &mut Rand64, limit: u64) -> u64 {
    ((u128::from(random.rand_u64()) * u128::from(limit)) >> 64) as u64
}

/// A block of random letters, of which values are the beginnings.
#[must_use]
pub fn letters(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Rand64::new(u128::from(seed) ^ 0x76_616c_7565);
    (0..len).map(|_| b'a' + below(&mut random, 26) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(Sizes::parse("64"), Ok(Sizes::Fixed(64)));
        assert_eq!(Sizes::parse("16-1024"), Ok(Sizes::Range(16, 1024)));
        assert_eq!(Sizes::parse("64:0.9,1024:0.1").expect("weights").max(), 1024);
        for bad in ["", "x", "-1", "9-3", "64:0.9,1024", "64:-1", "1:0", "600000000", "64:nan"] {
            assert!(Sizes::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_even_and_reach_both_ends() {
        let (sizes, mut random) = (Sizes::Range(10, 19), Rand64::new(7));
        let mut counts = [0u32; 10];
        (0..100_000).for_each(|_| counts[sizes.draw(&mut random) - 10] += 1);
        assert!(counts.iter().all(|n| (9_500..10_500).contains(n)), "{counts:?}");
    }

    #[test]
    fn weights_are_kept() {
        let (sizes, mut random) = (Sizes::parse("1:3,2:1").expect("weights"), Rand64::new(7));
        let small = (0..100_000).filter(|_| sizes.draw(&mut random) == 1).count();
        assert!((74_000..76_000).contains(&small), "{small}");
    }

    #[test]
    fn values_are_letters_of_the_seed() {
        assert_eq!(letters(100, 1), letters(100, 1));
        assert_ne!(letters(100, 1), letters(100, 2));
        assert!(letters(1000, 1).iter().all(u8::is_ascii_lowercase));
    }
}
