//! A request, prepared once: the bytes of RESP with holes where random numbers, hash tags and values go.
//!
//! ```text
//!   SET key:__rand_int__ __data__          values all of one size: bytes, and where to write into them
//!   *3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$64\r\nabc…\r\n
//!                                  ^ hole: 12 digits
//!
//!   the same with sizes that vary          steps, which are appended one after another
//!   [copy "*3…key:"] [number] [copy "\r\n"] [header] [data] [copy "\r\n"]
//! ```
//!
//! Of the first form a whole pipeline stays in a buffer and only its holes are written again: a request then costs
//! its digits. A template may hold several commands (a transaction): it is one request of several replies.

use crate::distribution::Sampler;
use crate::value::{Sizes, letters};
use crate::words::Word;
use oorandom::Rand64;
use std::sync::Arc;

/// What stands for a random number, as in redis-benchmark.
const NUMBER: &[u8] = b"__rand_int__";
/// What stands for a value.
const DATA: &[u8] = b"__data__";
/// What stands for a hash tag of the connection's node.
const TAG: &[u8] = b"{tag}";
/// Digits of a number.
pub const DIGITS: usize = 12;

/// A hash tag that lies on some node, without its braces.
pub type Tag = [u8; 3];

/// Where what fills the holes comes from. One a thread.
#[derive(Clone, Debug)]
pub struct Draw {
    pub random: Rand64,
    sampler: Option<Sampler>,
    sizes: Sizes,
    letters: Arc<[u8]>,
    /// For each node of a cluster its tags.
    tags: Arc<[Vec<Tag>]>,
    /// The node that the request goes to.
    pub node: usize,
    /// The tag of the request.
    tag: Tag,
    /// Numbers are those of this connection, out of so many: see [`crate::verify`].
    pub partition: Option<(u64, u64)>,
    /// What a value begins with; it is then as long as its size, but not shorter than this.
    pub stamp: Vec<u8>,
    /// The last number drawn.
    pub number: u64,
    /// The length of the last value drawn; of values of one size it is not set.
    pub size: usize,
}

impl Draw {
    #[must_use]
    pub fn new(seed: u64, stream: u64, sampler: Option<Sampler>, sizes: Sizes) -> Draw {
        let letters = letters(sizes.max(), seed).into();
        Draw {
            random: Rand64::new(u128::from(seed) << 64 | u128::from(stream)),
            sampler,
            sizes,
            letters,
            tags: Arc::from([]),
            node: 0,
            tag: *b"tag",
            partition: None,
            stamp: Vec::new(),
            number: 0,
            size: 0,
        }
    }

    #[must_use]
    pub fn with_tags(self, tags: Arc<[Vec<Tag>]>) -> Draw {
        Draw { tags, ..self }
    }

    fn number(&mut self) -> u64 {
        let number = self.sampler.as_ref().map_or(0, |s| s.draw(&mut self.random));
        self.number = match self.partition {
            Some((own, of)) => number / of * of + own,
            None => number,
        };
        self.number
    }

    /// A request begins: all its keys get one tag, so that they lie in one slot.
    #[inline]
    fn begin(&mut self) {
        if let Some(tags) = self.tags.get(self.node).filter(|tags| !tags.is_empty()) {
            let i = crate::value::below(&mut self.random, tags.len() as u64) as usize;
            self.tag = tags[i];
        }
    }

    /// The letters that values are made of.
    #[must_use]
    pub fn letters(&self) -> Arc<[u8]> {
        Arc::clone(&self.letters)
    }

    fn append_value(&self, out: &mut Vec<u8>, size: usize) {
        out.extend_from_slice(&self.stamp);
        let rest = size.saturating_sub(self.stamp.len());
        out.extend_from_slice(self.letters.get(..rest).unwrap_or(&self.letters));
    }
}

/// Something to be filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hole {
    Number,
    Tag,
}

