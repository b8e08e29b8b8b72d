//! The command table against a real redis-server, where one is installed.
//!
//! Every row is compared (arity, flags, keys, ACL categories, tips, subcommands, documentation), then
//! the keys found in a list of tricky calls, the filters of COMMAND LIST, and globs. Debian ships
//! 7.0, so what 7.2 changed is listed in [`CHANGED_IN_7_2`], and a line there that no longer
//! is a difference fails the test as well.
//!
//! Without redis-server the tests say so and pass; `PERCORE_REQUIRE_PEERS=1` makes that a failure.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::collections::BTreeMap;

use proto::args::OwnedArgs;
use proto::command::{self, AclCategories};
use proto::encode::{Reply, Resp};
use proto::glob::{self, Case};

mod peer;
use peer::{Peer, Value};

/// (command, field): where Redis 7.2, and so the table, differs from Redis 7.0.
const CHANGED_IN_7_2: &[(&str, &str)] = &[
    // Blocking commands and WAIT became callable from scripts, where they do not block.
    ("blmove", "flags"),
    ("blpop", "flags"),
    ("brpop", "flags"),
    ("brpoplpush", "flags"),
    ("bzpopmax", "flags"),
    ("bzpopmin", "flags"),
    ("wait", "flags"),
    // Answered while the data set loads.
    ("cluster|shards", "flags"),
    ("cluster|slots", "flags"),
    // GETKEYS of a command without arguments; ZRANK … WITHSCORE.
    ("command|getkeys", "arity"),
    ("command|getkeysandflags", "arity"),
    ("zrank", "arity"),
    ("zrevrank", "arity"),
    // Hints to proxies, completed.
    ("acl|deluser", "tips"),
    ("acl|save", "tips"),
    ("acl|setuser", "tips"),
    ("client|setname", "tips"),
    ("config|resetstat", "tips"),
    ("config|rewrite", "tips"),
    ("latency|reset", "tips"),
    ("msetnx", "tips"),
    ("randomkey", "tips"),
    ("scan", "tips"),
    // Documentation.
    ("acl|log", "history"),
    ("client|pause", "since"),
    ("psetex", "doc_flags"),
    ("psetex", "deprecated_since"),
    ("psetex", "replaced_by"),
    ("quit", "doc_flags"),
    ("quit", "deprecated_since"),
    ("quit", "replaced_by"),
    ("setex", "doc_flags"),
    ("setex", "deprecated_since"),
    ("setex", "replaced_by"),
    ("setnx", "doc_flags"),
    ("setnx", "deprecated_since"),
    ("setnx", "replaced_by"),
    ("xinfo|consumers", "history"),
    ("xinfo|stream", "history"),
    ("zrank", "history"),
    ("zrevrank", "history"),
];

/// Commands that 7.0 does not know.
const NEW_IN_7_2: &[&str] = &["client|no-touch", "client|setinfo", "cluster|myshardid", "waitaof"];

/// And those that came with 7.4.
const NEW_IN_7_4: &[&str] = &[
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "httl",
];

fn is_newer(name: &str) -> bool {
    NEW_IN_7_2.contains(&name) || NEW_IN_7_4.contains(&name)
}

/// Commands whose arguments 7.2 documents in another shape (not only under other names); HSCAN's are 7.4's,
/// and ZSCAN's Valkey's.
const ARGUMENTS_CHANGED: &[&str] = &[
    "bitop",
    "client|kill",
    "client|list",
    "command|getkeys",
    "command|getkeysandflags",
    "config|get",
    "geohash",
    "geopos",
    "georadius",
    "georadiusbymember",
    "hscan",
    "migrate",
    "module|loadex",
    "pfmerge",
    "psubscribe",
    "xinfo|stream",
    "zrank",
    "zrevrank",
    "zscan",
];

/// What Percore answers to `words`.
fn percore(words: &[&str], resp: Resp) -> Value {
    let own = OwnedArgs::of(words);
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, resp);
    let row = command::resolve(own.args()).expect("a COMMAND subcommand");
    assert!(command::reply::answer(row.id, own.args(), &mut reply));
    peer::read_value(&mut &out[..])
}

