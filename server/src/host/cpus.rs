//! Which shard runs on which CPU.
//!
//! The affinity mask is the configuration: under `taskset -c 2-5` there are four shards, on CPUs 2,
//! 3, 4 and 5. `cpus` names others, `shards` another number; with more shards than CPUs the list is
//! gone round again, so that several share a CPU.

use rustix::process::getpid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::thread::JoinHandle;

/// The CPUs that this process may run on, in ascending order.
///
/// # Errors
/// The kernel's, if the mask cannot be read.
pub fn affinity() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// The mask of the process's first thread, which is pinned to no CPU: that of the process. For threads that are to
/// run where the process may, whichever core they work for.
///
/// # Errors
/// The kernel's, if the mask cannot be read.
pub fn process_mask() -> io::Result<CpuSet> {
    Ok(sched_getaffinity(Some(getpid()))?)
}

/// The CPU of each shard. `shards` 0 is one per CPU; `cpus` empty is the mask.
///
/// # Errors
/// A sentence for the log: there is no CPU to run on.
pub fn plan(shards: usize, cpus: &[usize], mask: &[usize]) -> Result<Vec<usize>, String> {
    let from = if cpus.is_empty() { mask } else { cpus };
    if from.is_empty() {
        return Err("no CPU to run on: the affinity mask is empty".into());
    }
    let shards = if shards == 0 { from.len() } else { shards };
    Ok(from.iter().copied().cycle().take(shards).collect())
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
/// The kernel's: EINVAL where there is no such CPU, or a cpuset excludes it.
pub fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Lets the calling thread run on any of these CPUs.
///
/// # Errors
/// The kernel's: EINVAL where there is none of them, or a cpuset excludes them all.
pub fn spread(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cpus.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU).for_each(|&cpu| set.set(cpu));
    Ok(sched_setaffinity(None, &set)?)
}

/// Starts a shard's thread, named after the shard and pinned to its CPU before `body` runs (so that
/// its memory is taken on that CPU's node). A thread that cannot be pinned runs unpinned, with a warning.
///
/// # Errors
/// If the thread cannot be made.
pub fn spawn_shard<T: Send + 'static>(
    shard: usize,
    cpu: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(format!("percore-{shard}")).spawn(move || {
        if let Err(error) = pin(cpu) {
            let why = crate::config::os_reason(&error);
            crate::log::warning(format_args!("Could not pin shard {shard} to CPU {cpu}: {why}"));
        }
        body()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_the_plan() {
        assert_eq!(plan(0, &[], &[2, 3, 4, 5]).unwrap(), [2, 3, 4, 5]);
        assert_eq!(plan(2, &[], &[2, 3, 4, 5]).unwrap(), [2, 3]);
        assert_eq!(plan(5, &[], &[0, 1]).unwrap(), [0, 1, 0, 1, 0]);
        assert_eq!(plan(0, &[7, 1], &[0, 1]).unwrap(), [7, 1]);
        assert_eq!(plan(3, &[7, 1], &[0]).unwrap(), [7, 1, 7]);
        assert!(plan(0, &[], &[]).is_err());
    }

    #[test]
    fn a_shards_thread_is_named_and_pinned() {
        let cpu = *affinity().unwrap().last().unwrap();
        let body = || (std::thread::current().name().map(str::to_owned), affinity().unwrap());
        let (name, cpus) = spawn_shard(3, cpu, body).unwrap().join().unwrap();
        assert_eq!((name.as_deref(), cpus), (Some("percore-3"), vec![cpu]));
    }

    #[test]
    fn no_such_cpu() {
        assert!(pin(CpuSet::MAX_CPU - 1).is_err() && pin(CpuSet::MAX_CPU).is_err());
    }
}
