//! When two replies count as the same. Everything not named here must be equal to the byte.
//!
//! Two lists. [`RULES`]: replies that Redis leaves open or that depend on the clock or the
//! process, each with the reason. [`INTENDED`]: where Percore follows Redis 7.2 and the
//! redis-server beside it is Debian's 7.0.15. Besides these: an error that quotes an argument with a NUL
//! byte ends there in Redis, as C strings do, and goes on in Percore.

use crate::common::{Cmd, Value};

/// How far two servers' ideas of one expiry may be apart, in seconds. Expiries in a stream are
/// 1,000 s apart, so this tells any two of them apart however slow the machine is.
const EXPIRY_TOLERANCE: i64 = 400;

enum Rule {
    /// The elements in any order.
    AnyOrder,
    /// Pairs of a name and a value, as a map or flat, in any order.
    AnyPairs,
    /// A cursor, and pairs in any order.
    ScanPairs,
    /// Both negative and equal, or within the tolerance in this unit of a second.
    Near(i64),
    /// Both of one kind, whatever they hold.
    Kind,
    /// A cursor that says "all", and the elements in any order.
    Scanned,
    /// Strings that read as one number are one, such as `0.1` and `0.10000000000000001`.
    Numbers,
    /// The same, of what ZSCAN answers: a cursor that says "all", and pairs in any order.
    ScannedNumbers,
    /// A map of the same fields in the same order, with these fields' values of one kind.
    Fields(&'static [&'static str]),
    /// Equal, but that in rows of four the third, if it is a number, may be any.
    Rows,
}

struct Row {
    command: &'static str,
    rule: Rule,
    #[allow(dead_code)] // for the reader
    why: &'static str,
}

const fn row(command: &'static str, rule: Rule, why: &'static str) -> Row {
    Row { command, rule, why }
}

