//! Numbers that were read are written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::number::{parse_f64, parse_i64, push_f64, push_i64};

fuzz_target!(|data: &[u8]| {
    if let Some(n) = parse_i64(data) {
        let mut text = Vec::new();
        push_i64(&mut text, n);
        assert_eq!(text, data);
    }
    if let Some(d) = parse_f64(data) {
        let mut text = Vec::new();
        push_f64(&mut text, d);
        assert_eq!(parse_f64(&text), Some(d));
    }
});
