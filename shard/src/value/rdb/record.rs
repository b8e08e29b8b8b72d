//! A key of an RDB file: the value with what stands about it, out of the table and into it.
//!
//! ```text
//!   entry -> Saver::save -> file::Body          expiry, when or how often it was used, type, key, value
//!   file::Record, Unread -> Loader::record -> Detached -> Db::insert
//! ```
//! When or how often a key was used is written where eviction goes by that, as in Redis, and read where it goes by
//! the same; any other key is as if it had been used now.

use super::{Loader, loses_expiries, save, type_of};
use crate::db::{Detached, Entry};
use crate::lru;
use crate::settings::Settings;
use persist::rdb::file::{Body, Meta, Record, Unread};
use persist::rdb::{Error, Target};

/// Writes keys to a file.
#[derive(Clone, Copy, Debug)]
pub struct Saver<'a> {
    pub settings: &'a Settings,
    /// `rdb-version`
    pub target: Target,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// What became of a key that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saved {
    Whole,
    /// A hash without the expiries of its fields, which the version does not have.
    WithoutExpiries,
}

impl Saver<'_> {
    /// What stands before a key.
    #[must_use]
    pub fn meta(&self, entry: &Entry) -> Meta {
        let (policy, lru) = (self.settings.maxmemory_policy, entry.lru());
        let idle = policy.is_lru().then(|| lru::idle_seconds(lru, self.now_ms).into());
        let frequency = policy.is_lfu().then(|| lru::frequency(lru, self.settings, self.now_ms));
        Meta {
            expire_at: entry.expire_at(),
            idle_seconds: idle,
            frequency: frequency.and_then(|n| n.try_into().ok()),
        }
    }

    /// Writes a key of a database, and its value whole.
    pub fn save(&self, body: &mut Body, db: u64, entry: &Entry) -> Saved {
        let value = entry.value();
        let what = type_of(value, self.target);
        save(value, what, &mut body.key(db, entry.key(), what, &self.meta(entry)));
        if loses_expiries(value, what) { Saved::WithoutExpiries } else { Saved::Whole }
    }
}

impl Loader<'_> {
    /// Reads the value of a key of a file. Whether its time is over is for the caller to see.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn record(
        &mut self,
        record: &Record<'_>,
        value: Unread<'_, '_>,
        now_ms: i64,
    ) -> Result<Detached, Error> {
        let value = value.decode(self)?;
        Ok(Detached { value, expire_at: record.expire_at, lru: self.lru(record, now_ms) })
    }

    /// The access bits of a key of a file.
    pub(crate) fn lru(&self, record: &Record<'_>, now_ms: i64) -> u32 {
        let is_lfu = self.settings.maxmemory_policy.is_lfu();
        match (is_lfu, record.frequency, record.idle_seconds) {
            (true, Some(counter), _) => lru::of_frequency(counter, now_ms),
            (false, _, Some(seconds)) => {
                lru::of_idle_seconds(i64::try_from(seconds).unwrap_or(i64::MAX), now_ms)
            }
            _ => lru::fresh(self.settings, now_ms),
        }
    }
}
