//! INFO: the server in figures, section by section.
//!
//! Most figures are atomics that every core keeps for itself and anybody may read, so that INFO waits for
//! nobody ([`crate::stats`]). Some live inside the cores: keys per database, hits and misses, histograms,
//! a thread's CPU time. For those every core is asked once ([`report`]), and only when a section is wanted that
//! shows them; the answers come when each core ends its turn. The reply is written from all of it at one go:
//!
//! ```text
//!   INFO names -> Selection -+-> no core needed ------------------> write
//!                            +-> ask_all(report of each core) ----> write
//! ```
//!
//! One file a group of sections: [`server`] (Server, Clients, Replication, CPU, Modules, Cluster),
//! [`memory`], [`activity`] (Persistence, Stats, Commandstats, Errorstats, Latencystats), [`keyspace`]
//! (Keyspace, Shards). Field names and their order are Redis 7.2's; what Percore does not have says so with
//! the value a Redis shows that does not use it.

mod activity;
mod keyspace;
pub mod memory;
pub mod report;
mod section;
mod server;
mod text;

use crate::config::Settings;
use crate::core::state::{CoreState, Now};
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::shared::Shared;
use crate::task::Answer;
use proto::args::Args;
use report::{CoreReport, Reports};
use section::{Section, Selection};
use std::sync::Arc;
pub use text::Text;

/// What the sections are written from.
struct View<'a> {
    shared: &'a Shared,
    settings: &'a Settings,
    now: Now,
    /// One a core, in their order; empty when no section needs any.
    cores: &'a [CoreReport],
    histograms: &'a super::latency_command::Merged,
}

/// `INFO [section …]`
pub fn run(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let selection = Selection::new(args.from(1));
    if !selection.asks_cores() {
        return reply(core, id, &selection, &Reports::default());
    }
    let reports = Arc::new(Reports::default());
    let (to, with_histograms) = (reports.clone(), selection.has(Section::Latencystats));
    let run = Arc::new(move |core: &mut CoreState| {
        to.add(core, with_histograms);
        Answer::Nothing
    });
    let finish = move |core: &mut CoreState, id: ConnId, _: Vec<Answer>| {
        reply(core, id, &selection, &reports);
    };
    core.ask_all(id, When::Direct, run, Box::new(finish));
}

fn reply(core: &mut CoreState, id: ConnId, selection: &Selection, reports: &Reports) {
    let mut cores = reports.cores.lock();
    cores.sort_by_key(|r| r.core);
    let view = View {
        shared: &core.shared,
        settings: &core.settings,
        now: core.now,
        cores: &cores,
        histograms: &reports.histograms.lock(),
    };
    let text = write(selection, &view);
    core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
}

fn write(selection: &Selection, view: &View<'_>) -> String {
    let mut out = Text::default();
    for section in selection.sections() {
        out.section(section.title());
        match section {
            Section::Server => server::server(view, &mut out),
            Section::Clients => server::clients(view, &mut out),
            Section::Memory => {
                memory::write(&memory::Figures::gather(view.shared, view.cores), view, &mut out)
            }
            Section::Persistence => activity::persistence(view, &mut out),
            Section::Stats => activity::stats(view, &mut out),
            Section::Replication => server::replication(view, &mut out),
            Section::Cpu => server::cpu(view, &mut out),
            Section::Modules => {}
            Section::Commandstats => activity::commandstats(view, &mut out),
            Section::Errorstats => activity::errorstats(view, &mut out),
            Section::Latencystats => activity::latencystats(view, &mut out),
            Section::Cluster => out.field("cluster_enabled", 0),
            Section::Keyspace => keyspace::keyspace(view.cores, &mut out),
            Section::Shards => keyspace::shards(view, &mut out),
            Section::Internals => activity::debug(view, &mut out),
        }
    }
    out.end()
}

/// `CONFIG RESETSTAT`: counters, rates, error counts and histograms go back to zero, on every core by
/// itself. Replies OK.
pub fn reset_stats(core: &mut CoreState, id: ConnId) {
    core.shared.reset_stats();
    let run = Arc::new(|core: &mut CoreState| {
        reset_core_stats(core);
        Answer::Nothing
    });
    core.ask_all(id, When::Direct, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
}

/// The part of [`reset_stats`] that one core does for itself.
pub fn reset_core_stats(core: &mut CoreState) {
    core.stats().reset();
    core.shard.stats = shard::Stats::default();
    core.histograms.reset_all();
    core.publish();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::shared::Start;
    use proto::args::OwnedArgs;

    fn shared() -> Arc<Shared> {
        Shared::new(Start {
            cores: 2,
            config: Config::new(std::path::Path::new("/")),
            config_file: None,
            hash_seed: 1,
            run_id: "a".repeat(40),
            started_unix_ms: 1_000_000,
            executable: "/bin/p".into(),
            io_name: "epoll",
        })
    }

    fn written(sections: &[&str]) -> String {
        let shared = shared();
        let settings = shared.settings();
        let cores = [CoreReport::default(), CoreReport { core: 1, ..CoreReport::default() }];
        let now = Now { mono_ns: 0, unix_us: 1_090_000_000 };
        let histograms = Default::default();
        let view = View { shared: &shared, settings: &settings, now, cores: &cores, histograms: &histograms };
        write(&Selection::new(OwnedArgs::of(sections).args()), &view)
    }

    #[test]
    fn every_line_is_a_title_or_a_field() {
        let text = written(&["everything"]);
        for line in text.split("\r\n").filter(|l| !l.is_empty() && !l.starts_with("# ")) {
            let (name, _) = line.split_once(':').unwrap_or_else(|| panic!("{line}"));
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{line}"
            );
        }
        let names: Vec<&str> = text.split("\r\n").filter_map(|l| l.split_once(':').map(|f| f.0)).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "no field twice");
    }

    #[test]
    fn sections_are_divided_by_empty_lines() {
        assert_eq!(written(&["cluster", "modules"]), "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n");
        assert_eq!(written(&["nonsense"]), "");
    }

    #[test]
    fn the_server_describes_itself() {
        let text = written(&["server"]);
        for line in
            ["redis_version:7.2.4", "server_name:percore", "multiplexing_api:epoll", "executable:/bin/p"]
        {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
        assert!(
            text.contains("uptime_in_seconds:90\r\n") && text.contains("listener0:name=tcp,bind=*"),
            "{text}"
        );
    }

    #[test]
    fn a_core_forgets_what_it_has_counted() {
        let mut core = CoreState::new(0, shared(), crate::clock::Ticks::still());
        core.shard.stats.keyspace_hits = 5;
        core.histograms.record(proto::command::CommandId::Get, 100);
        core.stats().turns.add(3);
        core.publish();
        assert_eq!(core.stats().keyspace_hits.get(), 5);
        reset_core_stats(&mut core);
        assert_eq!((core.stats().keyspace_hits.get(), core.stats().turns.get()), (0, 0));
        assert!(core.histograms.seen().is_empty());
    }
}
