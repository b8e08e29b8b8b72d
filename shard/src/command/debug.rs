//! DEBUG's subcommands that look into one shard: OBJECT, DIGEST-VALUE, DIGEST, HTSTATS,
//! SET-ACTIVE-EXPIRE, STRINGMATCH-LEN; and [`Shard::populate`] for POPULATE.
//!
//! Those on the whole keyspace answer for this shard alone, which is right when it is the only one. With
//! several, the server sends SET-ACTIVE-EXPIRE to each, and puts DIGEST, HTSTATS and POPULATE together from
//! [`crate::digest`], [`Shard::table_stats`] and [`Shard::populate`].

use super::object::reference_count;
use super::{Outcome, integer};
use crate::collection::view_of;
use crate::db::{DetachedValue, Entry, ValueRef};
use crate::digest;
use crate::lookup::is_expired;
use crate::lru;
use crate::settings::Settings;
use crate::shard::{Cx, Shard};
use crate::value::list::{List, ListView};
use crate::value::rdb;
use crate::value::{Collection, Object};
use persist::rdb::{Target, Writer};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::glob::{self, Case};
use proto::number::parse_i64;
use std::ops::Range;

/// `DEBUG subcommand [argument …]`
pub(super) fn debug(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match (args.at(1).to_ascii_lowercase().as_slice(), args.len()) {
        (b"object", 3 | 4) => object(shard, cx, args, reply),
        (b"digest-value", _) => {
            reply.array(args.len() - 2);
            for key in args.from(2).iter() {
                let entry = shard.dbs[cx.db].get(&shard.key(key));
                reply.simple(&digest::hex(&digest::of_value(entry)));
            }
            Ok(())
        }
        (b"digest", 2) => {
            reply.simple(&digest::hex(&digest::combine(&[shard.digests()])));
            Ok(())
        }
        (b"htstats", 3 | 4) => {
            let index = usize::try_from(integer(args.at(2))?).ok();
            let db = index.filter(|&db| db < shard.dbs.len()).ok_or("ERR Out of range database")?;
            reply.verbatim("txt", shard.table_stats(db).to_string().as_bytes());
            Ok(())
        }
        (b"set-active-expire", 3) => {
            shard.settings.active_expire = parse_i64(args.at(2)).is_some_and(|on| on != 0);
            reply.ok();
            Ok(())
        }
        (b"stringmatch-len", 4) => {
            reply.int(i64::from(glob::matches(args.at(2), args.at(3), Case::Sensitive)));
            Ok(())
        }
        _ => Err(error::bad_subcommand(b"debug", args.at(1)).into()),
    }
}

/// `DEBUG OBJECT key`: it also looks at dead keys, and is no access.
fn object(shard: &Shard, cx: &Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let entry = shard.dbs[cx.db].get(&shard.key(args.at(2))).ok_or(error::NO_SUCH_KEY)?;
    let bits = entry.lru();
    reply.simple(&format!(
        "Value at:{:p} refcount:{} encoding:{} serializedlength:{} lru:{bits} lru_seconds_idle:{} \
         lfu_freq:{} lfu_access_time_minutes:{}{}",
        std::ptr::from_ref(entry).cast::<u8>(),
        reference_count(entry, shard.settings.shares_integers()),
        entry.encoding().name(),
        serialized_len(entry, &shard.settings),
        lru::idle_seconds(bits, cx.now_ms),
        lru::frequency(bits, &shard.settings, cx.now_ms),
        bits >> 8,
        of_quicklist(entry, args.len() == 4),
    ));
    Ok(())
}

/// What DEBUG OBJECT adds for a quicklist; `fast` leaves out what takes a walk.
fn of_quicklist(entry: &Entry, fast: bool) -> String {
    let Some(ListView::Quick(list)) = view_of::<List>(entry.value()) else { return String::new() };
    let nodes = list.nodes();
    let mut text = format!(
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{}",
        list.len() as f64 / nodes as f64,
        list.fill().get(),
        u8::from(list.compresses()),
    );
    if !fast {
        text += &format!(" ql_uncompressed_size:{}", list.raw_bytes());
    }
    text
}

/// Bytes of the value in an RDB file.
fn serialized_len(entry: &Entry, settings: &Settings) -> usize {
    let mut bytes = Vec::new();
    let what = rdb::type_of(entry.value(), Target::AUTO);
    rdb::save(entry.value(), what, &mut Writer::new(&mut bytes, settings.rdb_compression));
    bytes.len()
}

/// What DEBUG HTSTATS tells about the tables of one database; adding up gives all shards'.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableStats {
    pub keys: usize,
    pub expires: usize,
}

impl std::ops::Add for TableStats {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { keys: self.keys + other.keys, expires: self.expires + other.expires }
    }
}

/// What DEBUG HTSTATS and HTSTATS-KEY say about one table.
#[must_use]
pub fn table_text(elements: usize) -> String {
    match elements {
        0 => "No stats available for empty dictionaries\n".into(),
        n => format!("Hash table 0 stats (main hash table):\n number of elements: {n}\n"),
    }
}

impl std::fmt::Display for TableStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (title, elements) in [("Dictionary HT", self.keys), ("Expires HT", self.expires)] {
            writeln!(f, "[{title}]")?;
            f.write_str(&table_text(elements))?;
        }
        Ok(())
    }
}

impl Shard {
    #[must_use]
    pub fn table_stats(&self, db: usize) -> TableStats {
        TableStats { keys: self.dbs[db].len(), expires: self.dbs[db].expires_len() }
    }

