//! Tests of CONFIG REWRITE.

use super::*;
use crate::config::{Caller, Sources, load};
use std::path::Path;

fn read(text: &[u8]) -> Config {
    let options = Some(text.to_vec());
    load(&Sources { file: None, stdin: None, options, cwd: Path::new("/"), is_command: &|_| true })
        .unwrap()
        .config
}

fn set(config: &Config, pairs: &[(&str, &str)]) -> Config {
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    config.set_many(&pairs, Caller { local: true, loading: false }).unwrap().config
}

fn rewritten(old: &str, pairs: &[(&str, &str)]) -> String {
    let config = set(&read(old.as_bytes()), pairs);
    String::from_utf8(rewrite(old.as_bytes(), &config, &Rewrite::default())).unwrap()
}

/// What is always written: the directory, and lists whose absence would mean the default.
const ALWAYS: &str =
    "dir \"/\"\nsave 3600 1 300 100 60 10000\nlatency-tracking-info-percentiles 50 99 99.9\n";

#[test]
fn comments_and_order_stay_and_values_change_in_place() {
    let old = "# my server\nport 7000\n\n\n# memory\nMAXMEMORY 1gb\ntimeout 0\n";
    let new = rewritten(old, &[("maxmemory", "1025"), ("port", "7001")]);
    let kept = "# my server\nport 7001\n\n# memory\nmaxmemory 1025\ntimeout 0\n\n";
    assert_eq!(new, format!("{kept}{SIGNATURE}\n{ALWAYS}"));
}

#[test]
fn a_second_rewrite_changes_nothing() {
    let once = rewritten("port 7000\n", &[("hz", "20"), ("requirepass", "a \"b\"")]);
    let again = rewrite(once.as_bytes(), &read(once.as_bytes()), &Rewrite::default());
    assert_eq!(String::from_utf8(again).unwrap().trim_end(), once.trim_end());
    assert_eq!(once.matches(SIGNATURE).count(), 1);
    assert!(once.contains("requirepass \"a \\\"b\\\"\"\n"));
}

#[test]
fn duplicates_go_and_aliases_take_the_name() {
    let new = rewritten("slave-priority 1\nreplica-priority 2\n", &[("replica-priority", "3")]);
    assert!(new.starts_with("replica-priority 3\n\n"), "{new}");
    assert_eq!(new.matches("priority").count(), 1);
}

#[test]
fn what_is_unset_or_default_is_not_appended() {
    let new = rewritten("requirepass old\nbind 1.2.3.4\n", &[("requirepass", ""), ("bind", "* -::*")]);
    assert!(!new.contains("requirepass") && !new.contains("bind") && !new.contains("port"));
}

#[test]
fn several_save_lines_become_one() {
    let new = rewritten("save 900 1\nsave 60 5\n", &[("save", "")]);
    assert!(new.starts_with("save \"\"\n\n"), "{new}");
    assert_eq!(read(new.as_bytes()).show(crate::id!("save")), b"");
}

#[test]
fn limits_keep_one_line_a_class() {
    let new = rewritten(
        "client-output-buffer-limit pubsub 1mb 1mb 1\n",
        &[("client-output-buffer-limit", "normal 1gb 0 0")],
    );
    let limits: Vec<&str> = new.lines().filter(|l| l.starts_with("client-output")).collect();
    assert_eq!(
        limits,
        ["client-output-buffer-limit normal 1gb 0 0", "client-output-buffer-limit pubsub 1mb 1mb 1",]
    );
}

#[test]
fn lines_that_are_not_values_stay() {
    let old = "include other.conf\nrename-command get fetch\nuser bob on\nnonsense 1\n";
    let config = Config::new(Path::new("/"));
    let new = rewrite(old.as_bytes(), &config, &Rewrite::default());
    let new = String::from_utf8(new).unwrap();
    assert!(new.starts_with("include other.conf\nrename-command get fetch\nuser bob on\n# ??? nonsense 1\n"));
    let users = Some(vec![b"default on nopass".to_vec()]);
    let new = rewrite(old.as_bytes(), &config, &Rewrite { users, everything: false });
    assert!(String::from_utf8(new).unwrap().contains("\nuser default on nopass\n# ???"));
}

#[test]
fn everything_written_reads_back_the_same() {
    let config = set(
        &Config::new(Path::new("/")),
        &[
            ("maxmemory-clients", "5%"),
            ("shutdown-on-sigterm", "nosave now"),
            ("oom-score-adj", "absolute"),
            ("notify-keyspace-events", "KEA"),
            ("requirepass", "x y"),
            ("timeout", "9"),
        ],
    );
    let text = rewrite(b"", &config, &Rewrite { users: None, everything: true });
    assert_eq!(read(&text), config);
}
