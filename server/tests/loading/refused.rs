//! Files that stop the start: the log names the file, the byte and the reason, the exit code is 1, and the file stays as it is.

use super::common::Rng;
use super::common::process::free_port;
use super::{FILE, LIMIT, Text, dump_of, file_of, loaded, numbered, on};
use std::io::Write;

/// What the log says of a file that stops the start.
fn refused(shards: usize, file: &[u8]) -> String {
    let mut server = on(shards, file).spawn(free_port());
    let status = server.wait(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(std::fs::read(server.dir().join(FILE)).unwrap(), file, "the file is as it was");
    assert!(log.trim_end().ends_with("# Fatal error loading the DB, check server logs. Exiting."), "{log}");
    assert!(!log.contains("Ready to accept"), "{log}");
    let name = server.dir().join(FILE).display().to_string();
    let line = log.lines().find(|line| line.contains(&name)).unwrap_or_else(|| panic!("no {name} in\n{log}"));
    line.split_once(" # ").expect("a warning").1.replace(&name, FILE)
}

#[test]
fn a_byte_that_is_wrong() {
    let mut rng = Rng::new(super::common::env::seed());
    let files = [dump_of("valkey-8.0.1"), numbered(5000)];
    for (shards, good) in [(1, &files[0]), (3, &files[0]), (1, &files[1]), (3, &files[1])] {
        let mut bad = good.clone();
        let at = rng.below(good.len());
        bad[at] ^= 1 << rng.below(8);
        let why = refused(shards, &bad);
        let has_place = why.starts_with("dump.rdb: ") && why.contains(" at byte ");
        assert!(has_place || why.starts_with("FATAL: Data file was created "), "{at}: {why}");
    }
}

#[test]
fn a_file_that_was_cut() {
    let good = dump_of("redis-7.0.15");
    let why = refused(2, &good[..good.len() / 2]);
    assert!(why.starts_with("dump.rdb: it ends within a value at byte "), "{why}");
    let parts = numbered(5000);
    let why = refused(2, &parts[..parts.len() - 1]);
    assert!(why.contains(" at byte "), "{why}");
    assert!(refused(1, b"").starts_with("dump.rdb: this is no RDB file at byte 0"));
}

#[test]
fn a_checksum_that_is_wrong() {
    for (shards, mut bad) in [(1, dump_of("redis-7.0.15")), (2, numbered(5000)), (1, numbered(5000))] {
        let at = bad.len() - 8;
        bad[at + 3] ^= 1;
        let why = refused(shards, &bad);
        assert!(
            why.starts_with("dump.rdb: the checksum is ") && why.ends_with(&format!(" at byte {at}")),
            "{why}"
        );
        drop(loaded(shards, &bad, &["--rdbchecksum", "no"]));
        bad[at..].fill(0);
        let server = loaded(shards, &bad, &[]);
        assert!(server.log().contains("RDB file was saved with checksum disabled: no check performed."));
    }
}

#[test]
fn a_key_that_comes_twice() {
    let mut texts: Vec<Text<'_>> = vec![(0, "a", "1", None), (1, "a", "2", None), (0, "b", "x", None)];
    texts.push((0, "a", "3", None));
    for shards in [1, 2] {
        let why = refused(shards, &file_of(&texts));
        assert!(why.starts_with("dump.rdb: RDB has duplicated key 'a' in DB 0 at byte "), "{why}");
    }
}

#[test]
fn more_databases_than_there_are() {
    let file = file_of(&[(0, "a", "1", None), (16, "b", "2", None)]);
    let why = refused(2, &file);
    assert!(why.starts_with("FATAL: Data file was created with a Redis server configured to handle more than 16 databases. Exiting"), "{why}");
    drop(loaded(2, &file, &["--databases", "17"]));
}

#[test]
fn what_is_no_file() {
    let builder = super::Server::builder(1).args(&["--dbfilename", "folder"]);
    let mut server = builder.file("folder/in it", b"").spawn(free_port());
    assert_eq!(server.wait(LIMIT).code(), Some(1));
    assert!(server.log().contains("can't open the RDB file"), "{}", server.log());
}

/// The files of Redis's own tests, and any others: `PERCORE_RDB_FILES` names folders, parted by colons.
#[test]
fn files_that_are_named() {
    let Some(folders) = std::env::var_os("PERCORE_RDB_FILES") else {
        // Past the harness's capture, which swallows what a passing test prints; nobody may be reading.
        drop(writeln!(std::io::stderr(), "SKIPPED: files_that_are_named: PERCORE_RDB_FILES names no folder"));
        return;
    };
    for folder in std::env::split_paths(&folders) {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")) {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_none_or(|ending| ending != "rdb") {
                continue;
            }
            let file = std::fs::read(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            if path.ends_with("corrupt_ziplist.rdb") {
                let why = refused(2, &file);
                assert!(why.contains(" at byte "), "{why}");
                continue;
            }
            let server = loaded(2, &file, &[]);
            if path.ends_with("corrupt_empty_keys.rdb") {
                let line = "Done loading RDB, keys loaded: 0, keys expired: 0, empty keys skipped: 9.";
                assert!(server.log().contains(line), "{}", server.log());
            }
        }
    }
}
