//! Workload files: a claim, written down so that anyone can run it again.
//!
//! ```toml
//! about = "GET and SET of small values"
//! keyspace = 100_000          # any flag by its long name: for all phases
//! size = "64"
//!
//! [[phase]]
//! name = "fill"
//! before = ["FLUSHALL"]       # sent once, one after another; an error reply ends the workload
//! measure = false             # no report
//! command = "SET key:__rand_int__ __data__"
//! distribution = "sequential" # flags of this phase
//! requests = 100_000
//!
//! [[phase]]
//! name = "half and half"
//! pipeline = [1, 16]          # a list: the phase is run for each
//! commands = [{ run = "GET key:__rand_int__" }, { run = "SET key:__rand_int__ __data__", ratio = 1 }]
//! during = [{ at = 2.0, run = "BGSAVE" }]   # sent while the load runs, so many seconds after it began
//! ```
//!
//! A phase has `tests` (built-in ones), `command`, `commands`, or none of them: then only its `before` is done, and
//! the report says how long each command took. What the command line says beside `--workload` wins.

use crate::flags;
use crate::options::{Options, Share};
use std::path::Path;
use std::time::Duration;
use toml::{Table, Value};

/// A file.
#[derive(Clone, PartialEq, Debug)]
pub struct Workload {
    pub about: String,
    pub phases: Vec<Phase>,
}

/// A part of it, for one value of each setting.
#[derive(Clone, PartialEq, Debug)]
pub struct Phase {
    pub name: String,
    /// Commands before the load.
    pub before: Vec<String>,
    /// Commands during the load, and when.
    pub during: Vec<(Duration, String)>,
    pub measure: bool,
    /// Whether there is a load.
    pub load: bool,
    pub options: Options,
}

/// Settings that are not flags' business in a file.
const NOT_HERE: &[&str] =
    &["workload", "help", "version", "stdin", "idle", "loop", "command", "ratio", "name"];

impl Workload {
    /// Reads a file, over what the command line has said.
    ///
    /// # Errors
    /// A sentence for the user, with the file's name.
    pub fn read(path: &Path, line: &[String]) -> Result<Workload, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text, line).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Reads a file's text. `line` is the command line, whose flags win.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse(text: &str, line: &[String]) -> Result<Workload, String> {
        let table: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let mut workload = Workload { about: String::new(), phases: Vec::new() };
        let (mut common, mut phases) = (Table::new(), Vec::new());
        for (key, value) in table {
            match (key.as_str(), value) {
                ("about", Value::String(text)) => workload.about = text,
                ("phase", Value::Array(list)) => phases = list,
                (_, value) => drop(common.insert(key, value)),
            }
        }
        for (i, phase) in phases.into_iter().enumerate() {
            let Value::Table(phase) = phase else { return Err("[[phase]] holds settings".to_string()) };
            let made = Self::phases(&common, phase, line);
            workload.phases.extend(made.map_err(|e| format!("phase {}: {e}", i + 1))?);
        }
        if workload.phases.is_empty() { Err("it has no [[phase]]".to_string()) } else { Ok(workload) }
    }

    /// A phase for every combination of what is listed in it.
    fn phases(common: &Table, phase: Table, line: &[String]) -> Result<Vec<Phase>, String> {
        let mut settings = common.clone();
        settings.extend(phase);
        let mut combinations = vec![(String::new(), settings.clone())];
        for (key, value) in &settings {
            let Value::Array(list) = value else { continue };
            if matches!(key.as_str(), "before" | "during" | "commands" | "tests") {
                continue;
            }
            let mut more = Vec::new();
            for (name, table) in combinations {
                for choice in list {
                    let mut table = table.clone();
                    table.insert(key.clone(), choice.clone());
                    more.push((format!("{name}, {key} {}", plain(choice)?), table));
                }
            }
            combinations = more;
        }
        combinations.into_iter().map(|(name, table)| Self::phase(&name, &table, line)).collect()
    }

    fn phase(suffix: &str, table: &Table, line: &[String]) -> Result<Phase, String> {
        let mut phase = Phase {
            name: String::new(),
            before: Vec::new(),
            during: Vec::new(),
            measure: true,
            load: false,
            options: Options::default(),
        };
        for (key, value) in table {
            match (key.as_str(), value) {
                ("name", Value::String(name)) => phase.name = format!("{name}{suffix}"),
                ("measure", Value::Boolean(measure)) => phase.measure = *measure,
                ("before", Value::Array(list)) => phase.before = strings(list)?,
                ("during", Value::Array(list)) => {
                    phase.during = list.iter().map(during).collect::<Result<_, _>>()?;
                }
                ("command", Value::String(text)) => {
                    phase.options.mix.push(Share { text: text.clone(), ratio: 1, name: None });
                }
                ("commands", Value::Array(list)) => {
                    phase.options.mix = list.iter().map(share).collect::<Result<_, _>>()?;
                }
                ("tests", Value::Array(list)) => phase.options.tests = strings(list)?,
                (key, _) if NOT_HERE.contains(&key) => {
                    return Err(format!("{key} is not a setting of a file"));
                }
                // A switch that is off is one that is not there.
                (_, Value::Boolean(false)) => {}
                (key, value) => flags::apply(&mut phase.options, key, &plain(value)?)?,
            }
        }
        phase.load = !phase.options.mix.is_empty() || !phase.options.tests.is_empty();
        if phase.name.is_empty() {
            return Err("it has no name".to_string());
        }
        flags::parse_over(&mut phase.options, line)?;
        Ok(phase)
    }
}

