//! How far a load is: what INFO and the log tell.

use crate::admin::info::Text;
use crate::log;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Counters of the load under way, or of the last one. Loader threads add, everybody reads.
#[derive(Default, Debug)]
pub struct Progress {
    active: AtomicBool,
    /// Unix seconds.
    started_s: AtomicI64,
    total_bytes: AtomicU64,
    loaded_bytes: AtomicU64,
    /// What the file says of the memory of the server that wrote it, bytes.
    used_memory: AtomicU64,
    keys: AtomicU64,
    expired: AtomicU64,
    empty: AtomicU64,
}

/// What a loader thread has done since it told last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Done {
    pub bytes: u64,
    pub keys: u64,
    pub expired: u64,
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Progress {
    /// Whether a load is under way.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Begins a load, if none is under way.
    #[must_use]
    pub fn claim(&self) -> bool {
        !self.active.swap(true, Ordering::AcqRel)
    }

    /// The load is over.
    pub fn finish(&self) {
        self.active.store(false, Ordering::Release);
    }

    /// There is a file of so many bytes to load, and nothing has been loaded.
    pub fn start(&self, total_bytes: u64) {
        self.started_s.store(super::unix_ms() / 1000, Ordering::Relaxed);
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
        for counter in [&self.loaded_bytes, &self.used_memory, &self.keys, &self.expired, &self.empty] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub fn add(&self, done: Done) {
        self.loaded_bytes.fetch_add(done.bytes, Ordering::Relaxed);
        self.keys.fetch_add(done.keys, Ordering::Relaxed);
        self.expired.fetch_add(done.expired, Ordering::Relaxed);
    }

    /// An empty key was passed over; how many before it.
    pub fn add_empty(&self) -> u64 {
        self.empty.fetch_add(1, Ordering::Relaxed)
    }

    /// Bytes.
    pub fn set_used_memory(&self, bytes: u64) {
        self.used_memory.store(bytes, Ordering::Relaxed);
    }

    /// In hundredths.
    fn percent(&self) -> f64 {
        match get(&self.total_bytes) {
            0 => 0.0,
            total => get(&self.loaded_bytes) as f64 / total as f64 * 100.0,
        }
    }

    /// Redis's guess, seconds.
    fn left_s(&self, now_s: i64) -> u64 {
        let (loaded, total) = (get(&self.loaded_bytes), get(&self.total_bytes));
        match u64::try_from(now_s - self.started_s.load(Ordering::Relaxed)).unwrap_or(0) {
            0 => 1,
            elapsed => elapsed.saturating_mul(total.saturating_sub(loaded)) / (loaded + 1),
        }
    }

    /// The line of a load that takes long.
    pub fn log_progress(&self, now_s: i64) {
        let (percent, keys, left) = (self.percent(), get(&self.keys), self.left_s(now_s));
        log::notice(format_args!("Loading: {percent:.1}%, {keys} keys so far, about {left} seconds left"));
    }

    /// The line of a load that has ended.
    pub fn log_counts(&self) {
        let (keys, expired, empty) = (get(&self.keys), get(&self.expired), get(&self.empty));
        let skipped = if empty > 0 { format!(", empty keys skipped: {empty}") } else { String::new() };
        log::notice(format_args!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{skipped}."));
    }

    /// INFO's fields of the last load.
    pub fn info_of_last(&self, out: &mut Text) {
        out.field("rdb_last_load_keys_expired", get(&self.expired));
        out.field("rdb_last_load_keys_loaded", get(&self.keys));
    }

    /// INFO's fields while there is a load.
    pub fn info(&self, now_s: i64, out: &mut Text) {
        if !self.is_active() {
            return;
        }
        out.field("loading_start_time", self.started_s.load(Ordering::Relaxed));
        out.field("loading_total_bytes", get(&self.total_bytes));
        out.field("loading_rdb_used_mem", get(&self.used_memory));
        out.field("loading_loaded_bytes", get(&self.loaded_bytes));
        out.field("loading_loaded_perc", format_args!("{:.2}", self.percent()));
        out.field("loading_eta_seconds", self.left_s(now_s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_load_at_a_time() {
        let progress = Progress::default();
        assert!(progress.claim() && !progress.claim() && progress.is_active());
        progress.finish();
        assert!(!progress.is_active() && progress.claim());
    }

    #[test]
    fn fields_are_there_while_it_loads() {
        let progress = Progress::default();
        assert!(progress.claim());
        progress.start(1000);
        progress.set_used_memory(77);
        progress.add(Done { bytes: 250, keys: 3, expired: 1 });
        let begun = progress.started_s.load(Ordering::Relaxed);
        let mut out = Text::default();
        progress.info(begun + 10, &mut out);
        progress.info_of_last(&mut out);
        let text = out.end();
        let expected = format!(
            "loading_start_time:{begun}\r\nloading_total_bytes:1000\r\nloading_rdb_used_mem:77\r\n\
             loading_loaded_bytes:250\r\nloading_loaded_perc:25.00\r\nloading_eta_seconds:29\r\n\
             rdb_last_load_keys_expired:1\r\nrdb_last_load_keys_loaded:3\r\n"
        );
        assert_eq!(text, expected);
        assert_eq!(progress.left_s(begun), 1, "nobody knows yet");
        progress.finish();
        let mut out = Text::default();
        progress.info(begun + 10, &mut out);
        assert_eq!(out.end(), "");
    }
}
