//! Values of several parts: save points, output-buffer limits, event classes and the like.

use super::units;
use super::value::Value;

/// Save after this many seconds if at least so many changes were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavePoint {
    pub seconds: u64,
    pub changes: u64,
}

/// When a client that does not read its replies is disconnected. 0 is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutputLimit {
    /// At once when its unsent replies pass this many bytes.
    pub hard_bytes: u64,
    /// When they stay above this many bytes …
    pub soft_bytes: u64,
    /// … for this many seconds.
    pub soft_seconds: u64,
}

/// The classes of clients that have an output limit, as indexes of the limits.
pub const NORMAL: usize = 0;
pub const REPLICA: usize = 1;
pub const PUBSUB: usize = 2;

/// The names under which CONFIG GET lists the classes.
pub const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// The most addresses that `bind` takes.
pub const BIND_MAX: usize = 16;

pub fn read_save(words: &[Vec<u8>]) -> Result<Vec<SavePoint>, String> {
    let words = if words == [b""] { &[] } else { words };
    let point = |pair: &[Vec<u8>]| {
        let seconds = units::lenient_int(pair.first()?, 10).filter(|n| *n >= 1)?;
        let changes = units::lenient_int(pair.get(1)?, 10).filter(|n| *n >= 0)?;
        Some(SavePoint { seconds: seconds.unsigned_abs(), changes: changes.unsigned_abs() })
    };
    let points: Option<Vec<SavePoint>> = words.chunks(2).map(point).collect();
    points.ok_or_else(|| "Invalid save parameters".into())
}

pub fn read_bind(words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    if words.len() > BIND_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(if words == [b""] { Vec::new() } else { words.to_vec() })
}

/// The limits with the classes that the words name replaced.
pub fn read_output_limits(words: &[Vec<u8>], old: &Value) -> Result<[OutputLimit; 3], String> {
    let mut limits = if let Value::Limits(limits) = old { *limits } else { Default::default() };
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for limit in words.chunks_exact(4) {
        let class =
            class(&limit[0]).ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[class] = output_limit(limit)
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(limits)
}

fn class(name: &[u8]) -> Option<usize> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Some(NORMAL),
        b"slave" | b"replica" => Some(REPLICA),
        b"pubsub" => Some(PUBSUB),
        _ => None,
    }
}

fn output_limit(words: &[Vec<u8>]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: units::memory(&words[1])?,
        soft_bytes: units::memory(&words[2])?,
        soft_seconds: units::lenient_int(&words[3], 10).and_then(|n| u64::try_from(n).ok())?,
    })
}

pub fn read_oom_values(words: &[Vec<u8>]) -> Result<[i32; 3], String> {
    let [a, b, c] = words else { return Err("wrong number of arguments".into()) };
    let score = |word: &[u8]| {
        let n = units::lenient_int(word, 10).filter(|n| (-2000..=2000).contains(n));
        n.map(|n| n as i32)
            .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".to_owned())
    };
    Ok([score(a)?, score(b)?, score(c)?])
}

/// The letters of the event classes, in the order of their bits.
const EVENTS: &[u8; 14] = b"g$lshzxetdKEmn";
/// What the letter A stands for: the first ten.
pub const EVENTS_ALL: u16 = 0x3ff;
pub const EVENTS_KEYSPACE: u16 = 1 << 10;
pub const EVENTS_KEYEVENT: u16 = 1 << 11;

pub fn read_events(word: &[u8]) -> Result<u16, String> {
    let bit = |letter: u8| match EVENTS.iter().position(|l| *l == letter) {
        _ if letter == b'A' => Some(EVENTS_ALL),
        position => position.map(|p| 1 << p),
    };
    let bits = word.iter().try_fold(0, |bits, letter| Some(bits | bit(*letter)?));
    bits.ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
}

fn show_events(bits: u16) -> String {
    // Redis's own order: the classes or A, new keys only beside single classes, channels, misses.
    let order: &[u8] = if bits & EVENTS_ALL == EVENTS_ALL { b"KEm" } else { b"g$lshzxetdnKEm" };
    let set = |letter: &&u8| EVENTS.iter().position(|l| l == *letter).is_some_and(|p| bits & (1 << p) != 0);
    let all = (bits & EVENTS_ALL == EVENTS_ALL).then_some('A');
    all.into_iter().chain(order.iter().filter(set).map(|l| char::from(*l))).collect()
}

