//! The 24 access bits of every entry: when it was last used, or how often.
//!
//! Under an LFU `maxmemory-policy` they hold two fields, otherwise one:
//!
//! ```text
//! LRU   | seconds of the Unix clock, modulo 2^24 (wraps every 194 days)            |
//! LFU   | minutes of the Unix clock, modulo 2^16 | counter, logarithmic, 0..=255   |
//! ```
//!
//! The LFU counter goes up with probability `1 / ((counter - 5) * lfu-log-factor + 1)` at an access and
//! down by one for every `lfu-decay-time` minutes without one, so that some 10 million accesses fill it
//! with the default factor. A new key starts at 5: it must survive until its second access.
//! Source: Redis's documentation of "Key eviction", section "The LFU eviction policy".

use crate::random::Random;
use crate::settings::Settings;

/// Bits that an entry has for this.
const CLOCK_MASK: u32 = (1 << 24) - 1;
/// Where the counter of a new key starts.
pub const LFU_COUNTER_INITIAL: u32 = 5;
const LFU_COUNTER_MAX: u32 = 255;
const LFU_MINUTES_MASK: u32 = (1 << 16) - 1;

/// The LRU clock: seconds, modulo 2^24.
#[inline]
#[must_use]
pub fn clock_seconds(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & CLOCK_MASK
}

/// The LFU clock: minutes, modulo 2^16.
#[inline]
#[must_use]
pub fn clock_minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & LFU_MINUTES_MASK
}

/// The bits of a key that is new.
#[inline]
#[must_use]
pub fn fresh(settings: &Settings, now_ms: i64) -> u32 {
    if settings.maxmemory_policy.is_lfu() {
        clock_minutes(now_ms) << 8 | LFU_COUNTER_INITIAL
    } else {
        clock_seconds(now_ms)
    }
}

/// The bits of a key after an access.
#[inline]
#[must_use]
pub fn touched(bits: u32, settings: &Settings, now_ms: i64, random: &mut Random) -> u32 {
    if settings.maxmemory_policy.is_lfu() {
        let counter = increment(frequency(bits, settings, now_ms), settings.lfu_log_factor, random);
        clock_minutes(now_ms) << 8 | counter
    } else {
        clock_seconds(now_ms)
    }
}

/// LRU bits of a key that was last used so many seconds ago; beyond half of the clock's range it is that.
#[must_use]
pub fn of_idle_seconds(seconds: i64, now_ms: i64) -> u32 {
    let now = clock_seconds(now_ms);
    let then = u32::try_from(seconds).ok().and_then(|seconds| now.checked_sub(seconds));
    then.unwrap_or((now + CLOCK_MASK / 2) % CLOCK_MASK)
}

/// LFU bits of a key with this counter.
#[must_use]
pub fn of_frequency(counter: u8, now_ms: i64) -> u32 {
    clock_minutes(now_ms) << 8 | u32::from(counter)
}

/// Seconds since the last access, of LRU bits.
#[must_use]
pub fn idle_seconds(bits: u32, now_ms: i64) -> u32 {
    let now = clock_seconds(now_ms);
    if now >= bits { now - bits } else { now + (CLOCK_MASK - bits) }
}

/// The counter of LFU bits, with the decay up to now.
#[must_use]
pub fn frequency(bits: u32, settings: &Settings, now_ms: i64) -> u32 {
    let counter = bits & LFU_COUNTER_MAX;
    if settings.lfu_decay_minutes == 0 {
        return counter;
    }
    counter.saturating_sub(minutes_since(bits >> 8, now_ms) / settings.lfu_decay_minutes)
}

fn minutes_since(then: u32, now_ms: i64) -> u32 {
    let now = clock_minutes(now_ms);
    if now >= then { now - then } else { LFU_MINUTES_MASK - then + now }
}

fn increment(counter: u32, log_factor: u32, random: &mut Random) -> u32 {
    if counter >= LFU_COUNTER_MAX {
        return LFU_COUNTER_MAX;
    }
    let above = f64::from(counter.saturating_sub(LFU_COUNTER_INITIAL));
    let odds = 1.0 / (above * f64::from(log_factor) + 1.0);
    counter + u32::from(random.unit() < odds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MaxmemoryPolicy;

    fn lfu() -> Settings {
        Settings { maxmemory_policy: MaxmemoryPolicy::AllkeysLfu, ..Settings::default() }
    }

    #[test]
    fn the_idle_time_survives_a_wrap_of_the_clock() {
        assert_eq!(idle_seconds(clock_seconds(5_000), 65_000), 60);
        assert_eq!(idle_seconds(CLOCK_MASK - 10, 5_000), 15);
    }

    #[test]
    fn a_new_key_starts_at_five_and_decays_to_zero() {
        let settings = lfu();
        let bits = fresh(&settings, 0);
        assert_eq!(frequency(bits, &settings, 0), 5);
        assert_eq!(frequency(bits, &settings, 3 * 60_000), 2);
        assert_eq!(frequency(bits, &settings, 300 * 60_000), 0);
        let frozen = Settings { lfu_decay_minutes: 0, ..settings };
        assert_eq!(frequency(bits, &frozen, 300 * 60_000), 5);
    }

    /// Redis documents: 100 hits give some 10, 1,000 some 18, with the default factor of 10.
    #[test]
    fn the_counter_is_logarithmic() {
        let settings = lfu();
        let mut random = Random::new(7);
        let mut bits = fresh(&settings, 0);
        let mut after = [0; 2];
        for hit in 1..=1000 {
            bits = touched(bits, &settings, 0, &mut random);
            match hit {
                100 => after[0] = frequency(bits, &settings, 0),
                1000 => after[1] = frequency(bits, &settings, 0),
                _ => {}
            }
        }
        assert!((7..=14).contains(&after[0]), "{after:?}");
        assert!((14..=24).contains(&after[1]), "{after:?}");
    }

    #[test]
    fn a_full_counter_stays_full() {
        let settings = lfu();
        assert_eq!(touched(LFU_COUNTER_MAX, &settings, 0, &mut Random::new(1)), LFU_COUNTER_MAX);
    }
}
