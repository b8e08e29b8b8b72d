//! `percore-data check`: every value is made as a server would make it, and let go.

use super::Trouble;
use super::input;
use persist::rdb::Error;
use persist::rdb::file::{
    FileVisitor, PARTS_FIELD, Parts, Record, Refused, Rules, Summary, Unread, Verified,
};
use shard::Settings;
use shard::value::rdb::Loader;
use shard::value::tell::{type_name, value_of};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Fields whose values are shown; of longer ones the beginning.
const SHOWN_CHARS: usize = 72;
/// Keys with an empty value that are named.
const NAMED_MAX: u64 = 10;

/// What is in a file.
#[derive(Default)]
struct Contents {
    settings: Settings,
    aux: Vec<(String, String)>,
    parts: Option<Vec<u8>>,
    functions: u64,
    modules: Vec<String>,
    /// Of each database: keys, and those with an expiry.
    dbs: BTreeMap<u64, (u64, u64)>,
    types: BTreeMap<&'static str, u64>,
    empty: Vec<String>,
    empty_count: u64,
}

impl FileVisitor for Contents {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if name == PARTS_FIELD {
            self.parts = Some(value.to_vec());
        } else if name != b"percore-pad" {
            let mut shown = value.escape_ascii().to_string();
            shown.truncate(SHOWN_CHARS);
            self.aux.push((name.escape_ascii().to_string(), shown));
        }
        Ok(())
    }

    fn function(&mut self, _source: &[u8]) -> Result<(), Refused> {
        self.functions += 1;
        Ok(())
    }

    fn module_data(&mut self, name: [u8; 9]) {
        self.modules.push(name.escape_ascii().to_string());
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let value = value.decode(&mut Loader { settings: &self.settings, seed: 0 })?;
        *self.types.entry(type_name(value_of(&value))).or_default() += 1;
        let (keys, expires) = self.dbs.entry(record.db).or_default();
        *keys += 1;
        *expires += u64::from(record.expire_at.is_some());
        Ok(())
    }

    fn empty_key(&mut self, record: &Record<'_>) {
        self.empty_count += 1;
        if self.empty_count <= NAMED_MAX {
            self.empty.push(record.key.escape_ascii().to_string());
        }
    }
}

impl Contents {
    fn tell(&self, summary: &Summary, len: u64, out: &mut dyn Write) -> std::io::Result<()> {
        let checksum = match summary.verified {
            Verified::Right => "its checksum is right",
            Verified::Absent => "it has no checksum",
            Verified::Ignored => "its checksum was not looked at",
        };
        writeln!(out, "  RDB version {}, {} bytes, {checksum}", summary.version, summary.end)?;
        if len != u64::MAX && len > summary.end {
            writeln!(out, "  {} bytes behind its end were not read", len - summary.end)?;
        }
        for (name, value) in &self.aux {
            writeln!(out, "  {name}: {value}")?;
        }
        match self.parts.as_deref().map(|field| Parts::parse(field, summary.end)) {
            None => {}
            Some(Some(parts)) => {
                writeln!(out, "  written by {} shards, in {} parts", parts.shards, parts.lens.len())?;
            }
            Some(None) => writeln!(out, "  the list of its parts is not true, and will not be used")?,
        }
        for (db, (keys, expires)) in &self.dbs {
            writeln!(out, "  database {db}: {keys} keys, {expires} with an expiry")?;
        }
        for (name, count) in &self.types {
            writeln!(out, "  {name}: {count}")?;
        }
        if self.functions > 0 {
            writeln!(out, "  libraries of functions: {}", self.functions)?;
        }
        for name in &self.modules {
            writeln!(out, "  data of the module '{name}', passed over")?;
        }
        if self.empty_count > 0 {
            let more = if self.empty_count > NAMED_MAX { " ..." } else { "" };
            let names = self.empty.join(" ");
            writeln!(out, "  empty keys, passed over: {} ({names}{more})", self.empty_count)?;
        }
        Ok(())
    }
}

/// Checks a file, and tells what is in it.
pub(super) fn check(path: &Path, any_checksum: bool, out: &mut dyn Write) -> Result<(), Trouble> {
    let mut contents = Contents::default();
    let rules = Rules { checksum: !any_checksum, ..Rules::default() };
    let (summary, len) = input::read(path, rules, &mut contents, |_| None)?;
    writeln!(out, "{}: whole", path.display())?;
    contents.tell(&summary, len, out)?;
    Ok(())
}
