//! The clocks: time that only goes forward, the time of day, and the processor time of this process.

use rustix::time::{ClockId, Timespec, clock_gettime};

fn ns(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds since some moment of the past.
#[inline]
#[must_use]
pub fn now() -> u64 {
    ns(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds since 1970.
#[must_use]
pub fn unix() -> u64 {
    ns(clock_gettime(ClockId::Realtime))
}

/// Nanoseconds of processor time, user and system, of all threads of this process so far.
#[must_use]
pub fn own_cpu() -> u64 {
    ns(clock_gettime(ClockId::ProcessCPUTime))
}
