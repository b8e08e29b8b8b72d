//! Any way of cutting a stream into reads parses the same: the commands, the errors, and where they stand.
//! Streams are valid requests, mutations of them, and noise; between reads the consumed front of the
//! buffer is dropped at random, as a connection does that compacts its buffer.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proto::args::{Args, Span};
use proto::parse::{Limits, Parser, Step};

/// Everything that a stream was understood as.
#[derive(PartialEq, Debug, Default)]
struct Understood {
    /// Arguments, and the offset in the stream where the command ended.
    commands: Vec<(Vec<Vec<u8>>, usize)>,
    error: Option<String>,
}

/// A connection's read side: a buffer whose front may be dropped.
#[derive(Default)]
struct Reader {
    parser: Parser,
    buf: Vec<u8>,
    /// Where the next command begins in `buf`.
    from: usize,
    /// How many bytes were dropped in front of `buf`.
    dropped: usize,
    understood: Understood,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], limits: &Limits) {
        self.buf.extend_from_slice(bytes);
        while self.understood.error.is_none() {
            let mut spans = vec![Span { start: 7, len: 7 }]; // what other commands left there
            let step = self.parser.next(&self.buf, self.from, &mut spans, limits);
            assert_eq!(spans[0], Span { start: 7, len: 7 });
            let (end, args) = match step {
                Ok(Step::Command { end }) => (end, Args::new(&self.buf, &spans[1..])),
                Ok(Step::Inline { end }) => (end, Args::new(self.parser.unescaped(), &spans[1..])),
                Ok(Step::Partial { missing }) => {
                    assert!(missing > 0 && spans.len() == 1);
                    return;
                }
                Err(error) => {
                    assert!(spans.len() == 1);
                    self.understood.error = Some(error.0);
                    return;
                }
            };
            assert!(end > self.from && end <= self.buf.len() && !self.parser.is_partial());
            let command = args.iter().map(<[u8]>::to_vec).collect();
            self.understood.commands.push((command, self.dropped + end));
            self.from = end;
        }
    }

    fn compact(&mut self) {
        self.buf.drain(..self.from);
        self.dropped += self.from;
        self.from = 0;
    }
}

fn whole(stream: &[u8], limits: &Limits) -> Understood {
    let mut reader = Reader::default();
    reader.read(stream, limits);
    reader.understood
}

/// `cuts` gives each piece's length, and whether the front is dropped after it.
fn in_pieces(stream: &[u8], cuts: &[(usize, bool)], limits: &Limits) -> Understood {
    let mut reader = Reader::default();
    let (mut rest, mut cuts) = (stream, cuts.iter().cycle());
    while !rest.is_empty() {
        let &(len, compact) = cuts.next().unwrap_or(&(1, false));
        let (piece, after) = rest.split_at(len.clamp(1, rest.len()));
        reader.read(piece, limits);
        if compact {
            reader.compact();
        }
        rest = after;
    }
    reader.understood
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        2 => prop::collection::vec(prop::sample::select(b"\r\n$*0123 \"'".to_vec()), 0..20),
        1 => prop::collection::vec(any::<u8>(), 90..300),
    ]
}

/// One request as bytes.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let array = prop::collection::vec(argument(), 0..6).prop_map(|args| {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(&arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    });
    let inline = r#"[a-c"'\\xn0-9 \t]{0,12}\r?\n"#.prop_map(String::into_bytes);
    prop_oneof![5 => array, 1 => inline]
}

/// Pipelines, some with a few bytes changed, removed or doubled.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pipeline = prop::collection::vec(request(), 1..8).prop_map(|requests| requests.concat());
    let edits = prop::collection::vec((any::<prop::sample::Index>(), edit_byte(), 0..3u8), 0..4);
    let mutated = (pipeline, edits).prop_map(|(mut bytes, edits)| {
        for (index, byte, kind) in edits {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
            }
        }
        bytes
    });
    let noise = prop::collection::vec(edit_byte(), 0..200);
    prop_oneof![5 => mutated, 1 => noise]
}

fn edit_byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(b"\r\n\0$*-0129 \"'\\".to_vec()), any::<u8>()]
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        prop::sample::select(vec![5u64, 100, 512 << 20]),
        prop::sample::select(vec![32usize, 64 << 10]),
        any::<bool>(),
    )
        .prop_map(|(bulk_len_max, inline_len_max, authenticated)| Limits {
            bulk_len_max,
            inline_len_max,
            authenticated,
        })
}

type Case = (Vec<u8>, Vec<(usize, bool)>, Limits);

fn case() -> impl Strategy<Value = Case> {
    let cuts = prop_oneof![
        Just(vec![(1, false)]),
        Just(vec![(1, true)]),
        prop::collection::vec((1..40usize, any::<bool>()), 1..20),
    ];
    (stream(), cuts, limits())
}

fn check((stream, cuts, limits): Case) -> Result<(), TestCaseError> {
    prop_assert_eq!(whole(&stream, &limits), in_pieces(&stream, &cuts, &limits));
    Ok(())
}

proptest! {
    #[test]
    fn any_cut_parses_the_same(case in case()) {
        check(case)?;
    }

    /// A valid pipeline comes out as it was made.
    #[test]
    fn requests_round_trip(commands in prop::collection::vec(prop::collection::vec(argument(), 1..6), 1..6)) {
        let mut bytes = Vec::new();
        for args in &commands {
            let mut reply = proto::encode::Reply::new(&mut bytes, proto::encode::Resp::V2);
            reply.array(args.len());
            args.iter().for_each(|a| reply.bulk(a));
        }
        let understood = whole(&bytes, &Limits::default());
        let got: Vec<_> = understood.commands.into_iter().map(|(args, _)| args).collect();
        prop_assert_eq!((got, understood.error), (commands, None));
    }
}

/// The same property over many more cases, the same ones in every run.
#[test]
fn seeded_mutations_parse_the_same() {
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    runner.run(&case(), check).unwrap();
}

/// Megabytes in small pieces: if each piece made the parser start over, this would take many minutes.
#[test]
fn big_commands_in_small_pieces_take_linear_time() {
    let limits = Limits::default();
    let value =
        [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000\r\n".to_vec(), vec![b'x'; 5_000_000], b"\r\n".to_vec()];
    assert_eq!(in_pieces(&value.concat(), &[(1000, false)], &limits).commands.len(), 1);
    let many = [b"*100000\r\n".to_vec(), b"$3\r\nabc\r\n".repeat(100_000)].concat();
    let understood = in_pieces(&many, &[(7, false)], &limits);
    assert_eq!(understood.commands[0].0.len(), 100_000);
    assert_eq!(understood.commands[0].1, many.len());
}
