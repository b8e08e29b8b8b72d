//! What `percore-data print` says of a file, beside what clients read of the server that wrote it.

use super::{SERVERS, data, print};
use serde_json::{Map, Value};

/// The keys of a file, each under its database and name as `expected.json` has it.
fn printed(server: &str) -> Map<String, Value> {
    let mut keys = Map::new();
    for line in String::from_utf8(print(&data(server, "dump.rdb"), &[])).unwrap().lines() {
        let Value::Object(mut key) = serde_json::from_str(line).expect("a line of JSON") else {
            panic!("{line}")
        };
        let db = key.remove("db").expect("a database");
        let name = format!("{db}/{}", key.remove("key").and_then(|k| Some(k.as_str()?.to_string())).unwrap());
        assert!(keys.insert(name.clone(), key.into()).is_none(), "{name} comes once");
    }
    keys
}

/// A score has many texts: compared are the numbers.
fn with_scores(mut value: Value) -> Value {
    for row in value.as_array_mut().expect("rows") {
        let score: f64 = row[1].as_str().expect("a text").parse().expect("a number");
        row[1] = format!("{score:?}").into();
    }
    value
}

/// Fields with an expiry, which the clients were not asked for: `HPEXPIRETIME` of Redis 7.4's two hashes.
fn timed_fields(server: &str) -> Vec<String> {
    let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_string()).collect();
    match server {
        "redis-7.4.1" => of(&[
            r#"0/hash:ht {"field:7":2795164468038}"#,
            r#"0/hash:lp {"f1":2795164468038,"f2":2795164468038}"#,
        ]),
        _ => Vec::new(),
    }
}

#[test]
fn json_is_what_clients_read() {
    for server in SERVERS {
        let text = std::fs::read_to_string(data(server, "expected.json")).unwrap();
        let Value::Object(expected) = serde_json::from_str(&text).unwrap() else { panic!("{server}") };
        assert!(expected.len() > 500, "{server}");
        let mut printed = printed(server);
        let mut timed = Vec::new();
        let mut types = std::collections::BTreeSet::new();
        for (name, mut expected) in expected {
            let mut is = printed.remove(&name).unwrap_or_else(|| panic!("{server}: {name} is not printed"));
            let kind = is["type"].as_str().unwrap().to_string();
            if kind == "zset" {
                is["value"] = with_scores(is["value"].take());
                expected["value"] = with_scores(expected["value"].take());
            }
            for group in is.get_mut("groups").and_then(Value::as_array_mut).into_iter().flatten() {
                // It is said besides what the clients were asked for.
                let read = group.as_object_mut().unwrap().remove("entries_read").expect("how many were read");
                assert!(read.is_u64() || read.is_null(), "{server}: {name}: {read}");
            }
            if let Some(fields) = is.as_object_mut().unwrap().remove("fields_pexpiretime") {
                timed.push(format!("{name} {fields}"));
            }
            assert!(is == expected, "{server}: {name}:\n{is}\n{expected}");
            types.insert(kind);
        }
        assert!(printed.is_empty(), "{server}: also printed: {:?}", printed.keys());
        timed.sort_unstable();
        assert_eq!(timed, timed_fields(server));
        assert_eq!(types.len(), 6, "every type is among them");
    }
}
