//! The commands on sets.
//!
//! [`member`] has those on single members, [`combine`] those that read several sets (and SMEMBERS), [`pick`] the
//! random ones, [`scan`] SSCAN. What a set is made of, and when it changes its form, is [`mod@crate::value::set`]'s;
//! nothing here looks at a form, but where the result of a STORE begins as one.
//!
//! A command with several keys first looks each of them up as a read does ([`look_up`]: dead keys go, hits and
//! misses count, another type refuses), then borrows all of them at once ([`views`]). So members are compared and
//! written to the reply from where they lie; only a STORE copies.

mod combine;
mod member;
mod pick;
mod scan;

pub(super) use combine::{sdiff, sdiffstore, sinter, sintercard, sinterstore, smembers, sunion, sunionstore};
pub(super) use member::{sadd, scard, sismember, smismember, smove, srem};
pub(super) use pick::{spop, srandmember};
pub(super) use scan::sscan;

use super::Refused;
use crate::collection::view_of;
use crate::db::Key;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::set::{Member, Set, SetView};
use proto::args::Args;
use proto::encode::Reply;
use std::ops::Range;

/// The keys at these places among the arguments, each looked up for reading and a set, or not there.
fn look_up<'a>(
    shard: &mut Shard,
    cx: &Cx,
    args: Args<'a>,
    places: Range<usize>,
) -> Result<Vec<Key<'a>>, Refused> {
    let mut keys = Vec::with_capacity(places.len());
    for at in places {
        // The hash of a command's first key came with it.
        let key = if at == 1 { shard.first_key(cx, args.at(1)) } else { shard.key(args.at(at)) };
        shard.view::<Set, ()>(cx, &key, |_| ())?;
        keys.push(key);
    }
    Ok(keys)
}

