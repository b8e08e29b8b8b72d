//! The answers of COMMAND and its subcommands, written from the rows.
//!
//! Shapes are Redis's: what is a set there (flags, categories, tips, key specs, history) is a set
//! in RESP3, flags are simple strings, all other text is bulk strings. Commands come in
//! alphabetical order; Redis's order is that of its hash table, which no client can rely on.
//! COMMAND lists every command of the table, also those not built yet, since that is what
//! libraries read to learn where keys are.

use super::flags::{AclCategories, Flags};
use super::id::CommandId;
use super::syntax::{self, Argument, Kind};
use super::{CommandSpec, all, help, lookup_full, spec};
use crate::args::Args;
use crate::encode::Reply;
use crate::error;
use crate::glob::{self, Case};
use crate::key_spec::{Begin, Find, KeyFlags, KeySpec, keys_of};

/// Answers COMMAND or the subcommand of it that `id` names; the arity has been checked.
/// `false`: `id` is another command, nothing was written.
pub fn answer(id: CommandId, args: Args<'_>, reply: &mut Reply<'_>) -> bool {
    match id {
        CommandId::Command => every(reply),
        CommandId::CommandCount => reply.int(top_level().count() as i64),
        CommandId::CommandList => list(args, reply),
        CommandId::CommandInfo => infos(args.from(2), reply),
        CommandId::CommandDocs => docs(args.from(2), reply),
        CommandId::CommandGetkeys => get_keys(args.from(2), reply, false),
        CommandId::CommandGetkeysandflags => get_keys(args.from(2), reply, true),
        CommandId::CommandHelp => help::write(CommandId::Command, reply),
        _ => return false,
    }
    true
}

/// The commands themselves, without subcommands.
fn top_level() -> impl Iterator<Item = &'static CommandSpec> {
    all().iter().filter(|row| row.parent.is_none())
}

fn every(reply: &mut Reply<'_>) {
    reply.array(top_level().count());
    top_level().for_each(|row| info(row, reply));
}

fn infos(names: Args<'_>, reply: &mut Reply<'_>) {
    if names.len() == 0 {
        return every(reply);
    }
    reply.array(names.len());
    for name in names.iter() {
        match lookup_full(name) {
            Some(row) => info(row, reply),
            None => reply.null(),
        }
    }
}

/// The ten fields of COMMAND INFO.
fn info(row: &CommandSpec, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(row.full_name().as_bytes());
    reply.int(i64::from(row.arity));
    set_of_simple(row.flags.names(), "", reply);
    let range = row.legacy_range;
    [range.first, range.last, range.step].into_iter().for_each(|n| reply.int(i64::from(n)));
    set_of_simple(row.acl.names(), "@", reply);
    reply.set(row.tips.len());
    row.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(row.keys.len());
    row.keys.iter().for_each(|key| key_spec(key, reply));
    match row.subcommands {
        [] => reply.set(0),
        subcommands => {
            reply.array(subcommands.len());
            subcommands.iter().for_each(|&id| info(spec(id), reply));
        }
    }
}

fn set_of_simple(names: impl Iterator<Item = &'static str> + Clone, prefix: &str, reply: &mut Reply<'_>) {
    reply.set(names.clone().count());
    for name in names {
        if prefix.is_empty() { reply.simple(name) } else { reply.simple(&format!("{prefix}{name}")) }
    }
}

fn text(key: &str, value: &str, reply: &mut Reply<'_>) {
    reply.bulk(key.as_bytes());
    reply.bulk(value.as_bytes());
}

fn number(key: &str, value: i64, reply: &mut Reply<'_>) {
    reply.bulk(key.as_bytes());
    reply.int(value);
}

fn key_spec(key: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(if key.notes.is_empty() { 3 } else { 4 });
    if !key.notes.is_empty() {
        text("notes", key.notes, reply);
    }
    reply.bulk(b"flags");
    set_of_simple(key.flags.names(), "", reply);
    reply.bulk(b"begin_search");
    begin_search(key.begin, reply);
    reply.bulk(b"find_keys");
    find_keys(key.find, reply);
}

