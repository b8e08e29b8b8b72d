//! A request stream means the same whole and in pieces. The first byte chooses the size of the pieces and the
//! limits; the rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::args::{Args, Span};
use proto::parse::{Limits, Parser, Step};

type Understood = (Vec<Vec<Vec<u8>>>, Option<String>);

fn feed(stream: &[u8], piece: usize, limits: &Limits) -> Understood {
    let (mut parser, mut from, mut commands) = (Parser::default(), 0, Vec::new());
    for arrived in (piece..stream.len() + piece).step_by(piece) {
        let buf = &stream[..arrived.min(stream.len())];
        loop {
            let mut spans: Vec<Span> = Vec::new();
            let (end, args) = match parser.next(buf, from, &mut spans, limits) {
                Ok(Step::Command { end }) => (end, Args::new(buf, &spans)),
                Ok(Step::Inline { end }) => (end, Args::new(parser.unescaped(), &spans)),
                Ok(Step::Partial { missing }) => {
                    assert!(missing > 0);
                    break;
                }
                Err(error) => return (commands, Some(error.0)),
            };
            assert!(end > from && end <= buf.len());
            commands.push(args.iter().map(<[u8]>::to_vec).collect());
            from = end;
        }
    }
    (commands, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else { return };
    let limits = Limits {
        bulk_len_max: if choice & 1 == 0 { 1000 } else { u64::MAX },
        inline_len_max: if choice & 2 == 0 { 32 } else { 64 << 10 },
        authenticated: choice & 4 == 0,
    };
    let piece = usize::from(choice >> 3) + 1;
    assert_eq!(feed(stream, stream.len().max(1), &limits), feed(stream, piece, &limits));
});
