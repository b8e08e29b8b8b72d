//! The form of INFO: titles, `name:value` lines that end in CRLF, and how numbers are shown.

use std::fmt::{Display, Write};

/// INFO's reply as it is written.
#[derive(Default, Debug)]
pub struct Text(String);

impl Text {
    /// Begins a section; an empty line divides it from the one before.
    pub fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        let _ = write!(self.0, "# {title}\r\n"); // a String takes all
    }

    pub fn field(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.0, "{name}:{value}\r\n"); // a String takes all
    }

    /// A number of bytes, and once more for people.
    pub fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }

    /// Fields of things that this server does not have or do: all zero.
    pub fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.field(name, 0));
    }

    #[must_use]
    pub fn end(self) -> String {
        self.0
    }
}

/// A size as Redis shows it to people: `512B`, `1.50K`, `895.01M`.
#[must_use]
pub fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let step = ((bytes.ilog2() / 10) as usize).min(UNITS.len());
    format!("{:.2}{}", bytes as f64 / (1u64 << (10 * step)) as f64, UNITS[step - 1])
}

/// `part / whole`, or 0 when there is no whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Seconds with six decimals, of microseconds.
#[must_use]
pub fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A number with at most six decimals and no zeros at its end: `99.9`, `50`.
#[must_use]
pub fn short(n: f64) -> String {
    let long = format!("{n:.6}");
    long.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A name that came from a client or from Lua, with what would break INFO's form replaced, as in Redis.
#[must_use]
pub fn safe(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        let shown = [0, 1023, 1024, 1536, 916_488, 5 << 20, 25_276_510_208, u64::MAX].map(human);
        assert_eq!(shown, ["0B", "1023B", "1.00K", "1.50K", "895.01K", "5.00M", "23.54G", "16384.00P"]);
    }

    #[test]
    fn numbers() {
        assert_eq!([50.0, 99.9, 0.0, 99.999_999_9].map(short), ["50", "99.9", "0", "100"]);
        assert_eq!(seconds(2_000_517), "2.000517");
        assert_eq!((ratio(3, 2), ratio(1, 0)), (1.5, 0.0));
        assert_eq!(safe("a:b#c"), "a_b_c");
    }

    #[test]
    fn titles_and_fields() {
        let mut t = Text::default();
        t.section("A");
        t.bytes("x", 2048);
        t.section("B");
        t.zeros(&["y", "z"]);
        assert_eq!(t.end(), "# A\r\nx:2048\r\nx_human:2.00K\r\n\r\n# B\r\ny:0\r\nz:0\r\n");
    }
}
