//! Numbers of the configuration: memory with units, C's lenient integers, and lists of CPUs.
//!
//! | unit | bytes | unit | bytes |
//! |---|---|---|---|
//! | `k` | 1000 | `kb` | 1024 |
//! | `m` | 1000² | `mb` | 1024² |
//! | `g` | 1000³ | `gb` | 1024³ |
//!
//! Units are case-insensitive; `b` is one byte.

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;
const GB: u64 = 1 << 30;

/// The largest CPU number that a list may name: what a kernel's affinity mask can hold.
pub const CPU_MAX: usize = 1023;

/// A number as C's `strtoll` takes it, to the end of the text: spaces and a sign may lead it.
#[must_use]
pub fn lenient_int(text: &[u8], radix: u32) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim_start();
    if text.is_empty() {
        return Some(0);
    }
    i64::from_str_radix(text, radix).ok()
}

/// A number of bytes. None if it is not one; past `u64::MAX` it stays there.
#[must_use]
pub fn memory(text: &[u8]) -> Option<u64> {
    let split = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => KB,
        b"m" => 1_000_000,
        b"mb" => MB,
        b"g" => 1_000_000_000,
        b"gb" => GB,
        _ => return None,
    };
    let digit = |n: u64, b: &u8| n.saturating_mul(10).saturating_add(u64::from(b - b'0'));
    if digits.is_empty() && !unit.is_empty() {
        return None;
    }
    Some(digits.iter().fold(0, digit).saturating_mul(factor))
}

/// A number of bytes as a configuration file states it: in the largest unit that is exact.
#[must_use]
pub fn show_memory(bytes: u64) -> String {
    for (unit, name) in [(GB, "gb"), (MB, "mb"), (KB, "kb")] {
        if bytes != 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// A double without trailing zeros, six digits after the point at most.
#[must_use]
pub fn show_double(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// CPUs as `taskset -c` takes them: `2-5,7`, `0-6:2` (every second). In the order given, each once.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn cpu_list(text: &str) -> Result<Vec<usize>, String> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (cpu_number(first, part)?, cpu_number(last, part)?);
        let step: usize = step.trim().parse().ok().filter(|n| *n > 0).ok_or_else(|| bad_cpus(part))?;
        if first > last {
            return Err(bad_cpus(part));
        }
        for cpu in (first..=last).step_by(step) {
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
    }
    Ok(cpus)
}

fn cpu_number(text: &str, part: &str) -> Result<usize, String> {
    text.trim().parse().ok().filter(|n| *n <= CPU_MAX).ok_or_else(|| bad_cpus(part))
}

fn bad_cpus(part: &str) -> String {
    format!("argument must be a list of CPUs such as 2-5,7 ('{part}' is not)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_units_are_redis_units() {
        let cases = [
            ("1k", 1000),
            ("1kb", 1024),
            ("1m", 1_000_000),
            ("1Mb", 1 << 20),
            ("1g", 1_000_000_000),
            ("2GB", 2 << 30),
            ("7", 7),
            ("7b", 7),
            ("99999999999999999999", u64::MAX),
        ];
        for (text, bytes) in cases {
            assert_eq!(memory(text.as_bytes()), Some(bytes), "{text}");
        }
        for text in ["-1", "k", "1kk", "1 k", "1.5mb", "x"] {
            assert_eq!(memory(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_in_the_largest_exact_unit() {
        for (bytes, text) in [(0, "0"), (1024, "1kb"), (1 << 30, "1gb"), (3000, "3000"), (96 << 20, "96mb")] {
            assert_eq!(show_memory(bytes), text);
            assert_eq!(memory(text.as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn doubles_lose_their_zeros() {
        assert_eq!(show_double(99.9), "99.9");
        assert_eq!(show_double(50.0), "50");
        assert_eq!(show_double(0.0), "0");
    }

    #[test]
    fn lists_of_cpus() {
        assert_eq!(cpu_list("2-5,7").unwrap(), [2, 3, 4, 5, 7]);
        assert_eq!(cpu_list("0-6:2,0").unwrap(), [0, 2, 4, 6]);
        for bad in ["", "a", "5-2", "1,,2", "0-4:0", "99999"] {
            assert!(cpu_list(bad).is_err(), "{bad}");
        }
    }
}