#[derive(Clone, Debug)]
enum Step {
    Copy(Vec<u8>),
    Fill(Hole),
    /// `$<length>\r\n` of an argument of `plain` bytes and so many values, whose size is drawn here.
    Header {
        plain: usize,
        values: usize,
    },
    Data,
}

/// A request with holes.
#[derive(Clone, Debug)]
pub struct Template {
    /// Replies that it is answered with.
    pub replies: u32,
    /// Without holes filled; empty if sizes vary.
    bytes: Vec<u8>,
    holes: Vec<(usize, Hole)>,
    /// How to build it; empty if the bytes are there.
    steps: Vec<Step>,
}

/// What holes there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holes {
    /// `__rand_int__` is one, not text.
    pub numbers: bool,
    /// `{tag}` is one, not text.
    pub tags: bool,
    /// Values of one size are built anew each time too: they carry a stamp.
    pub stamped: bool,
}

impl Template {
    /// Prepares commands that are sent together.
    #[must_use]
    pub fn new(commands: &[Vec<Word>], sizes: &Sizes, seed: u64, holes: Holes) -> Template {
        let mut steps = Vec::new();
        for words in commands {
            copy(&mut steps, format!("*{}\r\n", words.len()).as_bytes());
            words.iter().for_each(|word| argument(&mut steps, word, holes));
        }
        let replies = commands.len() as u32;
        let fixed = if holes.stamped { None } else { sizes.fixed() };
        let varies = steps.iter().any(|s| matches!(s, Step::Header { values: 1.., .. }));
        match (fixed, varies) {
            (None, true) => Template { replies, bytes: Vec::new(), holes: Vec::new(), steps },
            _ => Self::fixed(replies, &steps, &letters(fixed.unwrap_or(0), seed)),
        }
    }

    /// Bytes that are sent as they are: an inline command.
    #[must_use]
    pub fn raw(bytes: &[u8]) -> Template {
        Template { replies: 1, bytes: bytes.to_vec(), holes: Vec::new(), steps: Vec::new() }
    }

    fn fixed(replies: u32, steps: &[Step], value: &[u8]) -> Template {
        let (mut bytes, mut holes) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Copy(text) => bytes.extend_from_slice(text),
                Step::Data => bytes.extend_from_slice(value),
                Step::Header { plain, values } => header(&mut bytes, plain + values * value.len()),
                Step::Fill(hole) => {
                    holes.push((bytes.len(), *hole));
                    bytes.extend_from_slice(if *hole == Hole::Number { b"000000000000" } else { b"{tag}" });
                }
            }
        }
        Template { replies, bytes, holes, steps: Vec::new() }
    }

    /// The length of every request, if they have the same.
    #[must_use]
    pub fn stride(&self) -> Option<usize> {
        self.steps.is_empty().then_some(self.bytes.len())
    }

    /// Appends a request.
    pub fn append(&self, out: &mut Vec<u8>, draw: &mut Draw) {
        if self.steps.is_empty() {
            let start = out.len();
            out.extend_from_slice(&self.bytes);
            self.fill(&mut out[start..], draw);
            return;
        }
        draw.begin();
        let mut size = 0;
        for step in &self.steps {
            match step {
                Step::Copy(text) => out.extend_from_slice(text),
                Step::Data => draw.append_value(out, size),
                Step::Header { plain, values: 0 } => header(out, *plain),
                Step::Header { plain, values } => {
                    size = draw.sizes.draw(&mut draw.random).max(draw.stamp.len());
                    draw.size = size;
                    header(out, plain + values * size);
                }
                Step::Fill(hole) => {
                    let start = out.len();
                    out.extend_from_slice(if *hole == Hole::Number { b"000000000000" } else { b"{tag}" });
                    fill(&mut out[start..], *hole, draw);
                }
            }
        }
    }

    /// Writes the holes of one request that this template made, in place.
    #[inline]
    pub fn fill(&self, request: &mut [u8], draw: &mut Draw) {
        draw.begin();
        for &(at, hole) in &self.holes {
            fill(&mut request[at..], hole, draw);
        }
    }
}