/// Opens a part of a key spec: its type, and a map of `fields` fields to follow.
fn spec_part(kind: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    text("type", kind, reply);
    reply.bulk(b"spec");
    reply.map(fields);
}

fn begin_search(begin: Begin, reply: &mut Reply<'_>) {
    match begin {
        Begin::Index(at) => {
            spec_part("index", 1, reply);
            number("index", i64::from(at), reply);
        }
        Begin::Keyword(word, from) => {
            spec_part("keyword", 2, reply);
            text("keyword", word, reply);
            number("startfrom", i64::from(from), reply);
        }
        Begin::Unknown => spec_part("unknown", 0, reply),
    }
}

fn find_keys(find: Find, reply: &mut Reply<'_>) {
    match find {
        Find::Range { last, step, limit } => {
            spec_part("range", 3, reply);
            number("lastkey", i64::from(last), reply);
            number("keystep", i64::from(step), reply);
            number("limit", i64::from(limit), reply);
        }
        Find::Keynum { num_at, first, step } => {
            spec_part("keynum", 3, reply);
            number("keynumidx", i64::from(num_at), reply);
            number("firstkey", i64::from(first), reply);
            number("keystep", i64::from(step), reply);
        }
        Find::Unknown => spec_part("unknown", 0, reply),
    }
}

/// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]
fn list(args: Args<'_>, reply: &mut Reply<'_>) {
    let Some(filter) = Filter::of(args.from(2)) else { return reply.error(error::SYNTAX) };
    let found = || all().iter().filter(|row| filter.accepts(row));
    reply.array(found().count());
    found().for_each(|row| reply.bulk(row.full_name().as_bytes()));
}

enum Filter<'a> {
    None,
    /// There are no modules, so that none has a command.
    Module,
    AclCategory(AclCategories),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    /// `None` for a syntax error.
    fn of(args: Args<'a>) -> Option<Self> {
        let (filterby, kind, value) = match args.len() {
            0 => return Some(Filter::None),
            3 => (args.at(0), args.at(1), args.at(2)),
            _ => return None,
        };
        if !filterby.eq_ignore_ascii_case(b"filterby") {
            None
        } else if kind.eq_ignore_ascii_case(b"module") {
            Some(Filter::Module)
        } else if kind.eq_ignore_ascii_case(b"aclcat") {
            Some(Filter::AclCategory(AclCategories::by_name(value).unwrap_or_default()))
        } else if kind.eq_ignore_ascii_case(b"pattern") {
            Some(Filter::Pattern(value))
        } else {
            None
        }
    }

    fn accepts(&self, row: &CommandSpec) -> bool {
        match self {
            Filter::None => true,
            Filter::Module => false,
            Filter::AclCategory(category) => row.acl.intersects(*category),
            Filter::Pattern(pattern) => glob::matches(pattern, row.full_name().as_bytes(), Case::Insensitive),
        }
    }
}

fn docs(names: Args<'_>, reply: &mut Reply<'_>) {
    let rows: Vec<&CommandSpec> =
        if names.len() == 0 { top_level().collect() } else { names.iter().filter_map(lookup_full).collect() };
    reply.map(rows.len());
    rows.into_iter().for_each(|row| doc(row, reply));
}

