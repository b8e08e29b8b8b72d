//! CLIENT PAUSE: until a given time, commands (all, or those that write) wait.

use proto::command::{CommandId, CommandSpec, Flags};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What waits while writes are paused.
const WRITES: Flags = Flags::of(&[Flags::WRITE, Flags::MAY_REPLICATE]);

/// What is held back, and until when. Read once a command; two relaxed loads.
#[derive(Default, Debug)]
pub struct Pause {
    /// Unix milliseconds; 0: nothing is paused.
    until_ms: AtomicI64,
    everything: AtomicBool,
}

impl Pause {
    /// Pauses until `until_ms`. A pause in force is only ever made longer and stronger, as in Redis.
    pub fn start(&self, until_ms: i64, everything: bool, now_ms: i64) {
        let active = self.until_ms.load(Ordering::Relaxed) > now_ms;
        let stronger = everything || (active && self.everything.load(Ordering::Relaxed));
        self.everything.store(stronger, Ordering::Relaxed);
        if active {
            self.until_ms.fetch_max(until_ms, Ordering::SeqCst);
        } else {
            self.until_ms.store(until_ms, Ordering::SeqCst);
        }
    }

    pub fn end(&self) {
        self.until_ms.store(0, Ordering::SeqCst);
    }

    /// Whether anything is paused.
    #[inline]
    #[must_use]
    pub fn active(&self, now_ms: i64) -> bool {
        let until = self.until_ms.load(Ordering::Relaxed);
        until != 0 && until > now_ms
    }

    /// Whether this command has to wait.
    #[inline]
    #[must_use]
    pub fn holds(&self, spec: &CommandSpec, now_ms: i64) -> bool {
        self.active(now_ms) && self.is_held(spec)
    }

    /// Whether a transaction of commands with these flags has to wait.
    #[must_use]
    pub fn holds_any(&self, flags: Flags, now_ms: i64) -> bool {
        self.active(now_ms) && (self.everything.load(Ordering::Relaxed) || flags.intersects(WRITES))
    }

    fn is_held(&self, spec: &CommandSpec) -> bool {
        if spec.parent == Some(CommandId::Client) || spec.id == CommandId::Shutdown {
            return false; // CLIENT UNPAUSE must get through
        }
        if self.everything.load(Ordering::Relaxed) {
            return true;
        }
        spec.flags.intersects(WRITES)
    }

    /// For INFO: the milliseconds left, and whether reads wait too.
    #[must_use]
    pub fn left(&self, now_ms: i64) -> Option<(i64, bool)> {
        let until = self.until_ms.load(Ordering::Relaxed);
        self.active(now_ms).then(|| (until - now_ms, self.everything.load(Ordering::Relaxed)))
    }
}
