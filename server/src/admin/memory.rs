//! MEMORY: STATS, DOCTOR, MALLOC-STATS, PURGE, HELP. USAGE runs on the shard of its key.

use super::info::memory::Figures;
use super::info::report::Reports;
use crate::allocator;
use crate::core::state::CoreState;
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::task::Answer;
use proto::command::{CommandId, CommandSpec, help};
use proto::encode::Reply;
use proto::error;
use std::sync::Arc;

/// Runs a subcommand of MEMORY.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec) {
    match spec.id {
        CommandId::MemoryStats => with_figures(core, id, stats),
        CommandId::MemoryDoctor => {
            with_figures(core, id, |f, r| r.verbatim("txt", doctor(f).as_bytes()));
        }
        CommandId::MemoryMallocStats => {
            let text = allocator::report();
            core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
        }
        CommandId::MemoryPurge => purge(core, id),
        CommandId::MemoryHelp => core.reply(id, |r| help::write(CommandId::Memory, r)),
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// Asks all cores, then replies with what `write` makes of their figures.
fn with_figures(core: &mut CoreState, id: ConnId, write: fn(&Figures, &mut Reply<'_>)) {
    let reports = Arc::new(Reports::default());
    let to = reports.clone();
    let run = Arc::new(move |core: &mut CoreState| {
        to.add(core, false);
        Answer::Nothing
    });
    let finish = move |core: &mut CoreState, id: ConnId, _: Vec<Answer>| {
        let figures = Figures::gather(&core.shared, &reports.cores.lock());
        core.reply(id, |r| write(&figures, r));
    };
    core.ask_all(id, When::Direct, run, Box::new(finish));
}

/// What the allocator keeps for later goes back to the kernel. As in Redis this costs what it costs.
fn purge(core: &mut CoreState, id: ConnId) {
    allocator::purge();
    core.reply(id, |r| r.ok());
}

/// `MEMORY STATS`
fn stats(f: &Figures, r: &mut Reply<'_>) {
    let [allocator_frag, allocator_rss, rss_overhead, whole] = f.fragmentation();
    let int = |r: &mut Reply<'_>, name: &str, n: i64| {
        r.bulk(name.as_bytes());
        r.int(n);
    };
    let double = |r: &mut Reply<'_>, name: &str, n: f64| {
        r.bulk(name.as_bytes());
        r.double(n);
    };
    r.map(FIELDS + f.dbs.len());
    int(r, "peak.allocated", f.peak as i64);
    int(r, "total.allocated", f.used as i64);
    int(r, "startup.allocated", f.startup as i64);
    int(r, "replication.backlog", 0);
    int(r, "clients.slaves", 0);
    int(r, "clients.normal", f.client_buffers as i64);
    for name in ["cluster.links", "aof.buffer", "lua.caches", "functions.caches"] {
        int(r, name, 0);
    }
    for (i, db) in &f.dbs {
        r.bulk(format!("db.{i}").as_bytes());
        r.map(3);
        int(r, "overhead.hashtable.main", db.table_bytes as i64);
        int(r, "overhead.hashtable.expires", 0); // expiries stand in the entries
        int(r, "overhead.hashtable.slot-to-keys", 0);
    }
    int(r, "overhead.total", f.overhead() as i64);
    int(r, "keys.count", f.keys as i64);
    int(r, "keys.bytes-per-key", f.dataset().checked_div(f.keys).unwrap_or(0) as i64);
    int(r, "dataset.bytes", f.dataset() as i64);
    double(r, "dataset.percentage", f.dataset_percent());
    double(r, "peak.percentage", f.peak_percent());
    int(r, "allocator.allocated", f.used as i64);
    int(r, "allocator.active", f.active as i64);
    int(r, "allocator.resident", f.resident as i64);
    let ratios = [
        ("allocator-fragmentation", allocator_frag),
        ("allocator-rss", allocator_rss),
        ("rss-overhead", rss_overhead),
    ];
    for (name, (ratio, bytes)) in ratios {
        double(r, &format!("{name}.ratio"), ratio);
        int(r, &format!("{name}.bytes"), bytes);
    }
    double(r, "fragmentation", whole.0); // all of it; the name is older than its parts
    int(r, "fragmentation.bytes", whole.1);
}

/// Fields of MEMORY STATS besides the databases.
const FIELDS: usize = 27;

/// Below this, ratios mean nothing.
const LITTLE: u64 = 5 << 20;
/// Waste of fewer bytes is not worth a word.
const WASTE_MIN: i64 = 10 << 20;
/// Bytes of buffers that a client may have on average.
const CLIENT_MAX: u64 = 200 << 10;

const EMPTY: &str = "Hi Sam, this instance holds next to nothing, so there is nothing that I could diagnose. \
    Fill it with data, and ask me again: I will still be here.\n";