/// The name of a command and its documentation.
fn doc(row: &CommandSpec, reply: &mut Reply<'_>) {
    let arguments = syntax::parse(row.syntax, row.keys.len()).unwrap_or_default();
    let texts = [
        ("summary", Some(row.summary)),
        ("since", Some(row.since)),
        ("group", Some(row.group.name())),
        ("complexity", (!row.complexity.is_empty()).then_some(row.complexity)),
    ];
    let deprecation = [("deprecated_since", row.deprecated_since), ("replaced_by", row.replaced_by)];
    let parts =
        [row.doc_flags.is_empty(), row.history.is_empty(), arguments.is_empty(), row.subcommands.is_empty()];
    let stated = |pairs: &[(&str, Option<&str>)]| pairs.iter().filter(|(_, value)| value.is_some()).count();

    reply.bulk(row.full_name().as_bytes());
    reply.map(stated(&texts) + stated(&deprecation) + parts.iter().filter(|&&empty| !empty).count());
    texts.into_iter().for_each(|(key, value)| optional_text(key, value, reply));
    if !row.doc_flags.is_empty() {
        reply.bulk(b"doc_flags");
        set_of_simple(row.doc_flags.names(), "", reply);
    }
    deprecation.into_iter().for_each(|(key, value)| optional_text(key, value, reply));
    if !row.history.is_empty() {
        reply.bulk(b"history");
        reply.set(row.history.len());
        for (version, change) in row.history {
            reply.array(2);
            text(version, change, reply);
        }
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        argument_list(&arguments, reply);
    }
    if !row.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(row.subcommands.len());
        row.subcommands.iter().for_each(|&id| doc(spec(id), reply));
    }
}

fn optional_text(key: &str, value: Option<&str>, reply: &mut Reply<'_>) {
    if let Some(value) = value {
        text(key, value, reply);
    }
}

fn argument_list(arguments: &[Argument], reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    arguments.iter().for_each(|a| argument(a, reply));
}

fn argument(a: &Argument, reply: &mut Reply<'_>) {
    let is_group = matches!(a.kind, Kind::OneOf | Kind::Block);
    let display = (!is_group).then(|| a.display.unwrap_or(&a.name));
    let flags = [(a.optional, "optional"), (a.multiple, "multiple"), (a.multiple_token, "multiple_token")];
    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    let has_flags = flags.clone().next().is_some();
    let versions = [("since", a.since), ("deprecated_since", a.deprecated_since)];
    let parts = [
        display.is_some(),
        a.key_spec.is_some(),
        a.token.is_some(),
        a.since.is_some(),
        a.deprecated_since.is_some(),
        has_flags,
        is_group,
    ];
    reply.map(2 + parts.iter().filter(|&&stated| stated).count());
    text("name", &a.name, reply);
    text("type", a.kind.name(), reply);
    optional_text("display_text", display, reply);
    if let Some(index) = a.key_spec {
        number("key_spec_index", index as i64, reply);
    }
    optional_text("token", a.token, reply);
    versions.into_iter().for_each(|(key, value)| optional_text(key, value, reply));
    if has_flags {
        reply.bulk(b"flags");
        set_of_simple(flags, "", reply);
    }
    if is_group {
        reply.bulk(b"arguments");
        argument_list(&a.arguments, reply);
    }
}

/// COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of the command that `args` are.
fn get_keys(args: Args<'_>, reply: &mut Reply<'_>, with_flags: bool) {
    let Some(row) = named_by(args) else { return reply.error("ERR Invalid command specified") };
    if !row.may_have_keys() {
        return reply.error("ERR The command has no key arguments");
    }
    if !row.accepts(args.len()) {
        return reply.error("ERR Invalid number of arguments specified for command");
    }
    let mut found = Vec::new();
    keys_of(row, args, &mut found);
    if found.is_empty() && !row.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return reply.error("ERR Invalid arguments specified for command");
    }
    reply.array(found.len());
    for key in found {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(args.at(key.at as usize));
        if with_flags {
            set_of_simple(KeyFlags::names(key.flags), "", reply);
        }
    }
}