    /// DEBUG HTSTATS-KEY: what the table behind a value holds; `None` without such a key that is alive, `Some(None)`
    /// if its value has no table.
    #[must_use]
    pub fn table_stats_of(&self, db: usize, key: &[u8], now_ms: i64) -> Option<Option<usize>> {
        let entry = self.dbs[db].get(&self.key(key)).filter(|e| !is_expired(e.expire_at(), now_ms))?;
        Some(match entry.value() {
            ValueRef::Object(Object::Set(set)) => Some(set.len()),
            ValueRef::Object(Object::Hash(hash)) => Some(hash.view().len()),
            ValueRef::Object(Object::ZSet(zset)) => Some(zset.len()),
            _ => None,
        })
    }

    /// DEBUG POPULATE: of the keys `prefix:n` with `n` in `numbers`, makes those that are `mine` and not
    /// there yet; how many. Values are `value:n`, padded with zero bytes or cut to `size` unless it is 0. A
    /// big population is best made in several ranges, to leave time to others.
    pub fn populate(
        &mut self,
        cx: &Cx,
        prefix: &[u8],
        numbers: Range<u64>,
        size: usize,
        mine: impl Fn(&[u8]) -> bool,
    ) -> usize {
        let mut made = 0;
        for n in numbers {
            let name = [prefix, format!(":{n}").as_bytes()].concat();
            if !mine(&name) {
                continue;
            }
            let key = self.key(&name);
            if self.is_there(cx, cx.db, &key) {
                continue;
            }
            let mut value = format!("value:{n}").into_bytes();
            if size > 0 {
                value.resize(size, 0);
            }
            self.add(cx, &key, DetachedValue::Bytes(value, false));
            made += 1;
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bed;

    #[test]
    fn object_describes_the_value() {
        let mut bed = Bed::new();
        assert_eq!(bed.run(&["debug", "object", "k"]), "-ERR no such key\r\n");
        bed.run(&["set", "k", "3016"]);
        let line = bed.run(&["debug", "object", "k"]);
        assert!(line.starts_with("+Value at:0x"), "{line}");
        assert!(line.contains(" refcount:2147483647 encoding:int serializedlength:3 lru:"), "{line}");
        bed.run(&["set", "k", &"x".repeat(100)]);
        bed.shard.settings.rdb_compression = false;
        assert!(bed.run(&["debug", "object", "k"]).contains(" encoding:raw serializedlength:102 "));
        bed.shard.settings.rdb_compression = true;
        assert!(bed.run(&["debug", "object", "k"]).contains(" encoding:raw serializedlength:9 "));
        bed.run(&["rpush", "l", "a", "b"]);
        assert!(bed.run(&["debug", "object", "l"]).contains(" encoding:listpack serializedlength:16 "));
    }

    /// Clients of the debugging tools take the address for the identity of a value.
    #[test]
    fn a_counter_is_changed_in_place() {
        let mut bed = Bed::new();
        bed.run(&["set", "n", "20000"]);
        let at = |bed: &mut Bed| bed.run(&["debug", "object", "n"]).split(' ').nth(1).map(str::to_string);
        let before = at(&mut bed);
        bed.run(&["incr", "n"]);
        assert_eq!(at(&mut bed), before);
    }

    #[test]
    fn populate_leaves_what_is_there() {
        let mut bed = Bed::new();
        bed.run(&["set", "key:1", "mine"]);
        let even = |key: &[u8]| key != b"key:3";
        assert_eq!(bed.shard.populate(&bed.cx, b"key", 0..4, 0, even), 2);
        assert_eq!(bed.run(&["mget", "key:0", "key:1"]), "*2\r\n$7\r\nvalue:0\r\n$4\r\nmine\r\n");
        assert_eq!(bed.run(&["exists", "key:3"]), ":0\r\n");
        bed.shard.populate(&bed.cx, b"p", 0..1, 9, |_| true);
        assert_eq!(bed.run(&["get", "p:0"]), "$9\r\nvalue:0\0\0\r\n");
    }

    #[test]
    fn htstats_counts_keys_and_expiries() {
        let mut bed = Bed::new();
        bed.run(&["set", "a", "1"]);
        let reply = bed.run(&["debug", "htstats", "0"]);
        assert!(
            reply
                .contains("[Dictionary HT]\nHash table 0 stats (main hash table):\n number of elements: 1\n")
        );
        assert!(reply.contains("[Expires HT]\nNo stats available for empty dictionaries\n"));
        assert_eq!(bed.run(&["debug", "htstats", "16"]), "-ERR Out of range database\r\n");
    }

    #[test]
    fn htstats_of_a_key_are_of_its_table() {
        let mut bed = Bed::new();
        bed.shard.settings.thresholds.hash_max_listpack_entries = 1;
        bed.run(&["hset", "h", "a", "1"]);
        assert_eq!(bed.shard.table_stats_of(0, b"h", bed.cx.now_ms), Some(None));
        bed.run(&["hset", "h", "b", "2"]);
        assert_eq!(bed.shard.table_stats_of(0, b"h", bed.cx.now_ms), Some(Some(2)));
        assert_eq!(bed.shard.table_stats_of(0, b"i", bed.cx.now_ms), None);
    }

    #[test]
    fn unknown_subcommands_are_named() {
        let mut bed = Bed::new();
        let text = "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.\r\n";
        assert_eq!(bed.run(&["debug", "nosuch"]), text);
        assert_eq!(bed.run(&["debug", "stringmatch-len", "a*c", "abbc"]), ":1\r\n");
    }
}
