//! Every key of `expected.json` beside what a client reads.

use super::common::{Conn, Value};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin-1")).collect()
}

fn text(value: &Value) -> Json {
    let latin_1 = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
    latin_1(value.bytes().unwrap_or_else(|| panic!("{value:?} is no text"))).into()
}

fn texts(values: &[Value]) -> Vec<Json> {
    values.iter().map(text).collect()
}

fn pairs(values: &[Value]) -> Vec<(Json, &Value)> {
    values.chunks_exact(2).map(|pair| (text(&pair[0]), &pair[1])).collect()
}

/// The value of a name in a flat map.
fn of<'a>(values: &'a [Value], name: &str) -> &'a Value {
    pairs(values).into_iter().find(|(is, _)| is == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// A score has many texts: compared are the numbers.
fn number(score: &Json) -> f64 {
    score.as_str().expect("a text").parse().expect("a number")
}

fn call(conn: &mut Conn, words: &[&[u8]]) -> Vec<Value> {
    let reply = conn.call(words);
    assert!(!reply.is_error(), "{reply:?} to {}", words[0].escape_ascii());
    reply.items()
}

/// Compares one key; whether its type is known.
fn compare(conn: &mut Conn, name: &str, key: &[u8], expected: &Json) {
    let kind = conn.call(&[b"TYPE", key]);
    assert_eq!(text(&kind), expected["type"], "{name}");
    let expires = conn.call(&[b"PEXPIRETIME", key]).int();
    assert_eq!(expires, expected["pexpiretime"].as_i64(), "{name}");
    let wanted = &expected["value"];
    let is: Json = match kind.text().as_str() {
        "string" => text(&conn.call(&[b"GET", key])),
        "list" => texts(&call(conn, &[b"LRANGE", key, b"0", b"-1"])).into(),
        "set" => {
            let mut members = call(conn, &[b"SMEMBERS", key]);
            members.sort_by(|a, b| a.bytes().cmp(&b.bytes()));
            texts(&members).into()
        }
        "hash" => {
            let all = call(conn, &[b"HGETALL", key]);
            pairs(&all)
                .into_iter()
                .map(|(field, is)| (field.as_str().unwrap().to_string(), text(is)))
                .collect()
        }
        "zset" => {
            let all = call(conn, &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]);
            let rows = wanted.as_array().unwrap();
            let is = pairs(&all);
            assert_eq!(is.len(), rows.len(), "{name}");
            for ((member, score), row) in is.iter().zip(rows) {
                assert_eq!((member, number(&text(score))), (&row[0], number(&row[1])), "{name}");
            }
            return;
        }
        "stream" => return compare_stream(conn, name, key, expected),
        other => panic!("{name}: {other}"),
    };
    assert!(&is == wanted, "{name}:\n{is}\n{wanted}");
}

fn compare_stream(conn: &mut Conn, name: &str, key: &[u8], expected: &Json) {
    let entries: Vec<Json> = call(conn, &[b"XRANGE", key, b"-", b"+"])
        .iter()
        .map(|entry| json!([text(&entry.items()[0]), texts(&entry.items()[1].items())]))
        .collect();
    assert!(Json::from(entries) == expected["value"], "{name}");
    let about = call(conn, &[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]);
    assert_eq!(text(of(&about, "last-generated-id")), expected["last_id"], "{name}");
    assert_eq!(text(of(&about, "max-deleted-entry-id")), expected["max_deleted"], "{name}");
    assert_eq!(of(&about, "entries-added").int(), expected["entries_added"].as_i64(), "{name}");
    let groups = of(&about, "groups").items();
    let wanted = expected["groups"].as_array().unwrap();
    assert_eq!(groups.len(), wanted.len(), "{name}");
    for (group, wanted) in groups.iter().zip(wanted) {
        let group = group.items();
        assert_eq!(text(of(&group, "name")), wanted["name"], "{name}");
        assert_eq!(text(of(&group, "last-delivered-id")), wanted["last"], "{name}");
        let row = |entry: &Value| {
            let entry = entry.items();
            json!([text(&entry[0]), text(&entry[1]), entry[3].int()])
        };
        let pending: Vec<Json> = of(&group, "pending").items().iter().map(row).collect();
        assert_eq!(Json::from(pending), wanted["pending"], "{name}");
        let consumers: Vec<Json> =
            of(&group, "consumers").items().iter().map(|c| text(of(&c.items(), "name"))).collect();
        assert_eq!(Json::from(consumers), wanted["consumers"], "{name}");
    }
}

/// Compares everything; how many keys there are.
pub fn everything(conn: &mut Conn, expected: &Path) -> usize {
    let Json::Object(expected) = serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap()
    else {
        panic!("{expected:?}");
    };
    let mut gone = 0;
    let mut sizes = std::collections::BTreeMap::<&str, i64>::new();
    for (name, expected) in &expected {
        let (db, key) = name.split_once('/').expect("a database and a key");
        if is_over(expected) {
            gone += 1;
            continue;
        }
        *sizes.entry(db).or_default() += 1;
        conn.must(&format!("SELECT {db}"));
        compare(conn, name, &bytes(key), expected);
    }
    for (db, size) in sizes {
        conn.must(&format!("SELECT {db}"));
        assert_eq!(conn.words("DBSIZE").int(), Some(size), "database {db}");
    }
    expected.len() - gone
}

/// Whether the key's time is over by now, so that nobody loads it: the data sets are not made anew for each test.
fn is_over(expected: &Json) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right").as_millis() as i64;
    expected["pexpiretime"].as_i64().is_some_and(|at| (0..now).contains(&at))
}
