//! Numbers of geospatial replies: coordinates with 17 decimals, distances with 4.

use proto::encode::Reply;

/// Appends a coordinate: 17 decimals, without zeros at the end.
pub(super) fn coordinate(reply: &mut Reply<'_>, degrees: f64) {
    let text = format!("{degrees:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    reply.double_text(if text == "-0" { b"0" } else { text.as_bytes() });
}

/// Appends a distance: always 4 decimals, also in RESP3 as a string.
pub(super) fn distance(reply: &mut Reply<'_>, distance: f64) {
    const SCALE: f64 = 10_000.0;
    let scaled = (distance * SCALE).round_ties_even() as i64;
    let (sign, scaled) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    reply.bulk(format!("{sign}{}.{:04}", scaled / 10_000, scaled % 10_000).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::encode::Resp;

    fn written(write: impl Fn(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, Resp::V2));
        let text = String::from_utf8(out).unwrap();
        text.lines().nth(1).unwrap_or_default().to_string()
    }

    #[test]
    fn numbers_as_redis_prints_them() {
        for (d, want) in
            [(0.0, "0.0000"), (1.0, "1.0000"), (0.77504, "0.7750"), (166274.15156, "166274.1516")]
        {
            assert_eq!(written(|reply| distance(reply, d)), want);
        }
        for (d, want) in [(0.0, "0"), (-0.0, "0"), (-100.5, "-100.5"), (13.361389, "13.36138900000000085")] {
            assert_eq!(written(|reply| coordinate(reply, d)), want);
        }
    }
}
