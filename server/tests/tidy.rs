//! The house rules that a program can check: lengths of files, imports that run one way, where
//! unsafe code may stand and that each block says why it is sound, no stubs, and a README that
//! tells the truth about the commands and about the variables that the tests read.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proto::command::readme::{BEGIN, END};
use proto::command::readme_table;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const CRATES: &[&str] = &["proto", "persist", "shard", "server", "bench"];

/// A file longer than this holds more than one idea, unless it is named in [`LONG_FILES`].
const LINES_MAX: usize = 600;
/// No file is longer than this, whatever its reason.
const LINES_HARD_MAX: usize = 800;
/// Files of more than [`LINES_MAX`] lines, each with the reason why it is one idea.
const LONG_FILES: &[(&str, &str)] = &[];

/// Modules with unsafe code, each with what it needs it for. A path that ends in `/` is a folder.
const UNSAFE: &[(&str, &str)] = &[
    ("bench/src/net/uring/", "the ring's shared memory, bytes lent to the kernel"),
    ("server/src/allocator.rs", "a control call of the allocator's"),
    ("server/src/clock.rs", "the time stamp counter"),
    ("server/src/crash.rs", "signal handlers, and the state they report"),
    ("server/src/io/uring/", "the ring's shared memory, buffers lent to the kernel"),
    ("server/src/life/daemon.rs", "fork, while there is one thread"),
    ("server/src/life/title.rs", "the memory that ps shows"),
    ("server/src/log/writer.rs", "the C library's syslog"),
    ("server/src/usage.rs", "getrusage"),
    ("server/tests/io_backends/forbidden.rs", "a seccomp filter"),
    ("shard/src/table/", "entries of one allocation each, prefetch"),
    ("shard/src/value/zset/far.rs", "members that lie in memory once, for a tree and a dictionary"),
];

/// Variables that tests set for themselves only.
const INTERNAL_VARIABLES: &[&str] = &["PERCORE_IO_TEST_CHILD"];

/// What each crate may import of the others: `proto <- persist <- shard <- server`, `bench -> proto`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("persist", &["proto"]),
    ("shard", &["proto", "persist"]),
    ("server", &["proto", "persist", "shard"]),
    ("bench", &["proto"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Files under `dir` with one of these endings, build output and hidden folders left out.
fn files(dir: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{dir:?}: {e}")) {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|e| name.ends_with(e)) {
            found.push(path);
        }
    }
}

/// Path from the workspace's root, and text, of every Rust file.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for name in CRATES {
        files(&root.join(name), &[".rs"], &mut found);
    }
    found.sort();
    assert!(found.len() > 10, "the sources are found");
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            (path.strip_prefix(&root).expect("under the root").display().to_string(), text)
        })
        .collect()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the workspace has a README.md")
}

/// Panics with all faults at once.
fn none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn files_hold_one_idea() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        let excused = LONG_FILES.iter().any(|(file, _)| *file == path);
        if lines > LINES_HARD_MAX || (lines > LINES_MAX && !excused) {
            faults.push(format!("{path}: {lines} lines"));
        }
        if excused && lines <= LINES_MAX {
            faults.push(format!("{path} is no longer long: take it off LONG_FILES"));
        }
    }
    none("split by idea, not by size", &faults);
}

#[test]
fn files_begin_with_what_they_are() {
    let without: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.trim_start().starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    none("open with an essay (`//!`)", &without);
}

/// Names of the workspace's crates in one section of a manifest.
fn workspace_crates_in(manifest: &str, section: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == format!("[{section}]");
        } else if inside {
            let name = line.split(['=', '.', ' ']).next().unwrap_or("");
            let name = name.strip_prefix("percore-").unwrap_or(name);
            if CRATES.contains(&name) {
                names.insert(name.to_string());
            }
        }
    }
    names
}

#[test]
fn imports_run_one_way() {
    for (name, may) in IMPORTS {
        let path = root().join(name).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for import in workspace_crates_in(&manifest, section) {
                assert!(may.contains(&import.as_str()), "{name} may not import {import} ({section})");
            }
        }
    }
    assert_eq!(IMPORTS.len(), CRATES.len());
}

/// `unsafe` as code on this line: not in a comment, not in a lint's name, not in a string.
fn is_unsafe_code(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    let forms = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "#[unsafe("];
    forms.iter().any(|form| code.find(form).is_some_and(|at| !code[..at].contains('"')))
}

/// Whether the comment that ends directly above line `i` has a SAFETY part. Attributes may stand between.
fn has_safety_comment(lines: &[&str], i: usize) -> bool {
    lines[..i].iter().rev().map(|l| l.trim()).take_while(|l| l.starts_with("//") || l.starts_with("#[")).any(
        |l| l.starts_with("// SAFETY:") || l.starts_with("/// # Safety") || l.starts_with("//! # Safety"),
    )
}

