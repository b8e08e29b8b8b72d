//! INFO's sections on what was done: Persistence, Stats, Commandstats, Errorstats, Latencystats.

use super::View;
use super::text::{Text, ratio, safe, short};
use crate::samples::Metric;
use crate::stats::{CommandCounters, CoreStats, Counter};
use hdrhistogram::Histogram;
use proto::command::ALL_COMMANDS;
use shard::pubsub::Kind;

/// Snapshots; of the append-only file what a Redis shows that has none. Copy-on-write are bytes that a writer had to
/// save before it changed them.
pub fn persistence(view: &View<'_>, out: &mut Text) {
    let save = view.shared.saves.view(view.shared.sum(|s| &s.dirty));
    let loading = &view.shared.loading;
    out.field("loading", u8::from(loading.is_active()));
    out.zeros(&["async_loading"]);
    out.field("current_cow_peak", save.current_by_writers);
    out.field("current_cow_size", save.current_by_writers);
    out.zeros(&["current_cow_size_age"]);
    let done = if save.keys == 0 { 0.0 } else { 100.0 * save.keys_done as f64 / save.keys as f64 };
    out.field("current_fork_perc", format_args!("{done:.2}"));
    out.field("current_save_keys_processed", save.keys_done);
    out.field("current_save_keys_total", save.keys);
    out.field("rdb_changes_since_last_save", save.changes);
    out.field("rdb_bgsave_in_progress", u8::from(save.in_progress));
    out.field("rdb_last_save_time", save.last_time);
    out.field("rdb_last_bgsave_status", if save.last_is_ok { "ok" } else { "err" });
    out.field("rdb_last_bgsave_time_sec", save.last_seconds);
    out.field("rdb_current_bgsave_time_sec", save.current_seconds);
    out.field("rdb_saves", save.saves);
    out.field("rdb_last_cow_size", save.last_by_writers);
    loading.info_of_last(out);
    out.zeros(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]);
    out.field("aof_last_rewrite_time_sec", -1);
    out.field("aof_current_rewrite_time_sec", -1);
    out.field("aof_last_bgrewrite_status", "ok");
    out.zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    out.field("aof_last_write_status", "ok");
    out.zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
    loading.info(view.now.unix_us / 1_000_000, out);
}

/// Counters since the start or the last CONFIG RESETSTAT, and rates.
pub fn stats(view: &View<'_>, out: &mut Text) {
    traffic(view, out);
    keys(view, out);
    let subscribed = |kind| view.shared.subscriptions.len(kind);
    out.field("pubsub_channels", subscribed(Kind::Channel));
    out.field("pubsub_patterns", subscribed(Kind::Pattern));
    out.field("pubsubshard_channels", subscribed(Kind::ShardChannel));
    out.zeros(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
    ]);
    let shared = view.shared;
    out.field("total_error_replies", shared.sum(|s| &s.error_replies));
    out.field("dump_payload_sanitizations", 0);
    out.field("total_reads_processed", shared.sum(|s| &s.reads));
    out.field("total_writes_processed", shared.sum(|s| &s.writes));
    out.zeros(&["io_threaded_reads_processed", "io_threaded_writes_processed"]);
    out.field("client_query_buffer_limit_disconnections", shared.sum(|s| &s.query_limit_disconnections));
    out.field("client_output_buffer_limit_disconnections", shared.sum(|s| &s.output_limit_disconnections));
    out.zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    turns(view, out);
    out.zeros(&[
        "acl_access_denied_auth",
        "acl_access_denied_cmd",
        "acl_access_denied_key",
        "acl_access_denied_channel",
    ]);
}

fn traffic(view: &View<'_>, out: &mut Text) {
    let shared = view.shared;
    let kbps = |metric| format!("{:.2}", shared.samples.rate(metric) as f64 / 1024.0);
    out.field("total_connections_received", shared.sum(|s| &s.connections_received));
    out.field("total_commands_processed", shared.sum(|s| &s.commands_processed));
    out.field("instantaneous_ops_per_sec", shared.samples.rate(Metric::Commands));
    out.field("total_net_input_bytes", shared.sum(|s| &s.net_input_bytes));
    out.field("total_net_output_bytes", shared.sum(|s| &s.net_output_bytes));
    out.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    out.field("instantaneous_input_kbps", kbps(Metric::InputBytes));
    out.field("instantaneous_output_kbps", kbps(Metric::OutputBytes));
    out.field("instantaneous_input_repl_kbps", "0.00");
    out.field("instantaneous_output_repl_kbps", "0.00");
    out.field("rejected_connections", shared.sum(|s| &s.connections_rejected));
    out.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
}

fn keys(view: &View<'_>, out: &mut Text) {
    let shared = view.shared;
    let sum = |of: fn(&shard::Stats) -> u64| view.cores.iter().map(|c| of(&c.shard)).sum::<u64>();
    let stale: f64 = view.cores.iter().map(|c| c.shard.expired_stale_percent).sum();
    out.field("expired_keys", sum(|s| s.expired_keys));
    out.field("expired_subkeys", sum(|s| s.expired_fields));
    out.field("expired_stale_perc", format_args!("{:.2}", stale / view.cores.len().max(1) as f64));
    out.field("expired_time_cap_reached_count", shared.sum(|s| &s.expired_time_cap_reached));
    out.field("expire_cycle_cpu_milliseconds", shared.sum(|s| &s.expire_nanos) / 1_000_000);
    out.field("evicted_keys", sum(|s| s.evicted_keys));
    out.zeros(&["evicted_clients", "total_eviction_exceeded_time", "current_eviction_exceeded_time"]);
    out.field("keyspace_hits", sum(|s| s.keyspace_hits));
    out.field("keyspace_misses", sum(|s| s.keyspace_misses));
}