/// The fields of COMMAND INFO by name, sets in a fixed order, for the command and its subcommands.
fn infos(reply: &Value, into: &mut BTreeMap<String, BTreeMap<String, Value>>) {
    const FIELDS: [&str; 9] = ["name", "arity", "flags", "first", "last", "step", "acl", "tips", "keys"];
    for info in reply.items() {
        let fields = info.items();
        let named = FIELDS
            .iter()
            .zip(fields)
            .map(|(name, value)| ((*name).to_owned(), value.clone().unordered_where_set(name)));
        into.insert(fields[0].text(), named.collect());
        infos(&fields[9], into);
    }
}

impl Value {
    /// RESP2 shows sets as arrays; by the field it is known which are sets.
    fn unordered_where_set(self, field: &str) -> Value {
        match (field, self) {
            ("flags" | "acl" | "tips", Value::Array(items)) => Value::Set(items).sorted(),
            (_, value) => value.sorted(),
        }
    }
}

fn compare(
    theirs: &BTreeMap<String, BTreeMap<String, Value>>,
    ours: &BTreeMap<String, BTreeMap<String, Value>>,
    fields: &[&str],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, their_fields) in theirs {
        let Some(our_fields) = ours.get(name) else {
            wrong.push(format!("{name}: not in the table"));
            continue;
        };
        for field in fields {
            let (their, our) = (their_fields.get(*field), our_fields.get(*field));
            let expected = CHANGED_IN_7_2.contains(&(name.as_str(), field));
            if (their != our) != expected {
                wrong.push(format!(
                    "{name}: {field}: Redis {their:?}, Percore {our:?}, listed as changed: {expected}"
                ));
            }
        }
    }
    let extra = ours.keys().filter(|name| !theirs.contains_key(*name) && !is_newer(name));
    wrong.extend(extra.map(|name| format!("{name}: not in Redis")));
    wrong
}

fn none_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn command_info_of_every_command() {
    let Some(mut redis) = Peer::start("command_info_of_every_command") else { return };
    for resp in [Resp::V2, Resp::V3] {
        redis.hello(resp);
        let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
        infos(&redis.ask(&["COMMAND"]), &mut theirs);
        infos(&percore(&["COMMAND"], resp), &mut ours);
        assert!(theirs.len() > 300, "only {} commands", theirs.len());
        none_wrong(&compare(
            &theirs,
            &ours,
            &["arity", "flags", "first", "last", "step", "acl", "tips", "keys"],
        ));
        for words in
            [["COMMAND", "INFO", "nope"], ["COMMAND", "INFO", "get|x"], ["COMMAND", "INFO", "config|get|x"]]
        {
            assert_eq!(redis.ask(&words), percore(&words, resp));
        }
    }
}

/// Documentation by command, subcommands too.
fn docs(reply: &Value, into: &mut BTreeMap<String, BTreeMap<String, Value>>) {
    for (name, doc) in reply.pairs() {
        let mut fields: BTreeMap<String, Value> =
            doc.pairs().map(|(k, v)| (k.text(), v.clone().sorted())).collect();
        if let Some(subcommands) = fields.remove("subcommands") {
            docs(&subcommands, into);
        }
        into.insert(name.text(), fields);
    }
}

/// The shape of an argument tree: all but names, which 7.2 changed in many places.
fn shape(arguments: &Value) -> Value {
    let kept = ["type", "token", "key_spec_index", "since", "deprecated_since", "flags"];
    let argument = |a: &Value| {
        let mut parts: Vec<Value> =
            kept.iter().flat_map(|k| a.field(k).cloned().map(Value::sorted)).collect();
        parts.extend(a.field("arguments").map(shape));
        Value::Array(parts)
    };
    Value::Array(arguments.items().iter().map(argument).collect())
}

#[test]
fn command_docs_of_every_command() {
    let Some(mut redis) = Peer::start("command_docs_of_every_command") else { return };
    redis.hello(Resp::V3);
    let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
    docs(&redis.ask(&["COMMAND", "DOCS"]), &mut theirs);
    docs(&percore(&["COMMAND", "DOCS"], Resp::V3), &mut ours);
    let fields = ["since", "group", "doc_flags", "deprecated_since", "replaced_by", "history"];
    let mut wrong = compare(&theirs, &ours, &fields);
    for (name, their) in &theirs {
        let (their, our) = (their.get("arguments").map(shape), ours[name].get("arguments").map(shape));
        if (their != our) != ARGUMENTS_CHANGED.contains(&name.as_str()) {
            wrong.push(format!("{name}: arguments:\n  Redis   {their:?}\n  Percore {our:?}"));
        }
        if !ours[name].contains_key("summary") {
            wrong.push(format!("{name}: no summary"));
        }
    }
    none_wrong(&wrong);
}

