//! DEBUG DIGEST: one SHA-1 over everything stored, by Redis's own recipe.
//!
//! Equal data give equal digests whatever order it was written in, on Redis or here, on one shard or many:
//! the digests of single keys are combined by XOR, which does not mind the order.
//!
//! ```text
//! mix(d, x)  = SHA1(d xor SHA1(x))
//! value(k)   = mix(mix(0, type as u32 BE), content) [xor SHA1("!!expire!!") if it has an expiry]
//! key(k)     = the same, but starting from mix(0, name) instead of 0
//! content    = the bytes of a string; of a set, SHA1 of each member, combined by xor, instead of the outer mix;
//!              of a hash, for each field xor SHA1(mix(mix(0, field), value) [xor SHA1("!!hexpire!!")])
//! digest     = for every database that is not empty: mix(digest, index as u32 BE),
//!              then xor SHA1(key(k)) for each of its keys
//! ```
//!
//! So a shard hands out, for every database, the XOR over its own keys ([`Shard::digests`]), and
//! [`combine`] mixes in the indexes.

use crate::collection::view_of;
use crate::db::{Entry, Kind, StrRef};
use crate::shard::Shard;
use crate::value::hash::{Hash, HashView, spell};
use crate::value::list::{Direction, List, ListView};
use crate::value::set::view::with_text;
use crate::value::set::{Set, SetView};
use crate::value::stream::{Stream, StreamId};
use crate::value::zset::digits::push_17;
use crate::value::zset::{ZSet, ZSetView};
use sha1::{Digest as _, Sha1};

/// A SHA-1.
pub type Digest = [u8; 20];

fn sha1(bytes: &[u8]) -> Digest {
    Sha1::digest(bytes).into()
}

fn xor(into: &mut Digest, other: &Digest) {
    for (a, b) in into.iter_mut().zip(other) {
        *a ^= b;
    }
}

fn mix(digest: &mut Digest, bytes: &[u8]) {
    xor(digest, &sha1(bytes));
    *digest = sha1(digest);
}

/// The number Redis has for a type.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::ZSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6, // 5 is a module's type
    }
}

/// Mixes the value of an entry into a digest.
fn mix_value(digest: &mut Digest, entry: &Entry) {
    mix(digest, &type_number(entry.kind()).to_be_bytes());
    match entry.string() {
        Some(StrRef::Bytes(bytes)) => mix(digest, bytes),
        Some(StrRef::Int(n)) => mix(digest, n.to_string().as_bytes()),
        None => mix_collection(digest, entry),
    }
    if entry.expire_at().is_some() {
        xor(digest, &sha1(b"!!expire!!"));
    }
}

/// Mixes the elements of a collection into a digest.
fn mix_collection(digest: &mut Digest, entry: &Entry) {
    if let Some(set) = view_of::<Set>(entry.value()) {
        mix_set(digest, set);
    } else if let Some(stream) = view_of::<Stream>(entry.value()) {
        mix_stream(digest, stream);
    } else if let Some(list) = view_of::<List>(entry.value()) {
        mix_list(digest, list);
    } else if let Some(hash) = view_of::<Hash>(entry.value()) {
        mix_hash(digest, hash);
    } else if let Some(set) = view_of::<ZSet>(entry.value()) {
        mix_zset(digest, set);
    }
}

/// Mixes the elements of a list, in their order.
fn mix_list(digest: &mut Digest, list: ListView<'_>) {
    let mut text = Vec::new();
    list.walk(0, Direction::Forward, |element| {
        text.clear();
        element.push_to(&mut text);
        mix(digest, &text);
        true
    });
}

/// A set has no order: its members are combined by XOR.
fn mix_set(digest: &mut Digest, set: SetView<'_>) {
    set.each(&mut |member| with_text(member, |text| xor(digest, &sha1(text))));
}

/// Mixes the entries of a stream, in their order; groups do not count.
fn mix_stream(digest: &mut Digest, stream: &Stream) {
    let mut text = Vec::new();
    for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
        mix(digest, &entry.id.text_with(b'.'));
        for (field, value) in entry.pairs() {
            for part in [field, value] {
                text.clear();
                part.push_to(&mut text);
                mix(digest, &text);
            }
        }
    }
}

/// Neither has a hash: each field gets a digest of its own.
fn mix_hash(digest: &mut Digest, hash: HashView<'_>) {
    hash.each(&mut |field| {
        let (mut of_field, mut buffer) = (Digest::default(), itoa::Buffer::new());
        mix(&mut of_field, spell(field.name, &mut buffer));
        mix(&mut of_field, spell(field.value, &mut buffer));
        if field.expire_at.is_some() {
            xor(&mut of_field, &sha1(b"!!hexpire!!"));
        }
        xor(digest, &sha1(&of_field));
    });
}