#[test]
fn unsafe_code_is_where_it_must_be_and_says_why_it_is_sound() {
    let mut faults = Vec::new();
    let sources = sources();
    for (path, text) in &sources {
        let lines: Vec<_> = text.lines().collect();
        let listed = UNSAFE.iter().any(|(place, _)| path.starts_with(place));
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| is_unsafe_code(line)) {
            let at = format!("{path}:{}", i + 1);
            if !listed {
                faults.push(format!("{at}: unsafe outside the modules listed in tidy.rs"));
            }
            // A trailing `unsafe {` of a longer statement has its comment above the statement or the block.
            let (block, implementation) = (line.contains("unsafe {"), line.contains("unsafe impl"));
            if (block || implementation) && !has_safety_comment(&lines, i) {
                faults.push(format!("{at}: no SAFETY comment directly above"));
            }
        }
        let allows = text.contains("allow(unsafe_code)") || text.contains("expect(unsafe_code");
        if allows && !listed && path != "server/tests/tidy.rs" {
            faults.push(format!("{path}: allows unsafe code and is not listed in tidy.rs"));
        }
    }
    let used = |place: &str| {
        sources.iter().any(|(path, text)| path.starts_with(place) && text.lines().any(is_unsafe_code))
    };
    faults.extend(
        UNSAFE
            .iter()
            .filter(|(place, _)| !used(place))
            .map(|(place, _)| format!("{place} has none: take it off")),
    );
    none("unsafe code", &faults);
}

#[test]
fn nothing_is_left_to_be_done() {
    // Written in two parts, so that this file does not find itself.
    let stubs = [["TO", "DO"], ["FIX", "ME"], ["to", "do!("], ["unimple", "mented!("], ["#[ig", "nore"]]
        .map(|p| p.concat());
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (i, line) in text.lines().enumerate() {
            faults
                .extend(stubs.iter().filter(|s| line.contains(*s)).map(|s| format!("{path}:{}: {s}", i + 1)));
        }
    }
    none("stubs", &faults);
}

/// The README's table of commands is that of the rows. `PERCORE_UPDATE_README=1` brings it up to date.
#[test]
fn the_readme_has_the_table_of_commands() {
    let text = readme();
    let (before, rest) = text.split_once(BEGIN).expect("the README has the table's first marker");
    let (_, after) = rest.split_once(END).expect("the README has the table's last marker");
    let current = format!("{before}{BEGIN}\n\n{}\n{END}{after}", readme_table().trim_end());
    if std::env::var_os("PERCORE_UPDATE_README").is_some() {
        std::fs::write(root().join("README.md"), &current).expect("README.md can be written");
    } else {
        let advice = "PERCORE_UPDATE_README=1 cargo test -p percore-server --test tidy";
        assert!(text == current, "the table of commands is stale: {advice}");
    }
}

/// The names of this form in a text: `PERCORE_…`.
fn variables(text: &str) -> BTreeSet<String> {
    let prefix = ["PERCORE", "_"].concat();
    text.match_indices(&prefix)
        .map(|(at, _)| {
            text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>()
        })
        .map(|name| name.trim_end_matches('_').to_string())
        .filter(|name| name.len() > prefix.len())
        .collect()
}

#[test]
fn the_readme_names_every_variable_that_tests_read() {
    let internal: BTreeSet<_> = INTERNAL_VARIABLES.iter().map(|name| (*name).to_string()).collect();
    let mut read: BTreeSet<_> = sources().iter().flat_map(|(_, text)| variables(text)).collect();
    read.retain(|name| !internal.contains(name));
    let named = variables(&readme());
    assert!(!read.is_empty(), "the tests read some");
    assert_eq!(read.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in README.md");
    assert_eq!(
        named.difference(&read).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "in README.md, but never read"
    );
}

/// Relative links of the READMEs lead to files that exist.
#[test]
fn links_lead_somewhere() {
    let mut documents = Vec::new();
    files(&root(), &[".md"], &mut documents);
    let mut faults = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or("");
            let outside = target.contains("://") || file.is_empty();
            if !outside && !document.parent().expect("a folder").join(file).exists() {
                faults.push(format!("{}: {target}", document.display()));
            }
        }
    }
    none("broken links", &faults);
}

#[test]
fn the_checks_can_fail() {
    assert!(is_unsafe_code("    let x = unsafe { *p };") && is_unsafe_code("unsafe impl Send for T {}"));
    assert!(!is_unsafe_code("// unsafe { }") && !is_unsafe_code("#![allow(unsafe_code)]"));
    assert!(has_safety_comment(&["// SAFETY: p is valid,", "// since …", "unsafe { }"], 2));
    assert!(!has_safety_comment(&["// SAFETY: of something else", "let a = 1;", "unsafe { }"], 2));
    let manifest = "[dependencies]\nproto.workspace = true\nlibc = \"0.2\"\n[dev-dependencies]\nshard = { path = \"x\" }\n";
    assert_eq!(workspace_crates_in(manifest, "dependencies"), BTreeSet::from(["proto".to_string()]));
    assert_eq!(workspace_crates_in(manifest, "dev-dependencies"), BTreeSet::from(["shard".to_string()]));
}
