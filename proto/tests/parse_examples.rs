//! What the request parser accepts, skips and refuses, one case a line, each fed whole and byte by byte.

use proto::args::{Args, Span};
use proto::parse::{Limits, Parser, Step};

type Command = Vec<Vec<u8>>;

/// All commands of `input` (empty ones are left out) and the error that ended it, arriving in pieces of `piece`.
fn feed(input: &[u8], piece: usize, limits: &Limits) -> (Vec<Command>, Option<String>) {
    let (mut parser, mut from, mut commands) = (Parser::default(), 0, Vec::new());
    for arrived in (0..input.len()).step_by(piece).map(|n| (n + piece).min(input.len())) {
        let buf = &input[..arrived];
        loop {
            let mut spans: Vec<Span> = Vec::new();
            let (end, command) = match parser.next(buf, from, &mut spans, limits) {
                Ok(Step::Partial { missing }) => {
                    assert!(missing > 0 && spans.is_empty());
                    break;
                }
                Ok(Step::Command { end }) => (end, Args::new(buf, &spans)),
                Ok(Step::Inline { end }) => (end, Args::new(parser.unescaped(), &spans)),
                Err(error) => return (commands, Some(error.reply())),
            };
            if command.len() > 0 {
                commands.push(command.iter().map(<[u8]>::to_vec).collect());
            }
            from = end;
        }
    }
    (commands, None)
}

fn both_ways(input: &[u8], limits: &Limits) -> (Vec<Command>, Option<String>) {
    let whole = feed(input, input.len().max(1), limits);
    assert_eq!(whole, feed(input, 1, limits), "{:?}", String::from_utf8_lossy(input));
    whole
}

fn accepts(input: &[u8], want: &[&[&str]]) {
    let want: Vec<Command> = want.iter().map(|c| c.iter().map(|a| a.as_bytes().to_vec()).collect()).collect();
    assert_eq!(both_ways(input, &Limits::default()), (want, None), "{:?}", String::from_utf8_lossy(input));
}

fn refuses_with(input: &[u8], limits: &Limits, error: &str) {
    let (commands, got) = both_ways(input, limits);
    assert_eq!((commands.len(), got.as_deref()), (0, Some(error)), "{:?}", String::from_utf8_lossy(input));
}

fn refuses(input: &[u8], error: &str) {
    refuses_with(input, &Limits::default(), error);
}

