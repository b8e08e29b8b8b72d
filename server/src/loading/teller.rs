//! What a loader thread does with each record of a file.

use super::courier::{Courier, Over};
use super::progress::Done;
use super::{Job, PartsOf, Trouble};
use crate::log;
use persist::rdb::Error;
use persist::rdb::file::{FileVisitor, PARTS_FIELD, Parts, Record, Refused, Unread};
use proto::slot::slot_of;
use shard::load::Read;
use shard::value::rdb::Loader;
use std::time::Duration;

/// Empty keys that the log names.
const EMPTY_LOGGED_MAX: u64 = 10;
/// After so many keys, what has been done is told.
const TELL_EVERY_KEYS: u64 = 256;

/// One loader thread's visitor.
pub struct Teller<'j> {
    job: &'j Job<'j>,
    courier: Courier<'j>,
    loader: Loader<'j>,
    pace: Pace<'j>,
    /// Not told yet.
    done: Done,
    /// Where in the file it was when it told last.
    told_at: u64,
    /// The field of parts, as long as none has been read.
    pub parts: Option<Parts>,
    /// The courier or a directive has ended it: what the reader says then is of no interest.
    pub is_over: bool,
}

impl<'j> Teller<'j> {
    pub fn new(job: &'j Job<'j>) -> Self {
        Self {
            job,
            courier: Courier::new(job),
            loader: Loader { settings: &job.settings, seed: job.shared.hash_seed },
            pace: Pace::new(job),
            done: Done::default(),
            told_at: 0,
            parts: None,
            is_over: false,
        }
    }

    /// It begins to read at this byte.
    pub fn begin_at(&mut self, at: u64) {
        self.told_at = at;
    }

    /// All up to this byte has been read.
    pub fn tell(&mut self, at: u64) {
        self.done.bytes = at.saturating_sub(self.told_at);
        self.told_at = at;
        self.job.shared.loading.add(std::mem::take(&mut self.done));
    }

    /// Everything that was read is in the shards.
    ///
    /// # Errors
    /// [`Over`]
    pub fn finish(&mut self) -> Result<(), Over> {
        self.courier.finish()
    }

    fn end(&mut self, trouble: Trouble) -> Refused {
        self.job.fail(trouble);
        self.is_over = true;
        "the load has ended"
    }

    fn owner(&self, key: &[u8]) -> usize {
        let shared = self.job.shared;
        if shared.cores() == 1 { 0 } else { shared.slots.owner(slot_of(key)).into() }
    }

    /// After a key: counts, and waits as `key-load-delay` says.
    fn after_key(&mut self, record: &Record<'_>, read: Read) -> Result<(), Over> {
        match read {
            Read::Added => self.done.keys += 1,
            Read::Expired => self.done.expired += 1,
        }
        let waited = self.pace.after_key();
        if waited || self.done.keys + self.done.expired >= TELL_EVERY_KEYS {
            self.tell(record.at);
            if self.job.is_over() {
                return Err(Over);
            }
        }
        Ok(())
    }
}

impl FileVisitor for Teller<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        let text = String::from_utf8_lossy(value);
        match name.to_ascii_lowercase().as_slice() {
            PARTS_FIELD => self.parts = Parts::parse(value, self.job.source.len()),
            [b'%', ..] => {
                let name = String::from_utf8_lossy(name);
                log::notice(format_args!("RDB '{name}': {text}"));
            }
            b"redis-ver" => log::notice(format_args!("Loading RDB produced by version {text}")),
            b"valkey-ver" => log::notice(format_args!("Loading RDB produced by Valkey version {text}")),
            b"ctime" => {
                let age = self.job.now_ms / 1000 - text.parse().unwrap_or(0);
                log::notice(format_args!("RDB age {} seconds", age.max(0)));
            }
            b"used-mem" => {
                let bytes: u64 = text.parse().unwrap_or(0);
                let mib = bytes as f64 / f64::from(1 << 20);
                log::notice(format_args!("RDB memory usage when created {mib:.2} Mb"));
                self.job.shared.loading.set_used_memory(bytes);
            }
            b"aof-preamble" if text != "0" => log::notice(format_args!("RDB has an AOF tail")),
            b"aof-base" if text != "0" => log::notice(format_args!("RDB is base AOF")),
            _ => {}
        }
        Ok(())
    }

    fn select(&mut self, db: u64) -> Result<(), Refused> {
        if db < self.job.databases {
            return Ok(());
        }
        let (path, databases) = (self.job.source.path().display(), self.job.databases);
        let text = format!(
            "FATAL: Data file was created with a Redis server configured to handle more than {databases} databases. \
             Exiting: {path} has keys of database {db}"
        );
        Err(self.end(Trouble::Failed(text)))
    }

    fn function(&mut self, source: &[u8]) -> Result<(), Refused> {
        log::warning(format_args!(
            "A library of functions is kept, but its functions can't be called: they are not built yet."
        ));
        self.job.shared.functions.lock().push(source.into());
        Ok(())
    }

    fn module_data(&mut self, name: [u8; 9]) {
        let name = name.escape_ascii();
        log::warning(format_args!("Data of the module '{name}' in the RDB file are passed over."));
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let owner = self.owner(record.key);
        let over = value.corrupt("the load has ended");
        let batch = self.courier.batch(owner);
        let before = batch.bytes();
        let read = batch.read(&mut self.loader, record, value, self.job.now_ms)?;
        let went_on = self.courier.added(owner, before).and_then(|()| self.after_key(record, read));
        went_on.map_err(|Over| {
            self.is_over = true;
            over
        })
    }

    fn empty_key(&mut self, record: &Record<'_>) {
        if self.job.shared.loading.add_empty() < EMPTY_LOGGED_MAX {
            let key = record.key.escape_ascii();
            log::notice(format_args!("Skipping empty key: {key}"));
        }
    }
}

/// A file that is read in parts, as far as its head tells.
pub fn parts_of(parts: Parts, version: u16, head: u64) -> PartsOf {
    let sums = vec![0; parts.lens.len()];
    PartsOf { parts, version, head, sums }
}

/// `key-load-delay`: microseconds after each key; -n: one after every n-th. As slow for all threads together as for one.
struct Pace<'j> {
    job: &'j Job<'j>,
    version: u64,
    delay_us: i64,
    keys: u64,
}

impl<'j> Pace<'j> {
    fn new(job: &'j Job<'j>) -> Self {
        Self { job, version: 0, delay_us: 0, keys: 0 }
    }

    /// Whether it has waited.
    #[inline]
    fn after_key(&mut self) -> bool {
        let version = self.job.shared.settings_version();
        if version != self.version {
            self.version = version;
            self.delay_us = self.job.shared.settings().key_load_delay_us;
        }
        self.delay_us != 0 && self.wait()
    }

    #[cold]
    fn wait(&mut self) -> bool {
        self.keys += 1;
        let us = match self.delay_us {
            us @ 1.. => us.unsigned_abs(),
            every if self.keys.is_multiple_of(every.unsigned_abs()) => 1,
            _ => return false,
        };
        std::thread::sleep(Duration::from_micros(us));
        true
    }
}