/// The row that a full command names, whatever the number of its arguments.
fn named_by(args: Args<'_>) -> Option<&'static CommandSpec> {
    let row = super::lookup(args.get(0)?)?;
    match args.get(1) {
        Some(name) if row.is_container() => super::subcommand(row, name),
        _ => Some(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;
    use crate::encode::Resp;

    fn ask(resp: Resp, words: &str) -> String {
        let own = OwnedArgs::of(words.split(' '));
        let row = super::super::resolve(own.args()).unwrap();
        let mut out = Vec::new();
        assert!(answer(row.id, own.args(), &mut Reply::new(&mut out, resp)));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn info_of_get_in_both_versions() {
        let v2 = ask(Resp::V2, "COMMAND INFO get");
        assert!(
            v2.starts_with("*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n")
        );
        assert!(v2.ends_with("$5\r\nlimit\r\n:0\r\n*0\r\n"));
        let v3 = ask(Resp::V3, "COMMAND INFO get");
        assert!(v3.contains(
            "~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"
        ));
        assert_eq!(ask(Resp::V2, "COMMAND INFO nope get|x"), "*2\r\n$-1\r\n$-1\r\n");
    }

    #[test]
    fn docs_have_as_many_fields_as_they_say() {
        let docs = ask(Resp::V3, "COMMAND DOCS");
        let mut rest = docs.as_bytes();
        skip(&mut rest);
        assert!(rest.is_empty(), "{} bytes left", rest.len());
        assert_eq!(ask(Resp::V3, "COMMAND DOCS nope"), "%0\r\n");
        assert!(ask(Resp::V3, "COMMAND DOCS config|get").starts_with("%1\r\n$10\r\nconfig|get\r\n%"));
    }

    /// Takes one RESP3 value off the front.
    fn skip(rest: &mut &[u8]) {
        let end = rest.iter().position(|&b| b == b'\n').unwrap();
        let (kind, n) = (rest[0], std::str::from_utf8(&rest[1..end - 1]).unwrap().parse::<usize>());
        *rest = &rest[end + 1..];
        match kind {
            b'+' | b':' | b'_' => {}
            b'$' => *rest = &rest[n.unwrap() + 2..],
            b'*' | b'~' => (0..n.unwrap()).for_each(|_| skip(rest)),
            b'%' => (0..2 * n.unwrap()).for_each(|_| skip(rest)),
            other => panic!("{}", char::from(other)),
        }
    }

    #[test]
    fn lists_and_filters() {
        assert_eq!(ask(Resp::V2, "COMMAND COUNT"), format!(":{}\r\n", top_level().count()));
        assert!(ask(Resp::V2, "COMMAND LIST").starts_with(&format!("*{}\r\n", all().len())));
        assert_eq!(ask(Resp::V2, "COMMAND LIST FILTERBY pattern GETR*"), "*1\r\n$8\r\ngetrange\r\n");
        assert!(ask(Resp::V2, "COMMAND LIST FILTERBY aclcat hyperloglog").starts_with("*5\r\n"));
        assert_eq!(ask(Resp::V2, "COMMAND LIST FILTERBY aclcat nope"), "*0\r\n");
        assert_eq!(ask(Resp::V2, "COMMAND LIST FILTERBY module x"), "*0\r\n");
        for wrong in ["FILTERBY", "FILTERBY x", "FILTERBY x y", "x y z"] {
            assert_eq!(ask(Resp::V2, &format!("COMMAND LIST {wrong}")), "-ERR syntax error\r\n");
        }
    }

    #[test]
    fn keys_of_full_commands() {
        assert_eq!(ask(Resp::V2, "COMMAND GETKEYS mset a 1 b 2"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        assert_eq!(ask(Resp::V2, "COMMAND GETKEYS eval s 0"), "*0\r\n");
        assert_eq!(ask(Resp::V2, "COMMAND GETKEYS nope"), "-ERR Invalid command specified\r\n");
        assert_eq!(ask(Resp::V2, "COMMAND GETKEYS object nope"), "-ERR Invalid command specified\r\n");
        assert_eq!(ask(Resp::V2, "COMMAND GETKEYS ping"), "-ERR The command has no key arguments\r\n");
        assert_eq!(
            ask(Resp::V2, "COMMAND GETKEYS get"),
            "-ERR Invalid number of arguments specified for command\r\n"
        );
        assert_eq!(
            ask(Resp::V2, "COMMAND GETKEYS zunion 9 a"),
            "-ERR Invalid arguments specified for command\r\n"
        );
        assert_eq!(
            ask(Resp::V3, "COMMAND GETKEYSANDFLAGS set k v get"),
            "*1\r\n*2\r\n$1\r\nk\r\n~3\r\n+RW\r\n+access\r\n+update\r\n"
        );
    }
}