/// Nor do pairs of a sorted set count by their order: each has a digest of its own.
fn mix_zset(digest: &mut Digest, set: ZSetView<'_>) {
    let mut text = Vec::new();
    for (member, score) in set.all() {
        let mut pair = Digest::default();
        with_text(member, |text| mix(&mut pair, text));
        text.clear();
        push_17(&mut text, score);
        mix(&mut pair, &text);
        xor(digest, &sha1(&pair));
    }
}

/// The digest of one value, for DEBUG DIGEST-VALUE; zeros when there is none.
#[must_use]
pub fn of_value(entry: Option<&Entry>) -> Digest {
    let mut digest = Digest::default();
    if let Some(entry) = entry {
        mix_value(&mut digest, entry);
    }
    digest
}

impl Shard {
    /// For every database the XOR over this shard's keys, `None` where it has none.
    #[must_use]
    pub fn digests(&self) -> Vec<Option<Digest>> {
        let of_db = |db: &crate::Db| {
            let mut sum = Digest::default();
            let mut cursor = 0;
            loop {
                cursor = db.scan(cursor, &mut |entry| {
                    let mut digest = Digest::default();
                    mix(&mut digest, entry.key());
                    mix_value(&mut digest, entry);
                    xor(&mut sum, &sha1(&digest));
                });
                if cursor == 0 {
                    return sum;
                }
            }
        };
        self.dbs.iter().map(|db| (!db.is_empty()).then(|| of_db(db))).collect()
    }
}

/// The digest of the whole keyspace, from what [`Shard::digests`] gave on every shard.
#[must_use]
pub fn combine(shards: &[Vec<Option<Digest>>]) -> Digest {
    let databases = shards.iter().map(Vec::len).max().unwrap_or(0);
    let mut all = Digest::default();
    for db in 0..databases {
        let mut parts = shards.iter().filter_map(|shard| *shard.get(db)?).peekable();
        if parts.peek().is_some() {
            mix(&mut all, &(db as u32).to_be_bytes());
            parts.for_each(|part| xor(&mut all, &part));
        }
    }
    all
}

/// A digest as Redis prints it.
#[must_use]
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    /// What redis-server 7.0.15 answers for the same data.
    #[test]
    fn it_is_the_digest_of_redis() {
        let mut bed = Bed::new();
        bed.run(&["set", "f", "3016"]);
        bed.run(&["set", "q", "abc", "ex", "100"]);
        let all = combine(&[bed.shard.digests()]);
        assert_eq!(hex(&all), "a436efe6a24a1428fd83391a7de42718005ca59f");
        assert_eq!(
            bed.run(&["debug", "digest-value", "f", "zz", "q"]),
            "*3\r\n+60db5db18e85c685659af96bd81c1efebafb3494\r\n\
             +0000000000000000000000000000000000000000\r\n+c77a33d2ea9755a8613f7e54f17873233d7a8058\r\n"
        );
    }

    /// What redis-server 7.0.15 answers for the same data.
    #[test]
    fn streams_have_the_digest_of_redis() {
        let mut bed = Bed::new();
        let max = "18446744073709551614";
        bed.run(&["xadd", "s", "5-9", "a", "1", "b", "x"]);
        bed.run(&["xadd", "s", "6-0", "b", "1", "a", "-5"]);
        bed.run(&["xadd", "s", "6-3", "a", "70000", "b", "y"]);
        bed.run(&["xadd", "s", &format!("{max}-1"), "c", "123456789012", "d", "-3000"]);
        bed.run(&["xadd", "s", &format!("{max}-2"), "a", "", "b", "007"]);
        bed.run(&["xdel", "s", "6-0"]);
        bed.run(&["xgroup", "create", "s", "g", "0"]);
        bed.run(&["xgroup", "create", "e", "g", "0", "mkstream"]);
        assert_eq!(
            bed.run(&["debug", "digest-value", "s", "e"]),
            "*2\r\n+69836c448790ca3171b5c47ab944221f6a945fa2\r\n+06bd01623de1d087bbd377851096317b1af476a2\r\n"
        );
        assert_eq!(hex(&combine(&[bed.shard.digests()])), "885d01c4965775a844cddf9c5e6059b0e7f1b46c");
    }

    #[test]
    fn it_does_not_depend_on_the_number_of_shards() {
        let mut one = Bed::new();
        let mut several = [Bed::new(), Bed::new(), Bed::new()];
        for i in 0..100 {
            let (key, db) = (format!("k{i}"), i % 4);
            for bed in [&mut one, &mut several[i % 3]] {
                bed.cx.db = db;
                bed.run(&["set", &key, &i.to_string()]);
            }
        }
        let parts: Vec<_> = several.iter().map(|bed| bed.shard.digests()).collect();
        assert_eq!(combine(&parts), combine(&[one.shard.digests()]));
        one.run(&["set", "k1", "other"]);
        assert_ne!(combine(&parts), combine(&[one.shard.digests()]));
    }

    #[test]
    fn nothing_stored_is_zeros() {
        assert_eq!(combine(&[Bed::new().shard.digests()]), [0; 20]);
    }
}