/// A value as it would stand on the command line.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(n) => Ok(n.to_string()),
        Value::Float(n) => Ok(n.to_string()),
        Value::Boolean(b) => Ok(b.to_string()),
        other => Err(format!("a {} where a text or a number belongs", other.type_str())),
    }
}

fn strings(list: &[Value]) -> Result<Vec<String>, String> {
    list.iter().map(plain).collect()
}

/// `{ run = "…", ratio = 3, name = "…" }`.
fn share(value: &Value) -> Result<Share, String> {
    let bad = || "a command is { run = \"…\", ratio = 3, name = \"…\" }".to_string();
    let table = value.as_table().ok_or_else(bad)?;
    let text = table.get("run").and_then(Value::as_str).ok_or_else(bad)?.to_string();
    let ratio = table.get("ratio").map_or(Some(1), Value::as_integer).and_then(|n| u32::try_from(n).ok());
    let name = table.get("name").map(|name| name.as_str().map(String::from).ok_or_else(bad)).transpose()?;
    if table.keys().any(|key| !matches!(key.as_str(), "run" | "ratio" | "name")) {
        return Err(bad());
    }
    Ok(Share { text, ratio: ratio.ok_or_else(bad)?, name })
}

/// `{ at = 2.0, run = "…" }`.
fn during(value: &Value) -> Result<(Duration, String), String> {
    let bad = || "during holds { at = seconds, run = \"…\" }".to_string();
    let table = value.as_table().ok_or_else(bad)?;
    let at = table.get("at").ok_or_else(bad)?;
    let seconds = at.as_float().or_else(|| at.as_integer().map(|n| n as f64)).ok_or_else(bad)?;
    let at = Duration::try_from_secs_f64(seconds).map_err(|_| bad())?;
    Ok((at, table.get("run").and_then(Value::as_str).ok_or_else(bad)?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Sizes;

    const FILE: &str = r#"
        about = "a test"
        keyspace = 1000
        size = "64"
        [[phase]]
        name = "fill"
        before = ["FLUSHALL", "CONFIG SET save ''"]
        measure = false
        command = "SET key:__rand_int__ __data__"
        distribution = "sequential"
        requests = 1000
        [[phase]]
        name = "mixed"
        pipeline = [1, 16]
        clients = [5, 10]
        duration = 1.5
        commands = [{ run = "GET key:__rand_int__", ratio = 9 }, { run = "INCR n", name = "count" }]
        during = [{ at = 0.5, run = "BGSAVE" }]
        [[phase]]
        name = "reload"
        before = ["DEBUG RELOAD"]
    "#;

    #[test]
    fn a_file_is_read() {
        let found = Workload::parse(FILE, &[]).expect("a workload");
        assert_eq!((found.about.as_str(), found.phases.len()), ("a test", 6));
        let [fill, mixed @ .., reload] = &found.phases[..] else { panic!("phases") };
        assert_eq!((fill.measure, fill.before.len(), fill.options.requests), (false, 2, Some(1000)));
        assert_eq!((fill.options.keyspace, &fill.options.sizes), (Some(1000), &Sizes::Fixed(64)));
        assert_eq!(mixed[0].name, "mixed, pipeline 1, clients 5");
        assert_eq!(mixed[3].name, "mixed, pipeline 16, clients 10");
        assert_eq!((mixed[3].options.pipeline, mixed[3].options.clients), (16, 10));
        assert_eq!(mixed[0].options.mix[0].ratio, 9);
        assert_eq!(mixed[0].options.mix[1].name.as_deref(), Some("count"));
        assert_eq!(mixed[0].during, [(Duration::from_millis(500), "BGSAVE".to_string())]);
        assert!(!reload.load && reload.before == ["DEBUG RELOAD"]);
    }

    #[test]
    fn the_files_beside_this_crate_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads");
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("a folder").map(|f| f.expect("a file").path()).collect();
        assert!(files.len() >= 10);
        for file in files {
            let found = Workload::read(&file, &[]).unwrap_or_else(|e| panic!("{e}"));
            assert!(!found.about.is_empty(), "{file:?}");
        }
    }

    #[test]
    fn the_command_line_wins() {
        let line = ["--workload", "x", "-c", "7"].map(String::from);
        let found = Workload::parse(FILE, &line).expect("a workload");
        assert!(found.phases.iter().all(|phase| phase.options.clients == 7));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("x = ", "TOML"),
            ("", "no [[phase]]"),
            ("[[phase]]\ncommand = 'GET a'", "no name"),
            ("[[phase]]\nname = 'x'\nclinets = 3", "unknown setting clinets"),
            ("[[phase]]\nname = 'x'\nworkload = 'y'", "not a setting"),
            ("[[phase]]\nname = 'x'\ncommands = [{ run = 'GET a', ratoi = 2 }]", "a command is"),
            ("[[phase]]\nname = 'x'\nduring = [{ run = 'BGSAVE' }]", "during holds"),
            ("[[phase]]\nname = 'x'\nclients = 0\ncommand = 'GET a'", "-c must be"),
        ] {
            let error = Workload::parse(text, &[]).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