/// Calls whose keys are not where they usually are, or that are wrong in a way that matters.
#[rustfmt::skip]
const TRICKY: &[&str] = &[
    "georadius k 1 1 2 m store a store b", "xreadgroup count 1 group streams c streams k >", "get k",
    "get", "get k x", "set k v", "set k v GET", "set k v nx get", "set get get", "mset a 1 b 2",
    "mset a 1 b", "msetnx a 1", "del a b c", "ping", "command count", "config get x", "object encoding k",
    "object nope k", "object help", "memory usage k samples 5", "memory stats", "debug object k",
    "xinfo stream s full", "xgroup create s g $ mkstream", "eval s 0", "eval s 2 a b c", "eval s 3 a b",
    "eval s -1 a", "eval_ro s 1 a x", "evalsha s 1 a", "fcall f 1 a b", "fcall f 0", "zunion 2 a b",
    "zunion 3 a b", "zunion 0 a", "zunion x a", "zunionstore d 2 a b weights 1 2", "zunionstore d 3 a b",
    "zinter 1 a", "zintercard 2 a b limit 1", "zdiffstore d 1 a", "sintercard 2 a b", "lmpop 2 a b left",
    "blmpop 0 2 a b left count 3", "bzmpop 0 1 z min", "sort l",
    "sort l by w_* get # get o_* limit 0 1 store d", "sort l store a store b", "sort l by store get store",
    "sort l limit 0 store", "sort_ro l by x", "migrate h 1 k 0 5",
    "migrate h 1 k 0 5 copy replace auth keys", "migrate h 1 k 0 5 auth2 keys keys keys",
    "migrate h 1 k 0 5 keys a b", "xread count 1 streams a b 0 0", "xread streams a b 0",
    "xread block 0 streams streams 0", "xread nope streams a 0", "xreadgroup group streams c streams s >",
    "xreadgroup group g c count 1 noack streams a b > >", "georadius k 1 1 2 m",
    "georadius k 1 1 2 m store d", "georadius k 1 1 2 m storedist d asc", "georadius k 1 1 2 m store",
    "georadius k 1 1 2 m store a storedist b", "georadiusbymember k m 2 m store d",
    "georadiusbymember k store 2 m", "georadius_ro k 1 1 2 m", "bitfield k", "bitfield k get u8 0",
    "bitfield k get u8 0 set u8 0 1", "bitfield k overflow sat get u8 0", "bitfield k incrby u8 0 1",
    "bitfield k nope", "bitfield_ro k get u8 0", "bitop and d a b", "rename a b", "copy a b db 3",
    "smove a b m", "lmove a b left right", "brpoplpush a b 0", "blpop a b c 0", "pfcount a b", "pfmerge d",
    "pfmerge d a b", "pfdebug encoding k", "geosearchstore d s frommember m byradius 1 m",
    "zrangestore d s 0 1", "lcs a b len", "subscribe c", "spublish c m", "ssubscribe c d", "watch a b",
    "restore-asking k 0 v", "move k 1", "nope a b", "waitaof 0 0 0", "script exists a", "publish c m",
    "cluster keyslot k", "swapdb 0 1", "scan 0", "hscan k 0", "sunsubscribe",
];

/// Calls that 7.0 answers otherwise, and why.
const TRICKY_BUT_DIFFERENT: &[(&str, &str)] = &[
    ("waitaof 0 0 0", "7.0 does not know the command"),
    ("georadius k 1 1 2 m store a store b", "the last STORE is written to, the spec finds the first"),
    ("xreadgroup count 1 group streams c streams k >", "a group called streams misleads the spec"),
    ("pfmerge d", "Redis overlooks the destination when there is no source"),
];