/// By the beginning of the command's words, lower case; the first that fits counts.
const RULES: &[Row] = &[
    row("keys", Rule::AnyOrder, "the order of a hash table is nobody's promise"),
    row("smembers", Rule::AnyOrder, "as KEYS"),
    row("sinter", Rule::AnyOrder, "as KEYS"),
    row("sunion", Rule::AnyOrder, "as KEYS"),
    row("sdiff", Rule::AnyOrder, "as KEYS"),
    row("spop", Rule::AnyOrder, "asked for all members only"),
    row("srandmember", Rule::AnyOrder, "asked for all members only"),
    row("sscan", Rule::Scanned, "asked for all members only"),
    row("zscore", Rule::Numbers, "Redis 7.0 writes 17 digits, 7.2 the shortest text"),
    row("zmscore", Rule::Numbers, "as ZSCORE"),
    row("zadd", Rule::Numbers, "as ZSCORE, with INCR"),
    row("zincrby", Rule::Numbers, "as ZSCORE"),
    row("zrange", Rule::Numbers, "as ZSCORE"),
    row("zrevrange", Rule::Numbers, "as ZSCORE"),
    row("zrangebyscore", Rule::Numbers, "as ZSCORE"),
    row("zrevrangebyscore", Rule::Numbers, "as ZSCORE"),
    row("zunion", Rule::Numbers, "as ZSCORE"),
    row("zinter", Rule::Numbers, "as ZSCORE"),
    row("zdiff", Rule::Numbers, "as ZSCORE"),
    row("zpopmin", Rule::Numbers, "as ZSCORE"),
    row("zpopmax", Rule::Numbers, "as ZSCORE"),
    row("zmpop", Rule::Numbers, "as ZSCORE"),
    row("bzpopmin", Rule::Numbers, "as ZSCORE"),
    row("bzpopmax", Rule::Numbers, "as ZSCORE"),
    row("bzmpop", Rule::Numbers, "as ZSCORE"),
    row("zrandmember", Rule::AnyOrder, "asked for all members only"),
    row("zscan", Rule::ScannedNumbers, "asked for all members only"),
    row("hgetall", Rule::AnyPairs, "as KEYS"),
    row("hkeys", Rule::AnyOrder, "as KEYS"),
    row("hvals", Rule::AnyOrder, "as KEYS"),
    row("hscan", Rule::ScanPairs, "as KEYS"),
    row("hrandfield", Rule::Kind, "chance"),
    row("ttl", Rule::Near(1), "relative to the server's clock at the time it is asked"),
    row("pttl", Rule::Near(1000), "as TTL"),
    row("expiretime", Rule::Near(1), "set relative to the server's clock"),
    row("pexpiretime", Rule::Near(1000), "as EXPIRETIME"),
    row("object idletime", Rule::Kind, "depends on the clock"),
    row("object refcount", Rule::Kind, "shared integers are an implementation's choice"),
    row("memory usage", Rule::Kind, "bytes of another implementation"),
    row("client info", Rule::Kind, "addresses and times"),
    row("command count", Rule::Kind, "Redis 7.2 has more commands"),
    row("sort_ro", Rule::AnyOrder, "of a set, as SMEMBERS"),
    row("client id", Rule::Kind, "a counter of the process"),
    row("time", Rule::Kind, "the clock"),
    row("hello", Rule::Fields(&["version", "id"]), "another version, another counter"),
    row("command list", Rule::AnyOrder, "the order of a hash table"),
    row("config get", Rule::AnyPairs, "Redis answers in the order of a hash table"),
    row("debug", Rule::Kind, "refused by both; the text names redis.conf's directive or its own"),
    row("slowlog get", Rule::Kind, "only its errors are compared, and those by kind: entries hold times"),
    row("xpending", Rule::Rows, "the third of each row is the time since the delivery"),
    row(
        "xinfo stream",
        Rule::Fields(&["radix-tree-nodes", "groups"]),
        "another index; times of delivery (XINFO GROUPS is compared in full)",
    ),
    row("xinfo consumers", Rule::Kind, "times, and a field that came with Redis 7.2"),
    row("object help", Rule::Kind, "help is in words of Percore's own"),
    row("client help", Rule::Kind, "as OBJECT HELP"),
    row("config help", Rule::Kind, "as OBJECT HELP"),
    row("command help", Rule::Kind, "as OBJECT HELP"),
    row("pubsub help", Rule::Kind, "as OBJECT HELP"),
    row("xgroup help", Rule::Kind, "as OBJECT HELP"),
    row("xinfo help", Rule::Kind, "as OBJECT HELP"),
    row("slowlog help", Rule::Kind, "as OBJECT HELP"),
    row("memory help", Rule::Kind, "as OBJECT HELP"),
    row("latency help", Rule::Kind, "as OBJECT HELP"),
    row("config rewrite", Rule::Kind, "neither has a file; see `life.rs` for the rewrite itself"),
];

/// A difference that is meant.
struct Intended {
    /// The beginning of the command's words, lower case.
    command: &'static str,
    /// What Redis 7.0.15 answers: the beginning of the text.
    redis: &'static str,
    /// What Redis 7.2 and Percore answer: the beginning of the text.
    percore: &'static str,
    #[allow(dead_code)] // for the reader
    why: &'static str,
}

