//! Time for measuring single commands. Reading the clock through the vDSO costs some 25 ns, as much
//! as a GET's own work; the time stamp counter costs a third of that, so where there is a
//! constant one it is used, calibrated against the monotonic clock. In a simulation (and on other
//! processors) the ticks are the I/O backend's nanoseconds.
#![allow(unsafe_code)] // reading the time stamp counter is an intrinsic

use std::time::Instant;

/// Reads ticks and turns differences of them into nanoseconds.
#[derive(Clone, Debug)]
pub struct Ticks {
    source: Source,
    /// Nanoseconds per tick, times 2^32.
    scale: u64,
    enabled: bool,
}

#[derive(Clone, Debug)]
enum Source {
    #[cfg(target_arch = "x86_64")]
    Tsc,
    Clock(Instant),
    /// Always zero: for simulations, which have a clock of their own and must be deterministic.
    None,
}

impl Ticks {
    /// The cheapest source this machine has. Takes some 10 ms to calibrate, once per process.
    #[must_use]
    pub fn calibrated() -> Self {
        static SCALE: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
        match SCALE.get_or_init(tsc_scale) {
            #[cfg(target_arch = "x86_64")]
            Some(scale) => Self { source: Source::Tsc, scale: *scale, enabled: true },
            _ => Self { source: Source::Clock(Instant::now()), scale: 1 << 32, enabled: true },
        }
    }

    /// Never moves.
    #[must_use]
    pub fn still() -> Self {
        Self { source: Source::None, scale: 1 << 32, enabled: true }
    }

    /// Switches reading off (then every command takes 0 ns) or on.
    pub fn set_enabled(&mut self, on: bool) {
        self.enabled = on;
    }

    #[inline]
    #[must_use]
    pub fn read(&self) -> u64 {
        if !self.enabled {
            return 0;
        }
        match &self.source {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: RDTSC exists on every x86_64 processor and touches no memory.
            Source::Tsc => unsafe { core::arch::x86_64::_rdtsc() },
            Source::Clock(start) => start.elapsed().as_nanos() as u64,
            Source::None => 0,
        }
    }

    /// Nanoseconds between two readings.
    #[inline]
    #[must_use]
    pub fn nanos(&self, from: u64, to: u64) -> u64 {
        ((u128::from(to.saturating_sub(from)) * u128::from(self.scale)) >> 32) as u64
    }
}

/// Nanoseconds per tick times 2^32, when the counter is constant over frequency and sleep states.
#[cfg(target_arch = "x86_64")]
fn tsc_scale() -> Option<u64> {
    // Leaf 0x80000007, EDX bit 8: invariant TSC.
    let invariant = core::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) != 0;
    if !invariant && !kernel_trusts_tsc() {
        return None;
    }
    // SAFETY: as above.
    let read = || (Instant::now(), unsafe { core::arch::x86_64::_rdtsc() });
    let (t0, c0) = read();
    std::thread::sleep(std::time::Duration::from_millis(10));
    let (t1, c1) = read();
    let ticks = c1.checked_sub(c0).filter(|&t| t > 0)?;
    Some((((t1 - t0).as_nanos() << 32) / u128::from(ticks)) as u64)
}

#[cfg(not(target_arch = "x86_64"))]
fn tsc_scale() -> Option<u64> {
    None
}

/// Under a hypervisor the invariant bit may be hidden; the kernel's own choice of clock tells as well.
#[cfg(target_arch = "x86_64")]
fn kernel_trusts_tsc() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|s| matches!(s.trim(), "tsc" | "kvm-clock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_agree_with_the_clock() {
        let ticks = Ticks::calibrated();
        let (clock, from) = (Instant::now(), ticks.read());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (real, measured) = (clock.elapsed().as_nanos() as u64, ticks.nanos(from, ticks.read()));
        assert!(measured > 15_000_000, "{measured}");
        assert!(measured < real * 2 + 50_000_000, "{measured} against {real}");
    }

    #[test]
    fn still_ticks_and_disabled_ones_measure_nothing() {
        let mut ticks = Ticks::still();
        assert_eq!(ticks.nanos(ticks.read(), ticks.read()), 0);
        ticks = Ticks::calibrated();
        ticks.set_enabled(false);
        assert_eq!(ticks.read(), 0);
    }
}
