//! `percore-data print`: the keys that are wanted, one after the other, in one of the formats.

use super::{Format, Trouble, input, json, resp};
use persist::rdb::Error;
use persist::rdb::file::{FileVisitor, Record, Refused, Rules, Unread};
use proto::glob::{self, Case};
use shard::value::rdb::Loader;
use shard::value::tell::value_of;
use shard::{DetachedValue, Settings};
use std::io::Write;
use std::path::Path;

/// Which keys are printed.
#[derive(Default)]
pub(super) struct Wanted {
    pub db: Option<u64>,
    pub pattern: Option<Vec<u8>>,
}

impl Wanted {
    fn has(&self, record: &Record<'_>) -> bool {
        self.db.is_none_or(|db| db == record.db)
            && self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, record.key, Case::Sensitive))
    }

    /// Whether everything is wanted: functions belong to no key.
    fn has_all(&self) -> bool {
        self.db.is_none() && self.pattern.is_none()
    }
}

struct Printer<'o> {
    settings: Settings,
    wanted: Wanted,
    format: Format,
    /// The database that commands are about, once one has been named.
    selected: Option<u64>,
    text: Vec<u8>,
    out: &'o mut dyn Write,
    error: Option<std::io::Error>,
}

impl Printer<'_> {
    fn write(&mut self) {
        if self.error.is_none() {
            self.error = self.out.write_all(&self.text).err();
        }
        self.text.clear();
    }

    fn print(&mut self, record: &Record<'_>, value: &DetachedValue) {
        let value = value_of(value);
        match self.format {
            Format::Json => json::push_key(&mut self.text, record, value),
            Format::Resp => {
                if self.selected != Some(record.db) {
                    self.selected = Some(record.db);
                    resp::push_select(&mut self.text, record.db);
                }
                resp::push_key(&mut self.text, record, value);
            }
        }
        self.write();
    }
}

impl FileVisitor for Printer<'_> {
    fn function(&mut self, source: &[u8]) -> Result<(), Refused> {
        if self.format == Format::Resp && self.wanted.has_all() {
            resp::push_function(&mut self.text, source);
            self.write();
        }
        Ok(())
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        if self.wanted.has(record) {
            let value = value.decode(&mut Loader { settings: &self.settings, seed: 0 })?;
            self.print(record, &value);
        }
        Ok(())
    }
}

/// Prints a file. What stands before a fault is printed.
pub(super) fn print(
    path: &Path,
    format: Format,
    wanted: Wanted,
    any_checksum: bool,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let settings = Settings::default();
    let mut printer =
        Printer { settings, wanted, format, selected: None, text: Vec::new(), out, error: None };
    let rules = Rules { checksum: !any_checksum, ..Rules::default() };
    input::read(path, rules, &mut printer, |printer| printer.error.take()).map(|_| ())
}
