//! Tests of reading configuration.

use super::*;
use crate::id;
use std::fs;

fn read(text: &str) -> Result<Loaded, LoadError> {
    let options = Some(text.as_bytes().to_vec());
    let cwd = Path::new("/");
    load(&Sources {
        file: None,
        stdin: None,
        options,
        cwd,
        is_command: &|name| name == b"get" || name == b"SET",
    })
}

fn show(text: &str, id: Id) -> String {
    String::from_utf8(read(text).unwrap().config.show(id)).unwrap()
}

/// The reason and the line number that a text is refused with.
fn refusal(text: &str) -> (String, usize) {
    match read(text).unwrap_err() {
        LoadError::Wrong { line, reason } => (reason, line.map_or(0, |(number, _)| number)),
        LoadError::Unreadable(text) => (text, 0),
    }
}

#[test]
fn lines_comments_and_case() {
    let text = "# comment\n\n  PORT 7000  \r\n\tmaxmemory 1gb\nlogLevel \"Debug\"\n#port 1";
    let config = read(text).unwrap().config;
    assert_eq!(config.show(id!("port")), b"7000");
    assert_eq!(config.show(id!("maxmemory")), b"1073741824");
    assert_eq!(config.show(id!("loglevel")), b"debug");
}

#[test]
fn the_last_word_wins_also_by_alias() {
    assert_eq!(
        show("hash-max-listpack-entries 20\nhash-max-ziplist-entries 21", id!("hash-max-listpack-entries")),
        "21"
    );
    assert_eq!(show("primaryauth x", id!("masterauth")), "x");
}

#[test]
fn save_lines_add_up_and_an_empty_one_clears() {
    let save = id!("save");
    assert_eq!(show("", save), "3600 1 300 100 60 10000");
    assert_eq!(show("save 900 1\nsave 100 100", save), "900 1 100 100");
    assert_eq!(show("save 900 1\nsave ''", save), "");
    assert_eq!(show("save ''\nsave 5 5", save), "5 5");
    assert_eq!(show("save \"900 1 5 5\"", save), "900 1 5 5");
    assert_eq!(refusal("save 900").0, "Invalid save parameters");
}

#[test]
fn values_of_several_words() {
    assert_eq!(show("bind 127.0.0.1 -::1", id!("bind")), "127.0.0.1 -::1");
    assert_eq!(show("shutdown-on-sigint nosave force now", id!("shutdown-on-sigint")), "nosave now force");
    assert_eq!(show("shutdown-on-sigint \"nosave force\"", id!("shutdown-on-sigint")), "nosave force");
    let limits = "client-output-buffer-limit normal 1 1 1\nclient-output-buffer-limit replica 2 2 2";
    assert_eq!(
        show(limits, id!("client-output-buffer-limit")),
        "normal 1 1 1 slave 2 2 2 pubsub 33554432 8388608 60"
    );
}

#[test]
fn refusals_in_redis_words() {
    let reason = |text: &str| refusal(text).0;
    assert_eq!(refusal("\nport 1\ninvalid"), ("Bad directive or wrong number of arguments".into(), 4));
    assert_eq!(reason("port"), "wrong number of arguments");
    assert_eq!(reason("port 1 2"), "wrong number of arguments");
    assert_eq!(reason("port \"1"), "Unbalanced quotes in configuration line");
    assert_eq!(reason("port --bla"), "argument couldn't be parsed into an integer");
    assert_eq!(
        reason("shutdown-on-sigint"),
        "argument(s) must be one of the following: default, save, nosave, now, force"
    );
    assert_eq!(reason("replicaof 127.0.0.1 abc"), "Invalid primary port");
    assert_eq!(reason("replicaof --127.0.0.1"), "wrong number of arguments");
    assert_eq!(reason("user"), "Bad directive or wrong number of arguments");
    assert_eq!(reason("sentinel monitor x"), "sentinel directive while not in sentinel mode");
    assert_eq!(reason("a.b"), "Module config specified without value");
    assert_eq!(
        reason("cluster-enabled yes\nreplicaof a 1"),
        "replicaof directive not allowed in cluster mode"
    );
    assert_eq!(reason("logfile /no/such/dir/log"), "Can't open the log file: No such file or directory");
    assert_eq!(reason("dir /no/such/dir"), "No such file or directory");
}