#[test]
fn keys_of_tricky_calls() {
    let Some(mut redis) = Peer::start("keys_of_tricky_calls") else { return };
    let mut wrong = Vec::new();
    for resp in [Resp::V2, Resp::V3] {
        redis.hello(resp);
        for call in TRICKY {
            for subcommand in ["GETKEYS", "GETKEYSANDFLAGS"] {
                let words: Vec<&str> = ["COMMAND", subcommand].into_iter().chain(call.split(' ')).collect();
                if words.len() < 4 {
                    continue; // 7.0 wants one argument more
                }
                let (their, our) = (redis.ask(&words), percore(&words, resp));
                let expected = TRICKY_BUT_DIFFERENT.iter().any(|(listed, _)| listed == call);
                if (their != our) != expected {
                    wrong.push(format!("{subcommand} {call}: Redis {their:?}, Percore {our:?}"));
                }
            }
        }
    }
    let empty_key =
        ["COMMAND", "GETKEYSANDFLAGS", "migrate", "h", "1", "", "0", "5", "auth", "keys", "keys", "a", "b"];
    assert_eq!(redis.ask(&empty_key), percore(&empty_key, Resp::V3));
    none_wrong(&wrong);
}

#[test]
fn command_list_with_filters() {
    let Some(mut redis) = Peer::start("command_list_with_filters") else { return };
    redis.hello(Resp::V3);
    let known = |value: Value| {
        let names: Vec<String> = value.items().iter().map(Value::text).collect();
        let mut names: Vec<String> = names.into_iter().filter(|name| !is_newer(name)).collect();
        names.sort();
        names
    };
    let categories: Vec<&str> = AclCategories::all().map(|(_, name)| name).collect();
    let filters = categories.iter().map(|category| ["aclcat", category]);
    let patterns =
        ["*", "GET*", "config|*", "[a-c]*|?e*", "x", "*\\|help"].map(|pattern| ["pattern", pattern]);
    for [kind, value] in filters.chain(patterns).chain([["module", "x"], ["aclcat", "nope"]]) {
        let words = ["COMMAND", "LIST", "FILTERBY", kind, value];
        assert_eq!(known(redis.ask(&words)), known(percore(&words, Resp::V3)), "{words:?}");
    }
    assert_eq!(known(redis.ask(&["COMMAND", "LIST"])), known(percore(&["COMMAND", "LIST"], Resp::V3)));
    for words in [&["COMMAND", "LIST", "x"][..], &["COMMAND", "LIST", "FILTERBY", "x", "y"]] {
        assert_eq!(redis.ask(words), percore(words, Resp::V3), "{words:?}");
    }
}

#[test]
fn globs() {
    let Some(mut redis) = Peer::start("globs") else { return };
    let texts: [&[u8]; 16] = [
        b"", b"a", b"b", b"A", b"ab", b"aab", b"a]b", b"[", b"]", b"-", b"\\", b"^", b"a-b", b"\xff",
        b"a\x80", b"abcabc",
    ];
    let patterns: [&[u8]; 34] = [
        b"",
        b"*",
        b"**",
        b"?",
        b"a*",
        b"*a",
        b"*b*",
        b"[a]",
        b"[^a]",
        b"[a",
        b"[^a",
        b"[",
        b"[^",
        b"[]",
        b"[]a]",
        b"[a-c]",
        b"[c-a]",
        b"[a-]",
        b"[-a]",
        b"[a-]b]",
        b"[\\]]",
        b"[\\a-c]",
        b"\\a",
        b"\\",
        b"a\\",
        b"a\\*",
        b"[\x80-\xff]",
        b"[\xff-a]",
        b"[a-\xff]*",
        b"a[]-]b",
        b"[^]]",
        b"*[bc]*",
        b"a*c?b*",
        b"***?",
    ];
    for text in texts {
        redis.ask_bytes(&[b"SET", text, b"1"]);
    }
    for pattern in patterns {
        let mut theirs: Vec<Vec<u8>> =
            redis.ask_bytes(&[b"KEYS", pattern]).items().iter().map(Value::bytes).collect();
        // Redis itself takes `KEYS *` as "all", the empty key too.
        let is_match = |text: &&[u8]| pattern == b"*" || glob::matches(pattern, text, Case::Sensitive);
        let mut ours: Vec<Vec<u8>> =
            texts.iter().copied().filter(|text| is_match(text)).map(<[u8]>::to_vec).collect();
        theirs.sort();
        ours.sort();
        assert_eq!(theirs, ours, "{:?}", pattern.escape_ascii().to_string());
    }
}
