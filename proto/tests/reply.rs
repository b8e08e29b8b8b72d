//! Replies survive being written and read, in both versions; and no bytes make the reader fail.

use proptest::prelude::*;
use proto::encode::{Reply, Resp};
use proto::number::push_f64;
use proto::reply::{Scanner, Value, reply_len};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..30), prop::collection::vec(any::<u8>(), 90..200)]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ -~]{0,20}".prop_map(|s| Value::Simple(s.into_bytes())),
        "[A-Z]{3,6} [ -~]{0,20}".prop_map(|s| Value::Error(s.into_bytes())),
        any::<i64>().prop_map(Value::Int),
        bytes().prop_map(Value::Bulk),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(|d| {
            let mut text = Vec::new();
            push_f64(&mut text, d);
            Value::Double(text)
        }),
        "-?[1-9][0-9]{0,40}".prop_map(|s| Value::BigNumber(s.into_bytes())),
        ("[a-z]{3}", bytes()).prop_map(|(format, text)| Value::Verbatim {
            format: format.as_bytes().try_into().unwrap_or(*b"txt"),
            text,
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 64, 8, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..8);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            many.clone().prop_map(Value::Array),
            many.clone().prop_map(Value::Set),
            many.prop_map(Value::Push),
            pairs.clone().prop_map(Value::Map),
            (pairs, inner).prop_map(|(pairs, value)| Value::Attributed(pairs, Box::new(value))),
        ]
    })
}

fn encoded(value: &Value, resp: Resp) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut Reply::new(&mut out, resp));
    out
}

/// Pieces of `size`, one scanner: the ends it finds.
fn ends(stream: &[u8], size: usize) -> (Vec<usize>, bool) {
    let (mut scanner, mut from, mut ends) = (Scanner::default(), 0, Vec::new());
    for arrived in (size..stream.len() + size).step_by(size) {
        loop {
            match scanner.next(&stream[..arrived.min(stream.len())], from) {
                Ok(Some(end)) => {
                    assert!(end > from);
                    ends.push(end);
                    from = end;
                }
                Ok(None) => break,
                Err(_) => return (ends, true),
            }
        }
    }
    (ends, false)
}

proptest! {
    #[test]
    fn resp3_round_trips(value in value()) {
        let text = encoded(&value, Resp::V3);
        prop_assert_eq!(reply_len(&text), Some(text.len()));
        prop_assert_eq!(Value::parse(&text), Ok(Some((value, text.len()))));
    }

    /// RESP2 says less; but what it says, it says the same when it is repeated.
    #[test]
    fn resp2_round_trips(value in value()) {
        let text = encoded(&value, Resp::V2);
        let Ok(Some((read, len))) = Value::parse(&text) else { panic!("{text:?}") };
        prop_assert_eq!(len, text.len());
        prop_assert_eq!(encoded(&read, Resp::V2), text);
    }

    /// The scanner finds the same ends however a stream of replies is cut, also when it is broken somewhere.
    #[test]
    fn any_cut_scans_the_same(
        values in prop::collection::vec(value(), 1..5),
        at: prop::sample::Index,
        byte in prop::option::of(any::<u8>()),
        size in 1..30usize,
    ) {
        let mut stream: Vec<u8> = values.iter().flat_map(|v| encoded(v, Resp::V3)).collect();
        if let Some(byte) = byte {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        prop_assert_eq!(ends(&stream, size), ends(&stream, stream.len()));
    }

    /// Reader and scanner agree on noise: where the reader sees a reply, the scanner sees its end.
    #[test]
    fn noise(noise in prop::collection::vec(prop::sample::select(b"+-:$*%~>|#,(=!_\r\n0129xtf".to_vec()), 0..60)) {
        match Value::parse(&noise) {
            Ok(Some((_, len))) => prop_assert_eq!(reply_len(&noise), Some(len)),
            Ok(None) => prop_assert_eq!(reply_len(&noise), None),
            Err(_) => {}
        }
    }
}
