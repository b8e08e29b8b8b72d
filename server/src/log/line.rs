//! One line of the log, and how it is laid out.

use super::TEXT_MAX;
use crate::config::choices::LogLevel;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::{self, Write};

/// A line on its way to the log.
#[derive(Debug)]
pub struct Line {
    pub level: LogLevel,
    pub text: String,
    /// None is raw text: written as it is, with nothing before it.
    head: Option<(Timestamp, u8)>,
}

impl Line {
    pub fn new(level: LogLevel, role: u8, text: fmt::Arguments) -> Self {
        let mut bounded = Bounded(String::new());
        let _ = bounded.write_fmt(text);
        Self { level, text: bounded.0, head: Some((Timestamp::now(), role)) }
    }

    pub fn raw(text: &str) -> Self {
        Self { level: LogLevel::Notice, text: text.to_owned(), head: None }
    }

    /// Appends the line as the log shows it.
    pub fn push_to(&self, out: &mut String, pid: u32, zone: &TimeZone) {
        let Some((at, role)) = self.head else { return out.push_str(&self.text) };
        let time = at.to_zoned(zone.clone());
        let time = time.strftime("%d %b %Y %H:%M:%S.%3f");
        let _ = writeln!(out, "{pid}:{} {time} {} {}", char::from(role), mark(self.level), self.text);
    }
}

fn mark(level: LogLevel) -> char {
    match level {
        LogLevel::Debug => '.',
        LogLevel::Verbose => '-',
        LogLevel::Notice => '*',
        LogLevel::Warning | LogLevel::Nothing => '#',
    }
}

/// Text that stops growing at [`TEXT_MAX`] bytes.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(TEXT_MAX - self.0.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push_str(&text[..end]);
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &Line) -> String {
        let mut out = String::new();
        line.push_to(&mut out, 42, &TimeZone::UTC);
        out
    }

    #[test]
    fn a_line_has_redis_form() {
        let at = "2026-11-20T10:00:24.1239Z".parse().unwrap();
        for (level, mark) in [
            (LogLevel::Debug, '.'),
            (LogLevel::Verbose, '-'),
            (LogLevel::Notice, '*'),
            (LogLevel::Warning, '#'),
        ] {
            let line = Line { level, text: "hello".into(), head: Some((at, b'M')) };
            assert_eq!(shown(&line), format!("42:M 20 Nov 2026 10:00:24.123 {mark} hello\n"));
        }
    }

    #[test]
    fn times_are_local() {
        let at = "2026-01-02T23:30:00Z".parse().unwrap();
        let line = Line { level: LogLevel::Notice, text: String::new(), head: Some((at, b'S')) };
        let mut out = String::new();
        line.push_to(&mut out, 1, &TimeZone::fixed(jiff::tz::offset(1)));
        assert_eq!(out, "1:S 03 Jan 2026 00:30:00.000 * \n");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let line = Line::new(LogLevel::Notice, b'M', format_args!("{}{}", "a".repeat(TEXT_MAX - 1), "éé"));
        assert_eq!(line.text.len(), TEXT_MAX - 1);
        assert_eq!(Line::raw("x\ny").text, "x\ny");
        assert_eq!(shown(&Line::raw("x\ny")), "x\ny");
    }
}
