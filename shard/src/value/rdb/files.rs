//! Values of whole files that other servers wrote, wherever they are: `PERCORE_RDB_FILES` names folders, parted by
//! colons. Files whose name begins with "corrupt" need not load; they must not do harm.

use super::tests::load_and_check;
use super::*;
use persist::rdb::Opcode;
use std::io::Write;
use std::path::Path;

const FOLDERS: &str = "PERCORE_RDB_FILES";
/// "REDIS" and four digits.
const MAGIC_BYTES: usize = 9;
/// What a file ends with.
const CHECKSUM_BYTES: usize = 8;

/// What a file holds: values, and empty ones that are passed over.
#[derive(Default, Debug)]
struct Found {
    values: usize,
    empty: usize,
}

/// Loads the values of a file one by one, each into a table of its own.
fn walk(file: &[u8], settings: &Settings) -> Result<Found, Error> {
    let mut slice = Slice::new(&file[MAGIC_BYTES.min(file.len())..]);
    let mut from = Decoder::new(&mut slice);
    let mut found = Found::default();
    loop {
        let byte = from.byte()?;
        match Opcode::of(byte) {
            Some(Opcode::Eof) => return Ok(found),
            Some(Opcode::Aux) => drop((from.string()?, from.string()?)),
            Some(Opcode::Function2) => drop(from.string()?),
            Some(Opcode::SelectDb | Opcode::Idle) => drop(from.length()?),
            Some(Opcode::ResizeDb) => drop((from.length()?, from.length()?)),
            Some(Opcode::ExpireMs) => drop(from.time_ms()?),
            Some(Opcode::ExpireSeconds) => drop(from.array::<4>()?),
            Some(Opcode::Freq) => drop(from.byte()?),
            Some(Opcode::FunctionEarly | Opcode::ModuleAux) => return Err(from.corrupt("not for this test")),
            None => {
                let at = from.offset();
                let what = Type::of(byte).ok_or(Error { at, fault: Fault::UnknownType(byte) })?;
                from.string()?;
                let start = from.offset() as usize + MAGIC_BYTES;
                match decode(what, &mut from, &mut Loader { settings, seed: 1 }) {
                    Ok(_) => {
                        let body = &file[start..from.offset() as usize + MAGIC_BYTES];
                        let saved = load_and_check(&[&[byte], body].concat(), settings)?;
                        // The order of a table's elements may depend on the order in which they came.
                        let (mut was, mut is) = (saved.clone(), load_and_check(&saved, settings)?);
                        was.sort_unstable();
                        is.sort_unstable();
                        assert!(was == is, "{what:?} at {at}");
                        found.values += 1;
                    }
                    Err(Error { fault: Fault::Empty, .. }) => found.empty += 1,
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test reads the files that it is given")]
fn check_file(path: &Path) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    for settings in [Settings::default(), super::tests::tight()] {
        let found = walk(&file, &settings);
        println!("{name}: {found:?}");
        assert!(found.is_ok() || name.starts_with("corrupt"), "{path:?}: {found:?}");
        for cut in (0..file.len()).step_by(1 + file.len() / 10) {
            // A cut within the checksum, which is not looked at here, leaves all values.
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
