//! HdrHistogram's interval log: a line a second and command, which HistogramLogAnalyzer and its kin read.
//!
//! Lines are tagged with the command's name; values are nanoseconds in the encoded histogram, and the
//! maximum in the line's own column is in milliseconds, as the tools expect.

use crate::stats::Second;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// A log that is being written.
pub struct HdrLog<W> {
    out: W,
}

impl<W: Write> HdrLog<W> {
    /// Writes the head; seconds count from `start`.
    ///
    /// # Errors
    /// The file's.
    pub fn new(mut out: W, start: SystemTime) -> io::Result<HdrLog<W>> {
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder
            .add_comment(concat!("percore-bench ", env!("CARGO_PKG_VERSION")))
            .with_start_time(start)
            .with_base_time(start)
            .with_max_value_divisor(1e6);
        builder.begin_log_with(&mut out, &mut serializer)?;
        Ok(HdrLog { out })
    }

    /// Writes a second, `since` the start.
    ///
    /// # Errors
    /// The file's.
    pub fn second(&mut self, since: Duration, names: &[String], second: &Second) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        let mut lines = Vec::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(1e6);
        let mut writer = builder.begin_log_with(&mut lines, &mut serializer)?;
        for (name, counted) in names.iter().zip(&second.commands) {
            // A tag has no comma, space or line end.
            let name: String =
                name.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '_' }).collect();
            writer
                .write_histogram(&counted.latency, since, Duration::from_secs(1), Tag::new(&name))
                .map_err(|e| io::Error::other(format!("{e:?}")))?;
        }
        // The head of each part is left out: one is at the start of the file.
        for line in lines.split_inclusive(|&b| b == b'\n').filter(|line| line.starts_with(b"Tag=")) {
            self.out.write_all(line)?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn a_reader_of_such_logs_finds_what_was_written() {
        let (mut interval, mut second) = (Interval::new(2), Second::default());
        interval.commands[0].record(1_000_000, 3);
        interval.commands[1].record(2_000_000, 4);
        second.add(&interval);
        let mut bytes = Vec::new();
        let mut log =
            HdrLog::new(&mut bytes, SystemTime::UNIX_EPOCH + Duration::from_secs(9)).expect("memory");
        let names = ["GET a, b".to_string(), "SET".to_string()];
        log.second(Duration::from_secs(0), &names, &second).expect("memory");
        log.second(Duration::from_secs(1), &names, &second).expect("memory");
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(line) = entry.expect("a line") {
                let data = line.encoded_histogram().as_bytes();
                let mut raw = data_encoding(data);
                let histogram: Histogram<u64> =
                    Deserializer::new().deserialize(&mut &raw[..]).expect("a histogram");
                raw.clear();
                found.push((
                    line.tag().map(|t| t.as_str().to_string()),
                    line.start_timestamp(),
                    histogram.len(),
                ));
            }
        }
        let tag = |t: &str| Some(t.to_string());
        let s = Duration::from_secs;
        assert_eq!(
            found,
            [
                (tag("GET_a__b"), s(0), 3),
                (tag("SET"), s(0), 4),
                (tag("GET_a__b"), s(1), 3),
                (tag("SET"), s(1), 4)
            ]
        );
    }

    /// Base64, as the log's lines are in.
    fn data_encoding(text: &[u8]) -> Vec<u8> {
        let value = |b: u8| match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let text: Vec<u8> = text.iter().copied().filter(|b| *b != b'=').map(value).collect();
        let bits = text.chunks(4).flat_map(|c| {
            let n = c.iter().enumerate().fold(0u32, |n, (i, v)| n | u32::from(*v) << (18 - 6 * i));
            n.to_be_bytes()[1..c.len()].to_vec()
        });
        bits.collect()
    }
}