#[test]
fn the_error_report_has_redis_form() {
    let error = read("port 1\nport \"--bla\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\nReading the configuration file, at line 3\n\
         >>> 'port \"--bla\"'\nargument couldn't be parsed into an integer\n"
    );
}

#[test]
fn commands_are_renamed_if_they_exist() {
    let renames = read("rename-command get fetch\nrename-command SET \"\"").unwrap().config.renames;
    assert_eq!(renames, [(b"get".to_vec(), b"fetch".to_vec()), (b"SET".to_vec(), Vec::new())]);
    assert_eq!(refusal("rename-command nope x").0, "No such command in rename-command");
    assert_eq!(refusal("rename-command get SET").0, "Target command name already exists");
    assert_eq!(refusal("rename-command get x\nrename-command SET x").0, "Target command name already exists");
    assert!(read("rename-command SET x\nrename-command get SET").is_ok());
}

#[test]
fn user_lines_are_kept_as_words() {
    let users = read("user alice on >p ~*\nuser bob off").unwrap().config.users;
    assert_eq!(users.len(), 2);
    assert_eq!(users[0][0], b"alice");
}

#[test]
fn each_directive_without_effect_is_warned_of_once() {
    let warnings =
        read("io-threads 4\nio-threads 2\nport 1\nlist-max-ziplist-value 64\nmod.x 1").unwrap().warnings;
    assert_eq!(warnings.len(), 3);
    assert_eq!(
        warnings[0],
        "'io-threads' has no effect: there is one thread per CPU; see 'shards' and 'cpus'"
    );
}

#[test]
fn cluster_mode_has_one_database() {
    let loaded = read("cluster-enabled yes").unwrap();
    assert_eq!(loaded.config.settings().databases, 1);
    assert!(loaded.warnings.iter().any(|w| w.contains("Changing databases number from 16 to 1")));
}

#[test]
fn files_include_others_from_dir() {
    let dir = tempfile::tempdir().unwrap();
    let dir = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(dir.join("conf.d")).unwrap();
    fs::write(dir.join("conf.d/a.conf"), "timeout 5").unwrap();
    fs::write(dir.join("conf.d/b.conf"), "\ntimeout 6\n").unwrap();
    fs::write(dir.join("one.conf"), "port 7001").unwrap();
    let lines = |rest: &str| format!("dir {}\n{rest}", dir.display());
    let config = read(&lines("include one.conf\ninclude conf.d/*.conf\ninclude none/*.conf")).unwrap().config;
    assert_eq!(config.show(id!("port")), b"7001");
    assert_eq!(config.show(id!("timeout")), b"6");
    assert_eq!(
        refusal(&lines("include missing.conf")).0,
        "Fatal error, can't open config file 'missing.conf': No such file or directory"
    );
}

#[test]
fn nesting_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop.conf");
    fs::write(&path, format!("include {}", path.display())).unwrap();
    assert!(refusal(&format!("include {}", path.display())).0.contains("nested more than 16 deep"));
}

#[test]
fn an_error_in_an_included_file_names_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.conf");
    fs::write(&path, "\n\nport x").unwrap();
    let (reason, line) = refusal(&format!("include {}", path.display()));
    assert_eq!((reason.as_str(), line), ("argument couldn't be parsed into an integer", 3));
}

#[test]
fn file_then_standard_input_then_options() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.conf");
    fs::write(&path, "port 1\ntimeout 1\nhz 1\n").unwrap();
    let loaded = load(&Sources {
        file: Some(&path),
        stdin: Some(b"timeout 2\nhz 2".to_vec()),
        options: Some(b"hz 3".to_vec()),
        cwd: Path::new("/"),
        is_command: &|_| true,
    });
    let config = loaded.unwrap().config;
    let shown = [id!("port"), id!("timeout"), id!("hz")].map(|id| config.show(id));
    assert_eq!(shown, [b"1", b"2", b"3"]);
}

mod never_panics {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn on_any_text(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Without `include`, `dir` and `logfile`, reading looks at nothing outside.
            let _ = load(&Sources {
                file: None, stdin: None, options: Some(text), cwd: Path::new("/"), is_command: &|_| true,
            });
        }

        #[test]
        fn on_any_value(index in 0..250usize, value in "[ -~]{0,20}") {
            if let Some(id) = super::super::super::ids().nth(index)
                && !["include", "logfile"].contains(&id.row().name) {
                let _ = read(&format!("{} {value}", id.row().name));
            }
        }
    }
}