const INTENDED: &[Intended] = &[
    Intended {
        command: "client no-touch",
        redis: "ERR unknown subcommand",
        percore: "",
        why: "CLIENT NO-TOUCH came with Redis 7.2",
    },
    Intended {
        command: "client setinfo",
        redis: "ERR unknown subcommand",
        percore: "",
        why: "as CLIENT NO-TOUCH",
    },
    // Of any type here; the walk over all keys knows which it is.
    Intended { command: "object encoding", redis: "hashtable", percore: "listpack", why: "see ENCODINGS" },
    Intended { command: "object encoding", redis: "hashtable", percore: "intset", why: "see ENCODINGS" },
    Intended { command: "object encoding", redis: "intset", percore: "", why: "see ENCODINGS" },
    Intended { command: "object encoding", redis: "quicklist", percore: "listpack", why: "see ENCODINGS" },
    Intended { command: "object encoding", redis: "listpack", percore: "skiplist", why: "see ENCODINGS" },
    Intended { command: "object encoding", redis: "skiplist", percore: "listpack", why: "see ENCODINGS" },
    Intended {
        command: "bitcount",
        redis: ":0",
        percore: "ERR ",
        why: "since Redis 7.2 arguments are looked at before the key is",
    },
    Intended { command: "bitcount", redis: "WRONGTYPE ", percore: "ERR ", why: "as above" },
    Intended { command: "bitpos", redis: ":0", percore: "ERR ", why: "as BITCOUNT" },
    Intended { command: "bitpos", redis: ":-1", percore: "ERR ", why: "as BITCOUNT" },
    Intended { command: "bitpos", redis: "WRONGTYPE ", percore: "ERR ", why: "as BITCOUNT" },
    Intended {
        command: "zrank",
        redis: "ERR wrong number of arguments for 'zrank'",
        percore: "",
        why: "ZRANK key member WITHSCORE came with Redis 7.2",
    },
    Intended {
        command: "zrevrank",
        redis: "ERR wrong number of arguments for 'zrevrank'",
        percore: "",
        why: "as ZRANK",
    },
    Intended {
        command: "command getkeys",
        redis: "ERR wrong number of arguments for 'command|getkeys'",
        percore: "ERR ",
        why: "since Redis 7.2 a command without arguments is looked at before it is refused",
    },
    Intended {
        command: "command getkeysandflags",
        redis: "ERR wrong number of arguments for 'command|getkeysandflags'",
        percore: "ERR ",
        why: "as COMMAND GETKEYS",
    },
];

/// Encodings that Redis 7.2 chooses otherwise than 7.0, or Percore otherwise than both: type, then 7.0's, then ours.
const ENCODINGS: &[(&str, &str, &str)] = &[
    ("set", "hashtable", "listpack"),  // listpacks of members came with 7.2
    ("set", "intset", "listpack"),     // SADD of more integers than an intset may have
    ("set", "intset", "hashtable"),    // the same
    ("set", "hashtable", "intset"),    // SINTERSTORE's result, if of integers only
    ("list", "quicklist", "listpack"), // small lists are listpacks since 7.2
    ("zset", "listpack", "skiplist"),  // since 7.2 ZADD chooses by the number of its arguments
    ("zset", "skiplist", "listpack"),  // SORT makes a skiplist of a sorted set in Redis, for good
];

/// Whether Percore's encoding of a value of this type is that of Redis 7.2, as far as 7.0 can tell.
pub fn same_encoding(kind: &Value, redis: &Value, percore: &Value) -> bool {
    let (kind, redis, percore) = (kind.text(), redis.text(), percore.text());
    redis == percore || ENCODINGS.contains(&(kind.as_str(), redis.as_str(), percore.as_str()))
}

/// The first two words of a command, lower case, for looking up in the lists.
fn words(command: &Cmd) -> String {
    let first: Vec<_> = command.iter().take(2).map(|p| String::from_utf8_lossy(p).to_lowercase()).collect();
    first.join(" ")
}

