//! The reply reader never fails, agrees with the scanner, and what it read is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::encode::{Reply, Resp};
use proto::reply::{Value, reply_len};

fuzz_target!(|data: &[u8]| {
    let Ok(Some((value, len))) = Value::parse(data) else { return };
    assert_eq!(reply_len(data), Some(len));
    let mut text = Vec::new();
    value.write(&mut Reply::new(&mut text, Resp::V3));
    // RESP3 has one null.
    let again = Value::parse(&text).unwrap().unwrap().0;
    let mut second = Vec::new();
    again.write(&mut Reply::new(&mut second, Resp::V3));
    assert_eq!(text, second);
});
