//! `--help` and `--print-config`, written from the rows.

use super::{Directive, Kind, SECTIONS, Section, Status};
use std::fmt::Write;

/// Where comments of the configuration file are broken.
const WIDTH: usize = 96;

/// What `--help` prints.
#[must_use]
pub fn usage() -> String {
    let mut out = String::from(
        "Usage: percore-server [FILE] [--DIRECTIVE VALUE ...] [-]\n\
         \x20      percore-server -                 read the configuration from standard input\n\
         \x20      percore-server --version | -v\n\
         \x20      percore-server --help | -h\n\
         \x20      percore-server --print-config    print the commented configuration file\n\
         \x20      percore-server --check-system    check the host's settings\n\n\
         Examples:\n\
         \x20      percore-server                              one shard per CPU of the affinity mask\n\
         \x20      taskset -c 2-5 percore-server               four shards, on CPUs 2, 3, 4 and 5\n\
         \x20      percore-server --shards 2 --port 7000\n\
         \x20      percore-server /etc/percore.conf --loglevel verbose\n\
         \x20      echo 'maxmemory 128mb' | percore-server -\n\n\
         Every directive of redis.conf can be given, in the file or as an option:\n",
    );
    for section in SECTIONS {
        let mut shown = section.rows.iter().filter(|row| is_listed(row)).peekable();
        if shown.peek().is_some() {
            let _ = writeln!(out, "\n{}", section.title);
        }
        for row in shown {
            let _ = writeln!(out, "  --{:<34} {}", row.name, first_sentence(row.doc));
        }
    }
    out
}

fn is_listed(row: &Directive) -> bool {
    row.status == Status::Active && !row.is(super::row::HIDDEN)
}

fn first_sentence(doc: &str) -> &str {
    doc.split_once(". ").map_or(doc, |(first, _)| first).trim_end_matches('.')
}

/// The whole configuration as a commented file, every directive at its default. What has an effect
/// stands as a line, what has none as a comment that says why.
#[must_use]
pub fn print_config() -> String {
    let mut out = String::from(
        "# Percore's configuration, every directive at its default.\n#\n\
         # Sizes take the units k (1000), kb (1024), m, mb, g, gb. Paths are relative to 'dir'.\n\
         # Directives marked (fixed) cannot be changed with CONFIG SET.\n",
    );
    for section in SECTIONS.iter().filter(|s| s.rows.iter().any(|row| !row.is(super::row::HIDDEN))) {
        print_section(&mut out, section);
    }
    out
}

fn print_section(out: &mut String, section: &Section) {
    let _ = writeln!(out, "\n{:#^WIDTH$}", format!(" {} ", section.title));
    for row in section.rows.iter().filter(|row| !row.is(super::row::HIDDEN)) {
        out.push('\n');
        print_row(out, row);
    }
}

fn print_row(out: &mut String, row: &Directive) {
    let fixed = if row.is(super::row::FIXED) { " (fixed)" } else { "" };
    let mut comment = format!("{}{fixed}", row.doc);
    if let Status::NoEffect(why) = row.status {
        let _ = write!(comment, " No effect: {why}.");
    }
    print_comment(out, &comment);
    if !row.aliases.is_empty() {
        let _ = writeln!(out, "# Also known as {}.", row.aliases.join(", "));
    }
    let active = row.status == Status::Active && (!row.default.is_empty() || takes_empty(row));
    let mark = if active { "" } else { "# " };
    for line in lines(row) {
        let _ = writeln!(out, "{mark}{line}");
    }
}

fn takes_empty(row: &Directive) -> bool {
    matches!(row.kind, Kind::Text { empty_is_unset: false, .. })
}

/// The row as lines of a file.
fn lines(row: &Directive) -> Vec<String> {
    match row.kind {
        Kind::Line(super::Line::RenameCommand) => vec![format!("{} FLUSHALL \"\"", row.name)],
        Kind::Line(super::Line::User) => vec![format!("{} alice on >secret ~* +@all", row.name)],
        Kind::Line(_) => vec![format!("{} path/to/file", row.name)],
        Kind::Text { .. } => vec![format!("{} \"{}\"", row.name, row.default)],
        Kind::Dir => vec![format!("{} ./", row.name)],
        Kind::OutputLimits => {
            let words: Vec<&str> = row.default.split(' ').collect();
            words.chunks(4).map(|limit| format!("{} {}", row.name, limit.join(" "))).collect()
        }
        _ if row.default.is_empty() => vec![format!("{} \"\"", row.name)],
        _ => vec![format!("{} {}", row.name, row.default)],
    }
}

fn print_comment(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split(' ') {
        if column == 0 || column + 1 + word.len() > WIDTH {
            out.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        let _ = write!(out, " {word}");
        column += 1 + word.len();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources, all, load};
    use std::path::Path;

    #[test]
    fn the_printed_configuration_is_the_default_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), print_config()).unwrap();
        let cwd = std::fs::canonicalize("/").unwrap();
        let sources =
            Sources { file: Some(file.path()), stdin: None, options: None, cwd: &cwd, is_command: &|_| true };
        let loaded = load(&sources).unwrap();
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert_eq!(loaded.config, Config::new(Path::new("/")));
    }

    #[test]
    fn it_names_every_directive() {
        let text = print_config();
        for row in all().iter().filter(|row| !row.is(super::super::row::HIDDEN)) {
            let line = format!("{} ", row.name);
            let named = |l: &str| l.trim_start_matches("# ").starts_with(&line);
            assert!(text.lines().any(named), "{}", row.name);
        }
        assert!(text.lines().all(|line| line.len() <= WIDTH + 40), "comments are wrapped");
    }

    #[test]
    fn usage_lists_what_has_an_effect() {
        let text = usage();
        assert!(text.contains("--shards ") && text.contains("--maxclients "));
        assert!(!text.contains("--tls-port "));
    }
}