/// The sets of keys that [`look_up`] has seen; `None` where there is none.
fn views<'a>(shard: &'a Shard, cx: &Cx, keys: &[Key<'_>]) -> Vec<Option<SetView<'a>>> {
    let db = &shard.dbs[cx.db];
    keys.iter().map(|key| db.get(key).and_then(|entry| view_of::<Set>(entry.value()))).collect()
}

/// Puts a result in the place of whatever the destination is, and answers its size; without members, the
/// destination is deleted.
fn store(
    shard: &mut Shard,
    cx: &mut Cx,
    destination: &Key<'_>,
    result: Set,
    event: &'static str,
    reply: &mut Reply<'_>,
) {
    let len = result.len();
    let was_there = shard.store(cx, destination, result);
    if len > 0 {
        shard.changed(cx, destination.bytes, Class::SET, event);
    } else if was_there {
        shard.changed(cx, destination.bytes, Class::GENERIC, "del");
    }
    reply.int(len as i64);
}

/// A member as a bulk string.
#[inline]
fn bulk(reply: &mut Reply<'_>, member: Member<'_>) {
    match member {
        Member::Int(n) => reply.bulk_int(n),
        Member::Bytes(text) => reply.bulk(text),
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Class;
    use crate::settings::Thresholds;
    use crate::testing::Bed;

    /// What redis-server 7.0.15 answers, but for encodings: those of small sets of texts came with 7.2.
    #[test]
    fn sets() {
        Bed::new().replay(include_str!("../transcripts/sets.txt"));
    }

    #[test]
    fn sets_in_resp3() {
        let mut bed = Bed::new();
        bed.cx.resp = proto::encode::Resp::V3;
        bed.replay(include_str!("../transcripts/sets_resp3.txt"));
    }

    /// What happened, in Redis's words and order, and how many changes it counts as.
    #[test]
    fn changes_are_told_as_redis_does() {
        let mut bed = Bed::new();
        bed.shard.events.publish(Class::SET.union(Class::GENERIC));
        for (command, changes, events) in [
            ("sadd a 1 2 3 1", 3, "sadd:a"),
            ("sadd a 1", 0, ""),
            ("srem a 7", 0, ""),
            ("srem a 3 7", 1, "srem:a"),
            ("smove a b 7", 0, ""),
            ("smove a b 1", 2, "srem:a sadd:b"),
            ("smove a a 2", 0, ""),
            ("smove b a 1", 2, "srem:b del:b sadd:a"),
            ("sadd b 1", 1, "sadd:b"),
            ("smove b a 1", 1, "srem:b del:b"),
            ("spop nokey", 0, ""),
            ("spop a 0", 0, ""),
            ("sadd a 4 5 6", 3, "sadd:a"),
            ("spop a 2", 2, "spop:a"),
            ("spop a", 1, "spop:a"),
            ("spop a 9", 2, "spop:a del:a"),
            ("sadd a 1", 1, "sadd:a"),
            ("spop a", 1, "spop:a del:a"),
            ("sadd a 1 2", 2, "sadd:a"),
            ("sadd b 2 3", 2, "sadd:b"),
            ("sinterstore c a b", 1, "sinterstore:c"),
            ("sunionstore d a b", 1, "sunionstore:d"),
            ("sdiffstore e a b", 1, "sdiffstore:e"),
            ("sdiffstore e a a", 1, "del:e"),
            ("sdiffstore e a a", 0, ""),
            ("sinterstore d a nokey", 1, "del:d"),
            ("sunionstore c nokey", 1, "del:c"),
            ("srem b 2 3 4", 2, "srem:b del:b"),
            ("smembers a", 0, ""),
            ("srandmember a 3", 0, ""),
        ] {
            bed.run(&command.split(' ').collect::<Vec<_>>());
            let told: Vec<_> = bed.shard.events.notifications.drain(..).collect();
            let told: Vec<_> =
                told.iter().map(|n| format!("{}:{}", n.event, String::from_utf8_lossy(&n.key))).collect();
            assert_eq!((bed.cx.dirty, told.join(" ").as_str()), (changes, events), "{command}");
        }
    }

    /// Redis 7.2's encodings of results, which depend on how they are made.
    #[test]
    fn results_are_encoded_as_redis_does() {
        let mut bed = Bed::new();
        bed.shard.settings.thresholds = Thresholds {
            set_max_intset_entries: 4,
            set_max_listpack_entries: 6,
            set_max_listpack_value: 5,
            ..Thresholds::default()
        };
        for command in [
            "sadd ints 1 2 3",
            "sadd ints2 3 4 5",
            "sadd texts a b 1 2",
            "sadd table 1 2 3 4 5 6 7",
            "sadd long longtext 1 2",
            "sinterstore i:1 ints ints2",
            "sinterstore i:2 ints texts",
            "sinterstore i:3 texts table",
            "sinterstore i:4 table table",
            "sinterstore i:5 long long",
            "sinterstore i:6 table long",
            "sunionstore u:1 ints",
            "sunionstore u:2 ints ints2",
            "sunionstore u:3 ints texts",
            "sunionstore u:4 texts long",
            "sdiffstore d:1 table ints",
            "sdiffstore d:2 ints ints2",
            "sdiffstore d:3 texts ints",
            "sdiffstore d:4 table ints texts",
        ] {
            let reply = bed.run(&command.split(' ').collect::<Vec<_>>());
            assert!(reply.starts_with(':') && reply != ":0\r\n", "{command}: {reply}");
        }
        for (key, encoding) in [
            ("ints", "intset"),
            ("texts", "listpack"),
            ("table", "hashtable"),
            ("long", "hashtable"),
            ("i:1", "intset"),
            ("i:2", "intset"),
            ("i:3", "intset"),
            ("i:4", "hashtable"),
            ("i:5", "hashtable"),
            ("i:6", "intset"),
            ("u:1", "intset"),
            ("u:2", "hashtable"),
            ("u:3", "listpack"),
            ("u:4", "hashtable"),
            ("d:1", "intset"),
            ("d:2", "intset"),
            ("d:3", "listpack"),
            ("d:4", "intset"),
        ] {
            let reply = bed.run(&["object", "encoding", key]);
            assert_eq!(reply, format!("${}\r\n{encoding}\r\n", encoding.len()), "{key}");
        }
    }

    /// SDIFF's second way (the first set is large, the others are small and many) gives what its first gives.
    #[test]
    fn both_ways_of_subtracting_agree() {
        let mut bed = Bed::new();
        let numbers: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        let mut command = vec!["sadd", "many"];
        command.extend(numbers.iter().map(String::as_str));
        bed.run(&command);
        for key in ["s1", "s2", "s3", "s4", "s5"] {
            bed.run(&["sadd", key, "7", key, "8"]);
        }
        let small = ["many", "s1", "s2", "s3", "s4", "s5"];
        bed.run(&[&["sdiffstore", "out"], &small[..]].concat());
        assert_eq!(bed.run(&["scard", "out"]), ":298\r\n");
        assert!(bed.run(&[&["sdiff"], &small[..]].concat()).starts_with("*298\r\n"));
        assert_eq!(bed.run(&["smismember", "out", "7", "8", "9"]), "*3\r\n:0\r\n:0\r\n:1\r\n");
        assert_eq!(bed.run(&["sdiff", "s1", "many"]), "*1\r\n$2\r\ns1\r\n");
    }

    #[test]
    fn a_large_set_is_given_away_in_slices() {
        for last in [
            &["del", "big"][..],
            &["spop", "big", "3000"],
            &["spop", "big", "2990"],
            &["sinterstore", "big", "no"],
        ] {
            let mut bed = Bed::new();
            for i in 0..3000 {
                bed.run(&["sadd", "big", &format!("member:{i}")]);
            }
            bed.run(last);
            assert!(bed.shard.has_garbage(), "{last:?}");
            let mut slices = 0;
            while bed.shard.free_slice(100) {
                slices += 1;
            }
            assert!(slices >= 29, "{last:?}: freed in {slices} slices");
        }
    }
}