#[test]
fn arrays_of_bulk_strings() {
    accepts(b"*1\r\n$4\r\nPING\r\n", &[&["PING"]]);
    accepts(b"*2\r\n$3\r\nGET\r\n$12\r\nabcdefghijkl\r\n", &[&["GET", "abcdefghijkl"]]);
    accepts(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", &[&["ECHO", ""]]);
    accepts(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", &[&["PING"], &["QUIT"]]);
    let long = "x".repeat(1234);
    accepts(format!("*2\r\n$4\r\nECHO\r\n$1234\r\n{long}\r\n").as_bytes(), &[&["ECHO", &long]]);
}

#[test]
fn binary_content_is_not_looked_at() {
    let (commands, error) = both_ways(b"*1\r\n$5\r\n\r\n\0$\xff\r\n", &Limits::default());
    assert_eq!((commands, error), (vec![vec![b"\r\n\0$\xff".to_vec()]], None));
}

#[test]
fn nothing_to_do() {
    accepts(b"", &[]);
    accepts(b"\r\n\n  \r\n*0\r\n*-1\r\n*-10\r\nPING\r\n", &[&["PING"]]);
}

/// Redis looks at neither the byte after a CR nor the two after a bulk string.
#[test]
fn what_redis_does_not_check() {
    accepts(b"*1\rX$4\rYPINGZZPING\r\n", &[&["PING"], &["PING"]]);
}

#[test]
fn inline_commands() {
    accepts(b"PING\r\n", &[&["PING"]]);
    accepts(b"PING\n", &[&["PING"]]);
    accepts(b"  set key \t value\r\n", &[&["set", "key", "value"]]);
    accepts(b"set \"a b\" 'c d'\r\nPING\n", &[&["set", "a b", "c d"], &["PING"]]);
    accepts(b"set k \"\"\r\n", &[&["set", "k", ""]]);
    accepts(b"$3\r\nGET\r\n", &[&["$3"], &["GET"]]);
}

#[test]
fn array_length_errors() {
    const INVALID: &str = "ERR Protocol error: invalid multibulk length";
    for input in
        ["*3000000000\r\n", "*2147483648\r\n", "*\r\n", "*x\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*1 \r\n"]
    {
        refuses(input.as_bytes(), INVALID);
    }
    refuses(&[&b"*"[..], &[b'1'; 64 << 10]].concat(), "ERR Protocol error: too big mbulk count string");
}

#[test]
fn bulk_length_errors() {
    const INVALID: &str = "ERR Protocol error: invalid bulk length";
    for length in
        ["-1", "-10", "", "x", "blabla", "01", "+1", "2000000000", "536870913", "99999999999999999999"]
    {
        refuses(format!("*1\r\n${length}\r\n").as_bytes(), INVALID);
    }
    refuses(b"*1\r\nfooz\r\n", "ERR Protocol error: expected '$', got 'f'");
    refuses(b"*1\r\n\r\n", "ERR Protocol error: expected '$', got '\r'");
    refuses(b"*2\r\n$1\r\nx\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'");
    refuses(&[&b"*1\r\n$"[..], &[b'1'; 64 << 10]].concat(), "ERR Protocol error: too big bulk count string");
}

#[test]
fn bulk_length_limit_is_exact() {
    let limits = Limits { bulk_len_max: 100, ..Limits::default() };
    let (commands, error) = both_ways(format!("*1\r\n$100\r\n{}\r\n", "x".repeat(100)).as_bytes(), &limits);
    assert_eq!((commands.len(), error), (1, None));
    refuses_with(b"*1\r\n$101\r\n", &limits, "ERR Protocol error: invalid bulk length");
    refuses_with(b"*1\r\n$4294967295\r\n", &Limits { bulk_len_max: u64::MAX, ..limits }, {
        "ERR Protocol error: invalid bulk length" // beyond what a span can address
    });
}

#[test]
fn inline_errors() {
    const TOO_BIG: &str = "ERR Protocol error: too big inline request";
    refuses(&[b'x'; (64 << 10) + 1], TOO_BIG);
    refuses(b"set \"\"\"test-key\"\"\" test-value\r\n", "ERR Protocol error: unbalanced quotes in request");
    refuses(b"set 'a\r\n", "ERR Protocol error: unbalanced quotes in request");
    let longest = [&[b'x'; 64 << 10][..], b"\n"].concat();
    assert_eq!(both_ways(&longest, &Limits::default()).1, None);
    // A line with a NUL has no end.
    refuses(&[&b"\0PING\r\n"[..], &[b'A'; 64 << 10]].concat(), TOO_BIG);
    refuses(
        &[&b"*\x001\r\n"[..], &[b'A'; 64 << 10]].concat(),
        "ERR Protocol error: too big mbulk count string",
    );
}

#[test]
fn limits_before_authentication() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    let ten = [b"*10\r\n".to_vec(), b"$1\r\nx\r\n".repeat(10)].concat();
    assert_eq!(both_ways(&ten, &limits).1, None);
    refuses_with(b"*11\r\n", &limits, "ERR Protocol error: unauthenticated multibulk length");
    let longest = [&b"*1\r\n$16384\r\n"[..], &[b'x'; 16384], b"\r\n"].concat();
    assert_eq!(both_ways(&longest, &limits).0.len(), 1);
    refuses_with(b"*1\r\n$16385\r\n", &limits, "ERR Protocol error: unauthenticated bulk length");
}

/// What is missing of a bulk string is known once its header is read.
#[test]
fn partial_tells_what_is_missing() {
    let (mut parser, mut spans, limits) = (Parser::default(), Vec::new(), Limits::default());
    let input = b"*2\r\n$3\r\nGET\r\n$1000000\r\nabc";
    let step = parser.next(input, 0, &mut spans, &limits);
    assert_eq!(step, Ok(Step::Partial { missing: 1_000_000 + 2 - 3 }));
    assert!(parser.is_partial());
    let step = Parser::default().next(b"*1\r", 0, &mut spans, &limits);
    assert_eq!(step, Ok(Step::Partial { missing: 1 }));
}

/// A huge announced array takes no memory before its elements come.
#[test]
fn announced_counts_reserve_nothing() {
    let (mut parser, mut spans) = (Parser::default(), Vec::new());
    let step = parser.next(b"*2147483647\r\n$1\r\nx\r\n", 0, &mut spans, &Limits::default());
    assert_eq!(step, Ok(Step::Partial { missing: 2 }));
    assert!(spans.capacity() < 1000);
}
