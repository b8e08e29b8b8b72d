//! What the kernel says this process has used: processor time and resident memory, for INFO.
#![allow(unsafe_code)] // getrusage has no safe wrapper among the crates in use

use rustix::param::page_size;

/// Whose processor time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Of all threads of the process.
    Process,
    /// Of child processes that have ended.
    Children,
    /// Of the calling thread.
    Thread,
}

/// Processor time, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuTime {
    pub user_us: u64,
    pub system_us: u64,
}

impl std::ops::Add for CpuTime {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { user_us: self.user_us + other.user_us, system_us: self.system_us + other.system_us }
    }
}

/// Processor time used so far.
#[must_use]
pub fn cpu_time(whose: Whose) -> CpuTime {
    let who = match whose {
        Whose::Process => libc::RUSAGE_SELF,
        Whose::Children => libc::RUSAGE_CHILDREN,
        Whose::Thread => libc::RUSAGE_THREAD,
    };
    // SAFETY: a `rusage` is plain numbers, for which zero is a value; the call writes it whole or fails.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &raw mut usage);
        usage
    };
    let micros = |t: libc::timeval| (t.tv_sec as u64).saturating_mul(1_000_000) + t.tv_usec as u64;
    CpuTime { user_us: micros(usage.ru_utime), system_us: micros(usage.ru_stime) }
}

/// Resident memory of the process, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resident {
    pub total: u64,
    /// Without what is backed by files: heap and stacks.
    pub anonymous: u64,
}

/// Reads `/proc/self/statm`; zeros where there is none.
#[must_use]
pub fn resident() -> Resident {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    parse_statm(&text, page_size() as u64)
}

/// `size resident shared …`, in pages.
fn parse_statm(text: &str, page: u64) -> Resident {
    let mut pages = text.split_whitespace().skip(1).map(|n| n.parse::<u64>().unwrap_or(0));
    let (total, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    Resident { total: total * page, anonymous: total.saturating_sub(shared) * page }
}

/// The machine's memory, in bytes.
#[must_use]
pub fn system_memory() -> u64 {
    let info = rustix::system::sysinfo();
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statm_is_in_pages() {
        let r = parse_statm("5000 300 100 1 0 40 0\n", 4096);
        assert_eq!(r, Resident { total: 300 * 4096, anonymous: 200 * 4096 });
        assert_eq!(parse_statm("", 4096), Resident::default());
    }

    #[test]
    fn this_process_uses_something() {
        assert!(resident().total > 0 && system_memory() > resident().total);
        let mut n = 0u64;
        while cpu_time(Whose::Thread) == CpuTime::default() {
            n = std::hint::black_box(n + 1); // until the kernel has seen this thread work
        }
        let (thread, process) = (cpu_time(Whose::Thread), cpu_time(Whose::Process));
        assert!(process.user_us + process.system_us >= thread.user_us + thread.system_us);
    }
}
