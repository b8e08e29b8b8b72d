//! Payloads of every type, those that Redis wrote among them, told to a visitor that writes down what it hears.
//! The deterministic mutations are in `shard`, where values are made.

use super::*;
use crate::listpack::{self, Element, Listpack};

/// What the visitor hears, in text.
pub(super) struct Told;

fn text(element: Element<'_>) -> String {
    String::from_utf8_lossy(&element.to_vec()).into_owned()
}

fn all(bytes: &[u8]) -> String {
    Listpack::new(bytes).iter().map(text).collect::<Vec<_>>().join(" ")
}

impl Visitor for Told {
    type Value = String;

    fn string(&mut self, value: Element<'_>) -> String {
        text(value)
    }

    fn list(&mut self, nodes: &mut Nodes<'_, '_>) -> Result<String, Error> {
        let mut told = Vec::new();
        while let Some(node) = nodes.pull()? {
            told.push(match node {
                ListNode::Packed(bytes) => format!("[{}]", all(&bytes)),
                ListNode::Plain(bytes) => format!("<{}>", text(Element::Bytes(&bytes))),
                ListNode::Element(element) => text(element),
            });
        }
        Ok(told.join(" "))
    }

    fn set_intset(&mut self, bytes: Vec<u8>) -> String {
        format!("{:?}", crate::intset::Intset::new(&bytes).iter().collect::<Vec<_>>())
    }

    fn set_listpack(&mut self, bytes: Vec<u8>) -> String {
        format!("[{}]", all(&bytes))
    }

    fn set(&mut self, members: &mut Members<'_, '_>) -> Result<String, Error> {
        let mut told = members.left().to_string();
        while let Some(member) = members.pull()? {
            told += &format!(" {}", text(member));
        }
        Ok(told)
    }

    fn hash_listpack(&mut self, bytes: Vec<u8>, timed: bool) -> String {
        format!("{}[{}]", if timed { "timed " } else { "" }, all(&bytes))
    }

    fn hash(&mut self, fields: &mut Fields<'_, '_>) -> Result<String, Error> {
        let mut told = fields.left().to_string();
        while let Some(field) = fields.pull()? {
            let name = String::from_utf8_lossy(field.name).into_owned();
            told += &format!(" {name}={}@{:?}", text(field.value), field.expire_at);
        }
        Ok(told)
    }

    fn zset_listpack(&mut self, bytes: Vec<u8>) -> String {
        format!("[{}]", all(&bytes))
    }

    fn zset(&mut self, members: &mut Scored<'_, '_>) -> Result<String, Error> {
        let mut told = members.left().to_string();
        while let Some((member, score)) = members.pull()? {
            told += &format!(" {}:{score}", String::from_utf8_lossy(member));
        }
        Ok(told)
    }

    fn stream(&mut self, parts: &mut StreamParts<'_, '_>) -> Result<String, Error> {
        let mut told = String::new();
        while let Some((id, bytes)) = parts.node()? {
            told += &format!("{}-{}+{} ", id.ms, id.seq, bytes.len());
        }
        let facts = parts.facts()?;
        told += &format!("len {} added {}", facts.len, facts.entries_added);
        while let Some(group) = parts.group()? {
            told += &format!("; {} {:?}", text(Element::Bytes(&group.name)), group.entries_read);
            while let Some(pending) = parts.pending()? {
                told += &format!(" {}x{}", pending.id.ms, pending.count);
            }
            while let Some(consumer) = parts.consumer()? {
                let name = text(Element::Bytes(&consumer.name));
                told += &format!(" {name} {} {}:", consumer.seen_ms, consumer.active_ms);
                while let Some(id) = parts.owned()? {
                    told += &format!(" {}", id.ms);
                }
            }
        }
        Ok(told)
    }
}

fn told(what: Type, value: &[u8]) -> Result<String, Fault> {
    let mut slice = Slice::new(value);
    let mut from = Decoder::new(&mut slice);
    let told = decode(what, &mut from, &mut Told).map_err(|error| error.fault)?;
    assert_eq!(from.left(), 0, "{what:?}: all of it has been read");
    Ok(told)
}

