//! INFO's sections on the process and its surroundings: Server, Clients, Replication, CPU.

use super::View;
use super::text::{Text, seconds};
use crate::config::choices::Supervised;
use crate::config::{Settings, Value};
use crate::id;
use crate::shared::Shared;
use crate::usage::{CpuTime, Whose, cpu_time};
use crate::version;
use std::sync::atomic::Ordering;

/// What the process is, where it runs, since when.
pub fn server(view: &View<'_>, out: &mut Text) {
    let (shared, settings) = (view.shared, view.settings);
    out.field("redis_version", version::REDIS);
    out.field("server_name", version::NAME);
    out.field("percore_version", version::PERCORE);
    out.field("redis_git_sha1", "00000000");
    out.field("redis_git_dirty", 0);
    out.field("redis_build_id", "0000000000000000");
    out.field("redis_mode", "standalone");
    out.field("os", os());
    out.field("arch_bits", usize::BITS);
    out.field("monotonic_clock", "POSIX clock_gettime");
    out.field("multiplexing_api", shared.io_name);
    out.field("atomicvar_api", "c11-builtin");
    out.field("gcc_version", "0.0.0"); // as in a Redis that another compiler has built
    out.field("process_id", std::process::id());
    out.field("process_supervised", supervisor(settings.supervised));
    out.field("run_id", &shared.run_id);
    out.field("tcp_port", shared.port.load(Ordering::Relaxed));
    out.field("server_time_usec", view.now.unix_us);
    let uptime_s = (view.now.unix_ms() - shared.started_unix_ms).max(0) / 1000;
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / 86_400);
    out.field("hz", settings.hz);
    out.field("configured_hz", settings.hz);
    out.field("lru_clock", (view.now.unix_us / 1_000_000) & LRU_CLOCK_MAX);
    out.field("executable", &shared.executable);
    out.field(
        "config_file",
        shared.config_file.as_ref().map_or_else(String::new, |f| f.display().to_string()),
    );
    out.field("io_threads_active", 0);
    listeners(settings, shared.port.load(Ordering::Relaxed), out);
}

/// The LRU clock has 24 bits.
const LRU_CLOCK_MAX: i64 = (1 << 24) - 1;

fn os() -> String {
    let name = rustix::system::uname();
    let parts = [name.sysname(), name.release(), name.machine()].map(|p| p.to_string_lossy().into_owned());
    parts.join(" ")
}

/// The supervisor that was found at the start, by the variables it sets.
fn supervisor(configured: Supervised) -> &'static str {
    let set = |name| std::env::var_os(name).is_some();
    match configured {
        Supervised::Upstart | Supervised::Auto if set("UPSTART_JOB") => "upstart",
        Supervised::Systemd | Supervised::Auto if set("NOTIFY_SOCKET") => "systemd",
        _ => "no",
    }
}

fn listeners(settings: &Settings, port: u16, out: &mut Text) {
    let mut n = 0;
    if port != 0 {
        let binds: String = settings.bind.iter().map(|address| format!(",bind={address}")).collect();
        out.field("listener0", format_args!("name=tcp{binds},port={port}"));
        n = 1;
    }
    if let Some(path) = &settings.unixsocket {
        out.field(&format!("listener{n}"), format_args!("name=unix,bind={}", path.display()));
    }
}

/// Who is connected, and the largest buffers among them.
pub fn clients(view: &View<'_>, out: &mut Text) {
    let shared = view.shared;
    let largest = |of: fn(&crate::stats::CoreStats) -> u64| shared.stats.iter().map(of).max().unwrap_or(0);
    out.field("connected_clients", shared.clients_total());
    out.field("cluster_connections", 0);
    out.field("maxclients", view.settings.maxclients);
    out.field("client_recent_max_input_buffer", largest(|s| s.query_buffer_max.get()));
    out.field("client_recent_max_output_buffer", largest(|s| s.output_buffer_max.get()));
    out.field("blocked_clients", shared.sum(|s| &s.blocked_clients));
    out.field("tracking_clients", 0);
    out.field("pubsub_clients", shared.sum(|s| &s.pubsub_clients));
    out.zeros(&["clients_in_timeout_table"]);
    out.field("total_blocking_keys", shared.sum(|s| &s.blocking_keys));
    out.field("total_blocking_keys_on_nokey", shared.sum(|s| &s.blocking_keys_on_loss));
}

/// A master without replicas.
pub fn replication(view: &View<'_>, out: &mut Text) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    // As unique as the id of a history of writes has to be; there is one history in a run so far.
    out.field("master_replid", &view.shared.run_id);
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", 0);
    out.field("second_repl_offset", -1);
    out.field("repl_backlog_active", 0);
    out.field("repl_backlog_size", backlog_size(view.shared));
    out.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

fn backlog_size(shared: &Shared) -> u64 {
    match shared.config().value(id!("repl-backlog-size")) {
        Value::Size(bytes) => *bytes,
        _ => 0,
    }
}

/// Processor time. What Redis says of its main thread, the one that runs commands, is said of all
/// threads that do so here.
pub fn cpu(view: &View<'_>, out: &mut Text) {
    let cores = view.cores.iter().fold(CpuTime::default(), |sum, c| sum + c.cpu);
    let times =
        [("", cpu_time(Whose::Process)), ("_children", cpu_time(Whose::Children)), ("_main_thread", cores)];
    for (suffix, time) in times {
        out.field(&format!("used_cpu_sys{suffix}"), seconds(time.system_us));
        out.field(&format!("used_cpu_user{suffix}"), seconds(time.user_us));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_numbered() {
        let mut settings = Settings { unixsocket: Some("/run/p.sock".into()), ..Settings::default() };
        settings.bind = vec!["127.0.0.1".into(), "-::1".into()];
        let text = |port| {
            let mut out = Text::default();
            listeners(&settings, port, &mut out);
            out.end()
        };
        let unix = "name=unix,bind=/run/p.sock\r\n";
        let tcp = "listener0:name=tcp,bind=127.0.0.1,bind=-::1,port=7000\r\n";
        assert_eq!(text(7000), format!("{tcp}listener1:{unix}"));
        assert_eq!(text(0), format!("listener0:{unix}"));
    }
}