fn fits(words: &str, pattern: &str) -> bool {
    words.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Whether Percore's reply to `command` is as good as Redis's.
pub fn same(command: &Cmd, redis: &Value, percore: &Value) -> bool {
    if redis == percore {
        return true;
    }
    let words = words(command);
    let begins = |v: &Value, text: &str| v.text().starts_with(text);
    if INTENDED
        .iter()
        .any(|i| fits(&words, i.command) && begins(redis, i.redis) && begins(percore, i.percore))
    {
        return true;
    }
    if command.iter().any(|part| part.contains(&0)) && cut_at_nul(redis, percore) {
        return true;
    }
    // Errors are never normalised, but where the rule says that only the kind matters.
    match RULES.iter().find(|r| fits(&words, r.command)).map(|r| &r.rule) {
        Some(Rule::Kind) => kind(redis) == kind(percore),
        _ if redis.is_error() || percore.is_error() => false,
        Some(Rule::AnyOrder) => same_elements(redis, percore, 1),
        Some(Rule::Scanned) => match (&redis.items()[..], &percore.items()[..]) {
            ([a, members], [b, others]) => a == b && same_elements(members, others, 1),
            _ => false,
        },
        Some(Rule::Numbers) => numbers(redis) == numbers(percore),
        Some(Rule::ScannedNumbers) => match (&redis.items()[..], &percore.items()[..]) {
            ([a, pairs], [b, others]) => a == b && same_elements(&numbers(pairs), &numbers(others), 2),
            _ => false,
        },
        Some(Rule::AnyPairs) => same_elements(redis, percore, 2),
        Some(Rule::ScanPairs) => match (&redis.items()[..], &percore.items()[..]) {
            ([cursor, fields], [other, others]) => cursor == other && same_elements(fields, others, 2),
            _ => false,
        },
        Some(Rule::Near(unit)) => near(redis, percore, *unit),
        Some(Rule::Fields(open)) => same_fields(redis, percore, open),
        Some(Rule::Rows) => same_rows(redis, percore),
        None => false,
    }
}

/// Whether both are errors that quote an argument, and Redis's ends where a C string ends.
fn cut_at_nul(redis: &Value, percore: &Value) -> bool {
    let (Value::Error(redis), Value::Error(percore)) = (redis, percore) else { return false };
    let same = redis.iter().zip(percore).take_while(|(a, b)| a == b).count();
    // What was quoted may stand in the middle of the text.
    percore.get(same) == Some(&0) && percore[same..].ends_with(&redis[same..])
}

fn kind(v: &Value) -> std::mem::Discriminant<Value> {
    std::mem::discriminant(v)
}

/// The reply with every string that is a number in one spelling.
fn numbers(v: &Value) -> Value {
    let spelled = |text: &[u8]| match std::str::from_utf8(text).map(str::parse::<f64>) {
        Ok(Ok(number)) => number.to_string().into_bytes(),
        _ => text.to_vec(),
    };
    match v {
        Value::Bulk(text) => Value::Bulk(spelled(text)),
        Value::Double(text) => Value::Double(spelled(text)),
        Value::Array(items) => Value::Array(items.iter().map(numbers).collect()),
        other => other.clone(),
    }
}

fn same_elements(a: &Value, b: &Value, group: usize) -> bool {
    let sorted = |v: &Value| {
        let items = v.items();
        let mut groups: Vec<Vec<Value>> = items.chunks(group).map(<[Value]>::to_vec).collect();
        groups.sort();
        groups
    };
    kind(a) == kind(b) && sorted(a) == sorted(b)
}

/// Whether two expiries are one, as far as two clocks can tell.
pub fn near(a: &Value, b: &Value, unit: i64) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) if *a >= 0 && *b >= 0 => {
            a.abs_diff(*b) <= (EXPIRY_TOLERANCE * unit) as u64
        }
        _ => a == b,
    }
}

fn same_rows(a: &Value, b: &Value) -> bool {
    let same_row = |a: &Value, b: &Value| match (&a.items()[..], &b.items()[..]) {
        ([id, name, Value::Int(_), count], [other_id, other_name, Value::Int(_), other_count]) => {
            (id, name, count) == (other_id, other_name, other_count)
        }
        _ => a == b,
    };
    let (x, y) = (a.items(), b.items());
    kind(a) == kind(b) && x.len() == y.len() && x.iter().zip(&y).all(|(a, b)| same_row(a, b))
}

fn same_fields(a: &Value, b: &Value, open: &[&str]) -> bool {
    let (x, y) = (a.items(), b.items());
    kind(a) == kind(b)
        && x.len() == y.len()
        && x.chunks(2).zip(y.chunks(2)).all(|(p, q)| match (p, q) {
            ([name, v], [other, w]) => {
                name == other && (v == w || (open.contains(&name.text().as_str()) && kind(v) == kind(w)))
            }
            _ => false,
        })
}