fn check(what: Type, write: impl FnOnce(&mut Writer<'_>), expected: &str) {
    let mut value = Vec::new();
    write(&mut Writer::new(&mut value, false));
    assert_eq!(told(what, &value).as_deref(), Ok(expected), "{what:?}");
    for len in 0..value.len() {
        assert!(told(what, &value[..len]).is_err(), "{what:?} cut to {len} bytes");
    }
}

fn pack(words: &[&str]) -> Vec<u8> {
    let mut bytes = listpack::new();
    words.iter().for_each(|word| listpack::push_back(&mut bytes, word.as_bytes()));
    bytes
}

/// `w.string` of each.
fn strings(w: &mut Writer<'_>, count: u64, words: &[&str]) {
    w.length(count);
    words.iter().for_each(|word| w.string(word.as_bytes()));
}

#[test]
fn every_type_is_told() {
    check(Type::String, |w| w.string(b"hello"), "hello");
    check(Type::List, |w| strings(w, 2, &["a", "17"]), "a 17");
    check(Type::Set, |w| strings(w, 2, &["a", "17"]), "2 a 17");
    check(Type::Hash, |w| strings(w, 1, &["f", "v"]), "1 f=v@None");
    let scores = |w: &mut Writer<'_>| {
        strings(w, 2, &["b"]);
        w.double(2.5);
        w.string(b"a");
        w.double(f64::NEG_INFINITY);
    };
    check(Type::ZSet2, scores, "2 b:2.5 a:-inf");
    check(Type::ZSet, |w| w.raw(b"\x01\x01b\x032.5"), "1 b:2.5");
    let nodes = |w: &mut Writer<'_>| {
        w.length(3);
        w.packed_node(&pack(&["a", "1"]));
        w.packed_node(&pack(&[]));
        w.plain_node(b"large");
    };
    check(Type::ListQuicklist2, nodes, "[a 1] <large>");
    check(Type::SetListpack, |w| w.string(&pack(&["a", "1"])), "[a 1]");
    check(Type::HashListpack, |w| w.string(&pack(&["f", "v"])), "[f v]");
    check(Type::ZSetListpack, |w| w.string(&pack(&["a", "1", "b", "1.5"])), "[a 1 b 1.5]");
    check(Type::SetIntset, |w| w.raw(b"\x0C\x02\0\0\0\x02\0\0\0\x01\0\x02\0"), "[1, 2]");
    check(Type::HashZipmap, |w| w.string(b"\x01\x01f\x01\0v\xFF"), "[f v]");
}

/// A ziplist of "f" and "5".
const ZIPLIST: &[u8] = b"\x10\0\0\0\x0D\0\0\0\x02\0\0\x01f\x03\xF6\xFF";

#[test]
fn ziplists_are_told_as_listpacks() {
    check(Type::ListZiplist, |w| w.string(ZIPLIST), "f 5");
    check(Type::HashZiplist, |w| w.string(ZIPLIST), "[f 5]");
    check(Type::ZSetZiplist, |w| w.string(ZIPLIST), "[f 5]");
    let quicklist = |w: &mut Writer<'_>| {
        w.length(2);
        w.string(ZIPLIST);
        w.string(ZIPLIST);
    };
    check(Type::ListQuicklist, quicklist, "[f 5] [f 5]");
}

#[test]
fn expiries_of_fields_are_told_as_times() {
    let timed = |w: &mut Writer<'_>| {
        w.time_ms(1000);
        w.length(3);
        for (expiry, name) in [(0, "never"), (1, "first"), (501, "later")] {
            w.length(expiry);
            w.string(name.as_bytes());
            w.string(b"v");
        }
    };
    check(Type::HashTimed, timed, "3 never=v@None first=v@Some(1000) later=v@Some(1500)");
    let early = |w: &mut Writer<'_>| {
        strings(w, 1, &[]);
        w.length(1500);
        w.string(b"f");
        w.string(b"v");
    };
    check(Type::HashTimedEarly, early, "1 f=v@Some(1500)");
    let triplets = pack(&["f", "v", "1000", "g", "v", "0"]);
    check(Type::HashTimedListpackEarly, |w| w.string(&triplets), "timed [f v 1000 g v 0]");
    let listpack = |w: &mut Writer<'_>| {
        w.time_ms(1000);
        w.string(&triplets);
    };
    check(Type::HashTimedListpack, listpack, "timed [f v 1000 g v 0]");
    let beyond = |w: &mut Writer<'_>| {
        w.time_ms(1000);
        w.length(1);
        w.length(u64::MAX);
        w.string(b"f");
        w.string(b"v");
    };
    let mut value = Vec::new();
    beyond(&mut Writer::new(&mut value, false));
    assert!(matches!(told(Type::HashTimed, &value), Err(Fault::Corrupt(_))));
}

