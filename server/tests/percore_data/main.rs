//! `percore-data` as a process, on files that Redis 7.0, Redis 7.4 and Valkey 8.0 wrote (`tests/data`): what it prints is
//! what clients of those servers read; what it says of damage has a name, an offset and a reason. And Percore's own files,
//! made of the same data by the code that saves: they pass `redis-check-rdb`, and redis-server loads them.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod expected;
mod redis;
mod rewrite;

use common::peer;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Folders of `tests/data`.
const SERVERS: [&str; 3] = ["redis-7.0.15", "redis-7.4.1", "valkey-8.0.1"];

fn data(server: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(server).join(file)
}

/// Runs `percore-data`.
fn percore_data<A: AsRef<std::ffi::OsStr>>(args: &[A]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_percore-data"));
    command.args(args);
    peer::run(command, b"", LIMIT)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `print` prints of a file.
fn print(file: &Path, more: &[&str]) -> Vec<u8> {
    let file = file.display().to_string();
    let output = percore_data(&[&["print", &file], more].concat());
    assert!(output.status.success(), "{}", err(&output));
    output.stdout
}

#[test]
fn check_tells_what_is_in_a_file() {
    let checked = percore_data(&["check".into(), data("redis-7.0.15", "dump.rdb")]);
    assert!(checked.status.success(), "{}", err(&checked));
    let text = out(&checked);
    assert!(text.starts_with(&format!("{}: whole\n", data("redis-7.0.15", "dump.rdb").display())), "{text}");
    for line in [
        "  RDB version 10, 442870 bytes, its checksum is right",
        "  redis-ver: 7.0.15",
        "  database 0: 535 keys, 2 with an expiry",
        "  database 5: 2 keys, 0 with an expiry",
        "  libraries of functions: 1",
        "  stream: 2",
    ] {
        assert!(text.lines().any(|is| is == line), "{line} is not in\n{text}");
    }
}

#[test]
fn check_tells_what_is_wrong_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.rdb");
    let good = std::fs::read(data("valkey-8.0.1", "dump.rdb")).unwrap();
    let faults = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let checked = percore_data(&[Path::new("check"), &file]);
        assert_eq!((checked.status.code(), out(&checked)), (Some(1), String::new()));
        let text = err(&checked);
        text.strip_prefix(&format!("{}: ", file.display())).expect("its name first").trim_end().to_string()
    };
    let middle = good.len() / 2;
    let cut = faults(&good[..middle]);
    assert!(cut.starts_with("it ends within a value at byte "), "{cut}");
    assert!(cut.contains(", in key '") && cut.contains("' of database 0, whose type is "), "{cut}");
    let mut flipped = good.clone();
    flipped[good.len() - 1] ^= 1;
    let sum = faults(&flipped);
    assert!(sum.starts_with("the checksum is "), "{sum}");
    assert!(sum.ends_with(&format!(" at byte {}", good.len() - 8)), "{sum}");
    assert_eq!(faults(b"*1\r\n$4\r\nPING\r\n"), "this is no RDB file at byte 0");
    assert_eq!(faults(b"REDIS0099"), "an RDB file of version 99, and versions 1 to 12 are read at byte 0");
    std::fs::write(&file, &flipped).unwrap();
    let unasked = percore_data(&[Path::new("check"), Path::new("--any-checksum"), &file]);
    assert!(unasked.status.success() && out(&unasked).contains("its checksum was not looked at"));
    let none = percore_data(&["check", "/no/such/file"]);
    assert_eq!((none.status.code(), err(&none).starts_with("/no/such/file: No such file")), (Some(1), true));
}

#[test]
fn print_takes_what_is_asked_for() {
    let file = data("redis-7.0.15", "dump.rdb");
    let text = String::from_utf8(print(&file, &["--db", "5"])).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        r#"{"db":5,"key":"l","pexpiretime":-1,"type":"list","value":["1","2","3"]}"#,
        r#"{"db":5,"key":"other","pexpiretime":-1,"type":"string","value":"db"}"#,
    ];
    assert_eq!(lines, expected);
    let text = String::from_utf8(print(&file, &["--match", "tx:*", "--db", "0"])).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    let resp = print(&file, &["--match", "oth?r", "--format", "resp"]);
    assert_eq!(
        String::from_utf8_lossy(&resp),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$2\r\ndb\r\n"
    );
}
