//! Values of whole files that other servers wrote, wherever they are: `PERCORE_RDB_FILES` names folders, parted by
//! colons. Those of Redis's tests that are damaged are refused, or loaded without what is empty, as Redis does.

use super::tests::{load_and_check, put_and_check};
use super::*;
use persist::rdb::file::{Failure, Feed, FileVisitor, Record, Rules, Summary, Unread, read};
use std::io::Write;
use std::path::Path;

const FOLDERS: &str = "PERCORE_RDB_FILES";
/// What a file ends with.
const CHECKSUM_BYTES: usize = 8;
/// What becomes of the damaged files that Redis's own tests have: keys that are passed over, or `None`: refused.
const DAMAGED: &[(&str, Option<u64>)] = &[("corrupt_empty_keys.rdb", Some(9)), ("corrupt_ziplist.rdb", None)];

/// Loads each value into a table of its own.
struct Each<'a> {
    settings: &'a Settings,
}

impl FileVisitor for Each<'_> {
    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let mut loader = Loader { settings: self.settings, seed: 1 };
        let value = loader.record(record, value, 0)?.value;
        let saved = put_and_check(value);
        // The order of a table's elements may depend on the order in which they came.
        let (mut was, mut is) = (saved.clone(), load_and_check(&saved, self.settings)?);
        was.sort_unstable();
        is.sort_unstable();
        assert!(was == is, "{record:?}");
        Ok(())
    }
}

/// Loads the values of a file one by one.
fn walk(file: &[u8], settings: &Settings) -> Result<Summary, Failure> {
    let mut bytes = file;
    let mut feed = Feed::new(&mut bytes, 0..file.len() as u64);
    read(&mut feed, Rules::default(), &mut Each { settings })
}

#[expect(clippy::disallowed_methods, reason = "a test reads the files that it is given")]
fn check_file(path: &Path) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    for settings in [Settings::default(), super::tests::tight()] {
        let found = walk(&file, &settings);
        println!("{name}: {found:?}");
        match DAMAGED.iter().find(|(damaged, _)| *damaged == name) {
            Some((_, None)) => assert!(found.is_err(), "{path:?}: {found:?}"),
            Some((_, Some(empty))) => {
                assert_eq!(found.map(|found| (found.keys, found.empty)), Ok((0, *empty)), "{path:?}");
            }
            None => assert!(found.is_ok(), "{path:?}: {found:?}"),
        }
        for cut in (0..file.len()).step_by(1 + file.len() / 10) {
            // Files before version 5 have no checksum, and what stands behind the end is nobody's business.
            let is_whole = cut + CHECKSUM_BYTES >= file.len();
            assert!(is_whole || walk(&file[..cut], &settings).is_err(), "{path:?} cut to {cut} bytes");
        }
    }
}

#[test]
fn files_of_other_servers() {
    let Some(folders) = std::env::var_os(FOLDERS) else {
        // Past the harness's capture, which swallows what a passing test prints; nobody may be reading.
        drop(writeln!(std::io::stderr(), "SKIPPED: files_of_other_servers: {FOLDERS} names no folder"));
        return;
    };
    let mut files = 0;
    for folder in std::env::split_paths(&folders) {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")) {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_some_and(|ending| ending == "rdb") {
                check_file(&path);
                files += 1;
            }
        }
    }
    assert!(files > 0, "{FOLDERS} has no file that ends in .rdb");
}