const HEALTHY: &str = "Hi Sam, I looked everywhere and found no memory issue in this instance. Carry on.\n";

/// `MEMORY DOCTOR`: Redis's rules, for what exists here.
fn doctor(f: &Figures) -> String {
    if f.used < LITTLE {
        return EMPTY.to_owned();
    }
    let [allocator_frag, allocator_rss, rss_overhead, whole] = f.fragmentation();
    let wasteful = |(ratio, bytes): (f64, i64), ratio_max: f64| ratio > ratio_max && bytes > WASTE_MIN;
    let found = [
        (f.peak > f.used + f.used / 2, PEAK),
        (wasteful(whole, 1.4), RSS),
        (wasteful(allocator_frag, 1.1), FRAGMENTATION),
        (wasteful(allocator_rss, 1.1), ALLOCATOR_RSS),
        (wasteful(rss_overhead, 1.1), PROCESS_RSS),
        (f.client_buffers / f.clients.max(1) > CLIENT_MAX, CLIENT_BUFFERS),
    ];
    let issues: Vec<&str> = found.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
    if issues.is_empty() {
        return HEALTHY.to_owned();
    }
    format!("Sam, I found something in the memory of this instance:\n\n{}", issues.concat())
}

const PEAK: &str = " * Peak memory: this instance once used more than 150% of what it uses now. Pages of that time may \
    still be held for new data, so that the process looks larger than its data; this is harmless, and they are \
    the first to be used again. MEMORY PURGE asks for them back.\n\n";
const RSS: &str = " * High total RSS: the process takes more than 1.4 times the memory of what it has allocated. After \
    a peak (see above) that is to be expected; otherwise the sizes of values have changed so that blocks of the \
    old sizes lie unused. MEMORY MALLOC-STATS tells more about the allocator, MEMORY PURGE makes it tidy up.\n\n";
const FRAGMENTATION: &str = " * High allocator fragmentation: the allocator holds more than 1.1 times the pages that its \
    blocks need. This comes from a peak, or from values whose sizes change. There is no active \
    defragmentation; MEMORY PURGE gives back pages that are wholly free.\n\n";
const ALLOCATOR_RSS: &str = " * High allocator RSS overhead: more than 1.1 times the pages that the allocator holds are \
    resident. These are mostly pages it has freed and the kernel has not taken yet; MEMORY PURGE hurries them.\n\n";
const PROCESS_RSS: &str = " * High process RSS overhead: the process has more than 1.1 times the resident memory of its \
    heap. The rest belongs to files that are mapped, the I/O rings among them.\n\n";
const CLIENT_BUFFERS: &str = " * Big client buffers: clients hold more than 200K of buffers on average. They send or ask for \
    large values or long pipelines, or do not read their replies. CLIENT LIST shows which (qbuf, omem, tot-mem); \
    client-output-buffer-limit sets a limit.\n\n";

#[cfg(test)]
mod tests {
    use super::super::info::report::DbReport;
    use super::*;
    use proto::encode::Resp;

    fn healthy() -> Figures {
        let used = 100 << 20;
        Figures { used, peak: used, active: used, resident: used, rss: used, ..Figures::default() }
    }

    #[test]
    fn the_doctor_finds_what_is_wrong() {
        assert_eq!(doctor(&Figures::default()), EMPTY);
        assert_eq!(doctor(&healthy()), HEALTHY);
        let finds = |f: Figures, what: &str| {
            let text = doctor(&f);
            assert!(text.contains(what), "{what} in {text}");
        };
        finds(Figures { peak: 200 << 20, ..healthy() }, "Peak memory");
        finds(Figures { rss: 200 << 20, ..healthy() }, "High total RSS");
        finds(Figures { active: 120 << 20, ..healthy() }, "High allocator fragmentation");
        finds(Figures { resident: 120 << 20, ..healthy() }, "High allocator RSS");
        finds(Figures { rss: 120 << 20, ..healthy() }, "High process RSS");
        finds(Figures { client_buffers: 1 << 20, clients: 2, ..healthy() }, "Big client buffers");
    }

    #[test]
    fn stats_have_as_many_fields_as_they_say() {
        let db = DbReport { keys: 4, expires: 1, average_ttl_ms: 9, field_expires: 0, table_bytes: 50 };
        let figures = Figures { dbs: vec![(0, db), (3, db)], keys: 8, ..healthy() };
        for resp in [Resp::V2, Resp::V3] {
            let mut out = Vec::new();
            stats(&figures, &mut Reply::new(&mut out, resp));
            assert_eq!(proto::reply::reply_len(&out), Some(out.len()), "one whole reply");
            let text = String::from_utf8_lossy(&out).into_owned();
            assert!(text.contains("db.3\r\n") && text.contains("keys.count\r\n:8\r\n"), "{text}");
        }
    }
}