pub fn read_percentiles(words: &[Vec<u8>]) -> Result<Vec<f64>, String> {
    let words = if words == [b""] { &[] } else { words };
    let percentile = |word: &Vec<u8>| {
        let number: Option<f64> = std::str::from_utf8(word).ok().and_then(|w| w.parse().ok());
        match number {
            None => Err("Invalid latency-tracking-info-percentiles parameters".to_owned()),
            Some(n) if (0.0..=100.0).contains(&n) => Ok(n),
            Some(_) => {
                Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into())
            }
        }
    };
    words.iter().map(percentile).collect()
}

pub fn read_replica_of(words: &[Vec<u8>]) -> Result<Option<(Vec<u8>, u16)>, String> {
    let [host, port] = words else { return Err("wrong number of arguments".into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(None);
    }
    let number = units::lenient_int(port, 10).and_then(|n| u16::try_from(n).ok());
    number.map(|n| Some((host.clone(), n))).ok_or_else(|| "Invalid primary port".into())
}

/// A value of this file as CONFIG GET answers it.
pub fn show(value: &Value) -> Vec<u8> {
    let join = |parts: Vec<String>| parts.join(" ").into_bytes();
    match value {
        Value::Save(points) => join(points.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect()),
        Value::Limits(limits) => join(std::iter::zip(CLASSES, limits).map(show_limit).collect()),
        Value::Oom(scores) => join(scores.iter().map(ToString::to_string).collect()),
        Value::Notify(bits) => show_events(*bits).into_bytes(),
        Value::Percentiles(list) => join(list.iter().map(|n| units::show_double(*n)).collect()),
        Value::ReplicaOf(Some((host, port))) => [host.as_slice(), format!(" {port}").as_bytes()].concat(),
        _ => Vec::new(),
    }
}

fn show_limit((class, limit): (&str, &OutputLimit)) -> String {
    format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|w| w.as_bytes().to_vec()).collect()
    }

    fn shown(value: &Value) -> String {
        String::from_utf8(show(value)).unwrap()
    }

    #[test]
    fn save_points() {
        let points = read_save(&words("900 1 60 10000")).unwrap();
        assert_eq!(shown(&Value::Save(points)), "900 1 60 10000");
        assert_eq!(read_save(&words("")).unwrap(), []);
        assert_eq!(read_save(&[]).unwrap(), []);
        for bad in ["900", "0 1", "1 -1", "a 1", "1 1 2"] {
            assert_eq!(read_save(&words(bad)).unwrap_err(), "Invalid save parameters", "{bad}");
        }
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let old =
            read_output_limits(&words("normal 1 2 3 replica 4 5 6 pubsub 7 8 9"), &Value::Nothing).unwrap();
        let new = read_output_limits(&words("slave 1kb 0 0"), &Value::Limits(old)).unwrap();
        assert_eq!(shown(&Value::Limits(new)), "normal 1 2 3 slave 1024 0 0 pubsub 7 8 9");
        let reason = |line| read_output_limits(&words(line), &Value::Nothing).unwrap_err();
        assert!(reason("normal 1 2").starts_with("Wrong number of arguments"));
        assert!(reason("master 1 2 3").starts_with("Invalid client class"));
        assert!(reason("normal 1 2 -3").starts_with("Error in hard, soft"));
    }

    #[test]
    fn event_classes_in_redis_order() {
        for (set, shows) in [("KEA", "AKE"), ("Ex", "xE"), ("", ""), ("g$lshzxetdK", "AK"), ("nmlK", "lnKm")]
        {
            let bits = read_events(set.as_bytes()).unwrap();
            assert_eq!(show_events(bits), shows);
        }
        assert!(read_events(b"Q").is_err());
    }

    #[test]
    fn percentiles_scores_and_primaries() {
        let list = read_percentiles(&words("50 99.9 100")).unwrap();
        assert_eq!(shown(&Value::Percentiles(list)), "50 99.9 100");
        assert!(read_percentiles(&words("101")).is_err() && read_percentiles(&words("x")).is_err());
        assert_eq!(read_oom_values(&words("-1 0 2000")).unwrap(), [-1, 0, 2000]);
        assert!(read_oom_values(&words("1 2")).is_err() && read_oom_values(&words("1 2 2001")).is_err());
        let primary = read_replica_of(&words("h 1")).unwrap();
        assert_eq!(shown(&Value::ReplicaOf(primary)), "h 1");
        assert_eq!(read_replica_of(&words("NO ONE")).unwrap(), None);
        assert_eq!(read_replica_of(&words("h x")).unwrap_err(), "Invalid primary port");
    }

    #[test]
    fn at_most_sixteen_addresses() {
        assert_eq!(
            read_bind(&words(&["a"; 17].join(" "))).unwrap_err(),
            "Too many bind addresses specified."
        );
        assert_eq!(read_bind(&words("")).unwrap(), Vec::<Vec<u8>>::new());
    }
}