fn stream(w: &mut Writer<'_>, version: u8) {
    w.length(1);
    w.string(&Id { ms: 7, seq: 1 }.to_bytes());
    w.string(b"any bytes");
    w.length(3);
    [9, 0].into_iter().for_each(|n| w.length(n));
    if version > 1 {
        [7, 1, 8, 0, 5].into_iter().for_each(|n| w.length(n));
    }
    w.length(1);
    w.string(b"mail");
    [8, 0].into_iter().for_each(|n| w.length(n));
    if version > 1 {
        w.length(u64::MAX);
    }
    w.length(1);
    w.raw(&Id { ms: 7, seq: 1 }.to_bytes());
    w.time_ms(100);
    w.length(2);
    w.length(1);
    w.string(b"ann");
    w.time_ms(90);
    if version > 2 {
        w.time_ms(-1);
    }
    w.length(1);
    w.raw(&Id { ms: 7, seq: 1 }.to_bytes());
}

#[test]
fn streams_are_told_part_by_part() {
    check(Type::StreamListpacks, |w| stream(w, 1), "7-1+9 len 3 added 3; mail None 7x2 ann 90 90: 7");
    check(Type::StreamListpacks2, |w| stream(w, 2), "7-1+9 len 3 added 5; mail Some(-1) 7x2 ann 90 90: 7");
    check(Type::StreamListpacks3, |w| stream(w, 3), "7-1+9 len 3 added 5; mail Some(-1) 7x2 ann 90 -1: 7");
}

#[test]
fn what_is_empty_has_been_read_to_its_end() {
    let empty_node = [b"\x01\x02\x07".to_vec(), pack(&[])].concat();
    let empty_pack = [b"\x07".to_vec(), pack(&[])].concat();
    for (what, value) in [
        (Type::List, &b"\0"[..]),
        (Type::Set, b"\0"),
        (Type::Hash, b"\0"),
        (Type::ZSet2, b"\0"),
        (Type::ListQuicklist2, &empty_node),
        (Type::SetListpack, &empty_pack),
        (Type::HashListpack, &empty_pack),
        (Type::ZSetListpack, &empty_pack),
        (Type::SetIntset, b"\x08\x02\0\0\0\0\0\0\0"),
        (Type::ListZiplist, b"\x0B\x0B\0\0\0\x0A\0\0\0\0\0\xFF"),
        (Type::HashZipmap, b"\x02\0\xFF"),
    ] {
        let mut slice = Slice::new(value);
        let mut from = Decoder::new(&mut slice);
        let error = decode(what, &mut from, &mut Told).unwrap_err();
        assert_eq!((error.fault, from.left()), (Fault::Empty, 0), "{what:?}");
    }
}

#[test]
fn modules_are_refused_by_name() {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = |letter| letters.iter().position(|&l| l == letter).unwrap() as u64;
    let id = b"ReJSON-RL".iter().fold(0, |id, &letter| id << 6 | place(letter)) << 10 | 3;
    let mut value = Vec::new();
    Writer::new(&mut value, false).length(id);
    assert_eq!(told(Type::Module2, &value), Err(Fault::Module(*b"ReJSON-RL")));
    assert!(matches!(told(Type::Module, &value), Err(Fault::Corrupt(_))));
}

#[test]
fn faults_of_the_packed_are_found() {
    for (what, words) in [
        (Type::SetListpack, &["a", "a"][..]),
        (Type::HashListpack, &["a", "1", "a", "2"]),
        (Type::HashListpack, &["a"]),
        (Type::ZSetListpack, &["a", "x"]),
        (Type::ZSetListpack, &["b", "1", "a", "1"]),
        (Type::HashTimedListpackEarly, &["a", "1", "5", "b", "1", "4"]),
    ] {
        let mut value = Vec::new();
        Writer::new(&mut value, false).string(&pack(words));
        assert!(matches!(told(what, &value), Err(Fault::Corrupt(_))), "{what:?} {words:?}");
    }
}
