//! DEBUG PROTOCOL: one reply of each type, for client libraries to try their parsers on.

use proto::encode::{Reply, Resp};

/// Writes the sample of a type.
///
/// # Errors
/// The error reply, when there is no such type or RESP2 has none like it.
pub fn sample(name: &[u8], r: &mut Reply<'_>) -> Result<(), Vec<u8>> {
    match name.to_ascii_lowercase().as_slice() {
        b"string" => r.bulk(b"Hello World"),
        b"integer" => r.int(12345),
        b"double" => r.double_text(b"3.141"),
        b"bignum" => r.big_number(b"1234567999999999999999999999999999999"),
        b"null" => r.null(),
        b"array" => {
            r.array(3);
            (0..3).for_each(|i| r.int(i));
        }
        b"set" => {
            r.set(3);
            (0..3).for_each(|i| r.int(i));
        }
        b"map" => {
            r.map(3);
            for i in 0..3 {
                r.int(i);
                r.boolean(i == 1);
            }
        }
        b"attrib" => attribute(r),
        b"push" => return push(r),
        b"true" => r.boolean(true),
        b"false" => r.boolean(false),
        b"verbatim" => r.verbatim("txt", b"This is a verbatim\nstring"),
        _ => {
            let names = "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
            let text = "ERR Wrong protocol type name. Please use one of the following: ";
            return Err([text, names].concat().into_bytes());
        }
    }
    Ok(())
}

/// An attribute is no reply of its own, so one follows it.
fn attribute(r: &mut Reply<'_>) {
    if r.resp() == Resp::V3 {
        r.attribute(1);
        r.bulk(b"key-popularity");
        r.array(2);
        r.bulk(b"key:123");
        r.int(90);
    }
    r.bulk(b"Some real reply following the attribute");
}

/// Nor is a push.
fn push(r: &mut Reply<'_>) -> Result<(), Vec<u8>> {
    if r.resp() == Resp::V2 {
        return Err(b"ERR RESP2 is not supported by this command".to_vec());
    }
    r.push(2);
    r.bulk(b"server-cpu-usage");
    r.int(42);
    r.bulk(b"Some real reply following the push reply");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, resp: Resp) -> String {
        let mut out = Vec::new();
        if let Err(text) = sample(name.as_bytes(), &mut Reply::new(&mut out, resp)) {
            out = [b"-", text.as_slice(), b"\r\n"].concat();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn samples_are_those_of_redis() {
        assert_eq!(of("DOUBLE", Resp::V3), ",3.141\r\n");
        assert_eq!(of("double", Resp::V2), "$5\r\n3.141\r\n");
        assert_eq!(of("map", Resp::V3), "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n");
        assert_eq!(of("map", Resp::V2), "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
        assert_eq!(of("set", Resp::V3), "~3\r\n:0\r\n:1\r\n:2\r\n");
        assert_eq!(of("verbatim", Resp::V3), "=29\r\ntxt:This is a verbatim\nstring\r\n");
        assert_eq!(of("attrib", Resp::V2), "$39\r\nSome real reply following the attribute\r\n");
        assert!(of("attrib", Resp::V3).starts_with("|1\r\n$14\r\nkey-popularity\r\n*2\r\n"));
        assert!(of("push", Resp::V3).starts_with(">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\n"));
        assert_eq!(of("push", Resp::V2), "-ERR RESP2 is not supported by this command\r\n");
        assert!(of("nosuch", Resp::V3).starts_with("-ERR Wrong protocol type name."));
    }
}
