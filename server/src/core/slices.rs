//! Background work between turns, in slices: taking in keys of a file, freeing what was deleted, removing subscriptions of clients that
//! have gone, and reaping keys whose time is over. A slice ends by the clock, and the shard's steps within it are small, so that
//! no request waits longer than [`SLICE_NS`] for any of it.

use super::state::CoreState;
use crate::config::Settings;
use crate::config::choices::EvictionPolicy;
use crate::shared::Shared;
use shard::settings::{MaxmemoryPolicy, Settings as ShardSettings};
use std::sync::atomic::Ordering;

/// The longest a slice may take, in nanoseconds of work.
const SLICE_NS: u64 = 300_000;
/// Active expiry may take this much of each tenth of a second, a quarter, as in Redis.
const EXPIRY_NS_MAX: u64 = 25_000_000;
/// What active expiry looks at each tenth of a second even when little has expired.
const EXPIRY_NS_MIN: u64 = 200_000;
/// Buckets looked at between two readings of the clock.
const EXPIRY_BUCKETS: usize = 64;
/// Entries freed between two readings of the clock.
const FREE_UNITS: usize = 64;
/// Subscriptions of clients that have gone removed between two readings of the clock.
const LEAVE_UNITS: usize = 32;

/// What is under way.
#[derive(Default, Debug)]
pub struct Slices {
    /// Active expiry has found so much that it goes on in the next turn.
    expiring: bool,
    /// Nanoseconds that it has taken in this period.
    expiry_ns: u64,
    /// This period's first slice has not run yet.
    expiry_due: bool,
}

impl CoreState {
    /// Begins a period of active expiry.
    pub fn start_expiry(&mut self) {
        let active = self.shared.active_expire.load(Ordering::Relaxed);
        self.shard.settings.active_expire = active;
        let active = active && !self.loading;
        self.slices = Slices { expiring: active, expiry_ns: 0, expiry_due: active };
    }

    /// Whether a slice should run soon, so that the next turn must not wait.
    #[must_use]
    pub fn slices_pending(&self) -> bool {
        let expiring = self.slices.expiring && !self.undelivered.is_too_much();
        let leaving = self.shard.pubsub.has_leaving() || !self.leaving.is_empty();
        self.shard.has_garbage()
            || leaving
            || expiring
            || self.fragment_pending()
            || !self.deliveries.is_empty()
    }

    /// Runs a slice of what is under way.
    pub fn run_slices(&mut self, clock: impl Fn() -> u64) {
        if !self.deliveries.is_empty() {
            self.take_deliveries(&clock, SLICE_NS);
        }
        if self.held.is_some() || !self.slices_pending() {
            return;
        }
        let began = clock();
        self.fragment_slice(&clock, began + SLICE_NS);
        while self.shard.has_garbage() && clock() - began < SLICE_NS {
            self.shard.free_slice(FREE_UNITS);
        }
        while self.shard.pubsub.has_leaving() && clock() - began < SLICE_NS {
            self.leave_slice(LEAVE_UNITS);
        }
        if !self.leaving.is_empty() {
            self.finish_leaving();
        }
        if self.slices.expiring && !self.undelivered.is_too_much() {
            self.expire(&clock);
        }
    }

    fn expire(&mut self, clock: &impl Fn() -> u64) {
        let now_ms = self.now.unix_ms();
        let began = clock();
        let least = if std::mem::take(&mut self.slices.expiry_due) { EXPIRY_NS_MIN } else { 0 };
        // A clock that stands still, as a simulated one within a turn, must not keep us here.
        for _ in 0..1024 {
            let done = self.shard.expire_slice(now_ms, EXPIRY_BUCKETS);
            let spent = clock() - began;
            if done.buckets == 0 || (!done.more && spent >= least) {
                self.slices.expiring = false;
                self.stats().expire_nanos.add(spent);
                return;
            }
            if spent >= SLICE_NS {
                self.slices.expiry_ns += spent;
                self.stats().expire_nanos.add(spent);
                break;
            }
        }
        if self.slices.expiry_ns >= EXPIRY_NS_MAX {
            self.slices.expiring = false;
            self.stats().expired_time_cap_reached.add(1);
        }
    }
}

/// The directives that a shard looks at.
#[must_use]
pub fn shard_settings(s: &Settings, shared: &Shared) -> ShardSettings {
    ShardSettings {
        thresholds: s.thresholds,
        list_packed_threshold: shared.list_packed_threshold.load(Ordering::Relaxed),
        rdb_compression: s.rdb_compression,
        any_checksum: shared.any_checksum.load(Ordering::Relaxed),
        maxmemory: s.maxmemory,
        maxmemory_policy: policy(s.maxmemory_policy),
        lfu_log_factor: s.lfu_log_factor,
        lfu_decay_minutes: s.lfu_decay_time_minutes,
        bulk_len_max: s.proto_max_bulk_len as u64,
        active_expire: shared.active_expire.load(Ordering::Relaxed),
        active_expire_effort: s.active_expire_effort,
    }
}

fn policy(p: EvictionPolicy) -> MaxmemoryPolicy {
    match p {
        EvictionPolicy::NoEviction => MaxmemoryPolicy::Noeviction,
        EvictionPolicy::AllkeysLru => MaxmemoryPolicy::AllkeysLru,
        EvictionPolicy::AllkeysLfu => MaxmemoryPolicy::AllkeysLfu,
        EvictionPolicy::AllkeysRandom => MaxmemoryPolicy::AllkeysRandom,
        EvictionPolicy::VolatileLru => MaxmemoryPolicy::VolatileLru,
        EvictionPolicy::VolatileLfu => MaxmemoryPolicy::VolatileLfu,
        EvictionPolicy::VolatileRandom => MaxmemoryPolicy::VolatileRandom,
        EvictionPolicy::VolatileTtl => MaxmemoryPolicy::VolatileTtl,
    }
}