#[inline]
fn fill(place: &mut [u8], hole: Hole, draw: &mut Draw) {
    match hole {
        Hole::Number => digits(&mut place[..DIGITS], draw.number()),
        Hole::Tag => place[1..4].copy_from_slice(&draw.tag),
    }
}

/// A number below 10^12, right-aligned with zeros. Two halves, so that the divisions are short.
#[inline]
fn digits(place: &mut [u8], number: u64) {
    let (high, low) = ((number / 1_000_000 % 1_000_000) as u32, (number % 1_000_000) as u32);
    for (half, mut n) in [(0, high), (6, low)] {
        for i in (half..half + 6).rev() {
            place[i] = b'0' + (n % 10) as u8;
            n /= 10;
        }
    }
}

fn header(out: &mut Vec<u8>, len: usize) {
    out.push(b'$');
    proto::number::push_i64(out, len as i64);
    out.extend_from_slice(b"\r\n");
}

fn copy(steps: &mut Vec<Step>, bytes: &[u8]) {
    if let Some(Step::Copy(text)) = steps.last_mut() {
        text.extend_from_slice(bytes);
    } else if !bytes.is_empty() {
        steps.push(Step::Copy(bytes.to_vec()));
    }
}

/// The steps of one argument: its header, and its parts.
fn argument(steps: &mut Vec<Step>, word: &[u8], holes: Holes) {
    let (mut parts, mut rest) = (Vec::new(), word);
    let (mut plain, mut values) = (0, 0);
    while !rest.is_empty() {
        let (step, used) = if holes.numbers && rest.starts_with(NUMBER) {
            (Step::Fill(Hole::Number), NUMBER.len())
        } else if holes.tags && rest.starts_with(TAG) {
            (Step::Fill(Hole::Tag), TAG.len())
        } else if rest.starts_with(DATA) {
            values += 1;
            (Step::Data, DATA.len())
        } else {
            (Step::Copy(rest[..1].to_vec()), 1)
        };
        plain += if matches!(step, Step::Data) { 0 } else { used };
        parts.push(step);
        rest = &rest[used..];
    }
    if values == 0 {
        let mut head = Vec::new();
        header(&mut head, plain);
        copy(steps, &head);
    } else {
        steps.push(Step::Header { plain, values });
    }
    for part in parts {
        match part {
            Step::Copy(text) => copy(steps, &text),
            other => steps.push(other),
        }
    }
    copy(steps, b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;
    use crate::words::split;

    const ALL: Holes = Holes { numbers: true, tags: true, stamped: false };

    fn draw(sizes: &Sizes, n: u64) -> Draw {
        let sampler = Sampler::new(Distribution::Sequential, n);
        Draw::new(7, 0, Some(sampler), sizes.clone()).with_tags(Arc::from([vec![*b"abc"], vec![*b"xyz"]]))
    }

    fn template(text: &str, sizes: &Sizes, holes: Holes) -> Template {
        Template::new(&split(text).expect(text), sizes, 7, holes)
    }

    fn rendered(template: &Template, draw: &mut Draw) -> String {
        let mut out = Vec::new();
        template.append(&mut out, draw);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn holes_are_filled_in_place() {
        let sizes = Sizes::Fixed(2);
        let t = template("SET key:__rand_int__ __data__", &sizes, ALL);
        let (mut draw, value) = (draw(&sizes, 1000), String::from_utf8(letters(2, 7)).expect("letters"));
        let want = |n| format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{n:012}\r\n$2\r\n{value}\r\n");
        let mut bytes = rendered(&t, &mut draw).into_bytes();
        assert_eq!(bytes, want(0).as_bytes());
        t.fill(&mut bytes, &mut draw);
        assert_eq!(bytes, want(1).as_bytes());
        assert_eq!(t.stride(), Some(bytes.len()));
    }

    #[test]
    fn values_that_vary_are_built() {
        let sizes = Sizes::Range(5, 15);
        let t = template("SET __rand_int__ a__data__b__data__", &sizes, ALL);
        assert_eq!(t.stride(), None);
        let mut draw = draw(&sizes, 10);
        for i in 0..50 {
            let mut out = Vec::new();
            t.append(&mut out, &mut draw);
            let (value, len) = proto::reply::Value::parse(&out).expect("RESP").expect("whole");
            assert_eq!(len, out.len());
            let proto::reply::Value::Array(words) = value else { panic!("an array") };
            let [_, proto::reply::Value::Bulk(key), proto::reply::Value::Bulk(data)] = &words[..] else {
                panic!("three words")
            };
            assert_eq!(key, format!("{:012}", i % 10).as_bytes());
            assert!((12..=32).contains(&data.len()) && data.len() % 2 == 0 && data[0] == b'a');
        }
    }

    #[test]
    fn what_is_not_asked_for_stays_text() {
        let holes = Holes { numbers: false, tags: false, stamped: false };
        let t = template("GET {tag}:__rand_int__", &Sizes::Fixed(3), holes);
        assert_eq!(
            rendered(&t, &mut draw(&Sizes::Fixed(3), 9)),
            "*2\r\n$3\r\nGET\r\n$18\r\n{tag}:__rand_int__\r\n"
        );
    }

    #[test]
    fn tags_are_those_of_the_node() {
        let t = template("GET {tag}", &Sizes::Fixed(3), ALL);
        let mut draw = draw(&Sizes::Fixed(3), 9);
        assert_eq!(rendered(&t, &mut draw), "*2\r\n$3\r\nGET\r\n$5\r\n{abc}\r\n");
        let twice = template("MGET {tag}a {tag}b", &Sizes::Fixed(3), ALL);
        draw.node = 1;
        assert!(rendered(&twice, &mut draw).contains("{xyz}a\r\n$6\r\n{xyz}b"));
        assert_eq!(rendered(&t, &mut draw), "*2\r\n$3\r\nGET\r\n$5\r\n{xyz}\r\n");
    }

    #[test]
    fn a_transaction_is_one_request_of_several_replies() {
        let t = template("MULTI; SET a 1; SET b 2; EXEC", &Sizes::Fixed(3), ALL);
        assert_eq!(t.replies, 4);
        let text = rendered(&t, &mut draw(&Sizes::Fixed(3), 9));
        assert_eq!(text.matches('*').count(), 4);
        assert!(text.starts_with("*1\r\n$5\r\nMULTI\r\n*3\r\n") && text.ends_with("*1\r\n$4\r\nEXEC\r\n"));
    }

    #[test]
    fn stamped_values_begin_with_the_stamp() {
        let sizes = Sizes::Fixed(4);
        let t = template("SET __rand_int__ __data__", &sizes, Holes { stamped: true, ..ALL });
        let mut draw = draw(&sizes, 100);
        draw.stamp = b"1:2:".to_vec();
        draw.partition = Some((3, 10));
        assert!(rendered(&t, &mut draw).ends_with("$12\r\n000000000003\r\n$4\r\n1:2:\r\n"));
        draw.stamp = b"1:23:".to_vec();
        assert!(rendered(&t, &mut draw).ends_with("$5\r\n1:23:\r\n"), "never shorter than the stamp");
    }

    #[test]
    fn numbers_have_twelve_digits() {
        let mut place = [b'x'; 12];
        for (n, want) in
            [(0, "000000000000"), (123_456_789_012, "123456789012"), (999_999_999_999, "999999999999")]
        {
            digits(&mut place, n);
            assert_eq!(place, want.as_bytes());
        }
    }
}