/// The cores' loops: sums, and rates of one core on average.
fn turns(view: &View<'_>, out: &mut Text) {
    let shared = view.shared;
    let commands_ns: u64 = shared.stats.iter().flat_map(|s| &s.commands).map(|c| c.nanos.get()).sum();
    let turns_a_second = shared.samples.rate(Metric::Turns);
    let turn_ns = shared.samples.rate(Metric::BusyNanos) / turns_a_second.max(1);
    out.field("eventloop_cycles", shared.sum(|s| &s.turns));
    out.field("eventloop_duration_sum", shared.sum(|s| &s.busy_nanos) / 1000);
    out.field("eventloop_duration_cmd_sum", commands_ns / 1000);
    out.field("instantaneous_eventloop_cycles_per_sec", turns_a_second / shared.cores() as u64);
    out.field("instantaneous_eventloop_duration_usec", turn_ns / 1000);
}

/// What only those ask for who look into the loop itself; in no group of sections, as in Redis.
pub fn debug(view: &View<'_>, out: &mut Text) {
    let shared = view.shared;
    let largest =
        |of: fn(&CoreStats) -> &Counter| shared.stats.iter().map(|s| of(s).get()).max().unwrap_or(0);
    out.field("eventloop_duration_aof_sum", 0);
    out.field("eventloop_duration_cron_sum", shared.sum(|s| &s.cron_nanos) / 1000);
    out.field("eventloop_duration_max", largest(|s| &s.turn_nanos_max) / 1000);
    out.field("eventloop_cmd_per_cycle_max", largest(|s| &s.batch_max));
}

/// Every command that was called or refused.
pub fn commandstats(view: &View<'_>, out: &mut Text) {
    for &id in ALL_COMMANDS {
        let all = view.shared.stats.iter().map(|s| &s.commands[id as usize]);
        if let Some(line) = command_line(all) {
            out.field(&format!("cmdstat_{}", id.full_name()), line);
        }
    }
}

fn command_line<'a>(cores: impl Iterator<Item = &'a CommandCounters> + Clone) -> Option<String> {
    let sum = |of: fn(&CommandCounters) -> &Counter| cores.clone().map(|c| of(c).get()).sum::<u64>();
    let (calls, rejected, failed) = (sum(|c| &c.calls), sum(|c| &c.rejected), sum(|c| &c.failed));
    if calls + rejected + failed == 0 {
        return None;
    }
    let micros = sum(|c| &c.nanos) / 1000;
    let each = ratio(sum(|c| &c.nanos), calls) / 1000.0;
    Some(format!(
        "calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={rejected},failed_calls={failed}"
    ))
}

/// Errors by their first word.
pub fn errorstats(view: &View<'_>, out: &mut Text) {
    for (kind, count) in view.shared.errors.all() {
        out.field(&format!("errorstat_{}", safe(&kind)), format_args!("count={count}"));
    }
}

/// Percentiles of the commands' times, while `latency-tracking` is on.
pub fn latencystats(view: &View<'_>, out: &mut Text) {
    if !view.settings.latency_tracking {
        return;
    }
    for &id in ALL_COMMANDS {
        if let Some(h) = view.histograms.get(&(id as usize)) {
            let name = format!("latency_percentiles_usec_{}", id.full_name());
            out.field(&name, percentiles(h, &view.settings.latency_tracking_info_percentiles));
        }
    }
}

/// `p50=1.003,p99=…`, in microseconds.
fn percentiles(h: &Histogram<u64>, wanted: &[f64]) -> String {
    let one = |&p: &f64| {
        let micros = h.value_at_quantile(p / 100.0) as f64 / 1000.0;
        format!("p{}={micros:.3}", short(p))
    };
    wanted.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::empty;

    #[test]
    fn a_line_a_command() {
        let (a, b) = (CommandCounters::default(), CommandCounters::default());
        assert_eq!(command_line([&a, &b].into_iter()), None);
        b.rejected.add(1);
        let refused = "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0";
        assert_eq!(command_line([&a, &b].into_iter()).as_deref(), Some(refused));
        a.calls.add(2);
        a.nanos.add(1900);
        b.calls.add(2);
        b.nanos.add(200);
        b.failed.add(1);
        let both = "calls=4,usec=2,usec_per_call=0.53,rejected_calls=1,failed_calls=1";
        assert_eq!(command_line([&a, &b].into_iter()).as_deref(), Some(both));
    }

    #[test]
    fn percentiles_in_microseconds() {
        let mut h = empty();
        for nanos in [1000, 1000, 1000, 50_000_000] {
            h.record(nanos).unwrap();
        }
        let line = percentiles(&h, &[0.0, 50.0, 99.9]);
        assert_eq!(line, "p0=1.000,p50=1.003,p99.9=50069.503");
    }
}
