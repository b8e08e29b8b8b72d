//! What code sees of the configuration: typed fields, made afresh from a [`Config`] after each
//! change and shared behind an `Arc`. Only directives that the server really uses are here.
//!
//! A field's type is that of its row's kind; a row of another kind is a programming error, which
//! `settings_read_every_field` finds.

use super::choices::*;
use super::special::{OutputLimit, SavePoint};
use super::{Config, Id, Value};
use crate::id;
use persist::rdb::Target;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The configuration as code uses it. Sizes are in bytes unless the name says otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// 0 is one per CPU.
    pub shards: usize,
    /// As given; empty is the affinity mask. See [`units::cpu_list`](super::units::cpu_list).
    pub cpus: String,
    pub io: IoBackend,

    pub bind: Vec<String>,
    /// 0 listens on no TCP socket.
    pub port: u16,
    pub protected_mode: bool,
    pub tcp_backlog: i32,
    pub unixsocket: Option<PathBuf>,
    /// 0 leaves the permissions to the umask.
    pub unixsocketperm: u32,
    pub unixsocketgroup: Option<String>,
    /// 0 never times out.
    pub timeout_seconds: u64,
    /// 0 sends no probes.
    pub tcp_keepalive_seconds: u32,
    pub socket_mark_id: u32,

    pub daemonize: bool,
    pub supervised: Supervised,
    pub pidfile: Option<PathBuf>,
    pub databases: usize,
    pub always_show_logo: bool,
    pub set_proc_title: bool,
    pub proc_title_template: String,
    pub dir: PathBuf,
    /// From 1 to 500 a second.
    pub hz: u32,
    pub dynamic_hz: bool,

    pub loglevel: LogLevel,
    /// None is standard output.
    pub logfile: Option<PathBuf>,
    pub syslog_enabled: bool,
    pub syslog_ident: String,
    pub syslog_facility: SyslogFacility,
    pub crash_log_enabled: bool,

    pub rdb_compression: bool,
    pub rdb_checksum: bool,
    pub rdb_version: RdbVersion,
    /// In `dir`.
    pub dbfilename: PathBuf,
    pub stop_writes_on_bgsave_error: bool,
    pub snapshot_buffer_limit: usize,
    /// Negative: a moment after every so many keys.
    pub key_load_delay_us: i64,
    pub save: Vec<SavePoint>,
    /// Bits of `SHUTDOWN_*`; 0 is the default.
    pub shutdown_on_sigint: u32,
    /// Bits of `SHUTDOWN_*`; 0 is the default.
    pub shutdown_on_sigterm: u32,
    pub shutdown_timeout_seconds: u64,

    /// Empty is no password.
    pub requirepass: Vec<u8>,
    pub enable_protected_configs: ProtectedAction,
    pub enable_debug_command: ProtectedAction,
    /// Old name, new name; an empty new name removes the command.
    pub rename_command: Vec<(Vec<u8>, Vec<u8>)>,

    pub maxclients: u32,
    /// By class: [`special::NORMAL`](super::special::NORMAL) and so on.
    pub client_output_buffer_limit: [OutputLimit; 3],
    pub client_query_buffer_limit: usize,
    /// Bytes that the subscriptions of one client may take; 0 is no limit.
    pub client_subscriptions_limit: u64,
    pub proto_max_bulk_len: usize,

    /// 0 is no limit.
    pub maxmemory: u64,
    pub maxmemory_policy: EvictionPolicy,
    pub maxmemory_samples: u32,
    pub maxmemory_eviction_tenacity: u32,
    pub lfu_log_factor: u32,
    pub lfu_decay_time_minutes: u32,
    pub disable_thp: bool,
    pub thresholds: shard::Thresholds,

    pub lazyfree_lazy_eviction: bool,
    pub lazyfree_lazy_expire: bool,
    pub lazyfree_lazy_server_del: bool,
    pub lazyfree_lazy_user_del: bool,
    pub lazyfree_lazy_user_flush: bool,
    /// From 1 to 10.
    pub active_expire_effort: u32,

    /// -1 keeps no command.
    pub slowlog_log_slower_than_us: i64,
    pub slowlog_max_len: usize,
    /// 0 keeps nothing.
    pub latency_monitor_threshold_ms: u64,
    pub latency_tracking: bool,
    pub latency_tracking_info_percentiles: Vec<f64>,
    /// 0 never answers BUSY.
    pub busy_reply_threshold_ms: u64,

    pub oom_score_adj: u32,
    pub oom_score_adj_values: [i32; 3],
    /// Bits of the classes, as [`special::read_events`](super::special::read_events) gives them.
    pub notify_keyspace_events: u16,
    pub ignore_warnings: String,
}

impl Settings {
    /// The version that snapshots are written for.
    #[must_use]
    pub fn rdb_target(&self) -> Target {
        self.rdb_version.word().parse().ok().and_then(Target::version).unwrap_or(Target::AUTO)
    }
}

impl Config {
    /// The values as code uses them.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            shards: self.int(id!("shards")) as usize,
            cpus: self.string(id!("cpus")),
            io: IoBackend::from_number(self.number(id!("io"))),

            bind: self.addresses(id!("bind")),
            port: self.int(id!("port")) as u16,
            protected_mode: self.bool(id!("protected-mode")),
            tcp_backlog: self.int(id!("tcp-backlog")) as i32,
            unixsocket: self.path(id!("unixsocket")),
            unixsocketperm: self.int(id!("unixsocketperm")) as u32,
            unixsocketgroup: Some(self.string(id!("unixsocketgroup"))).filter(|s| !s.is_empty()),
            timeout_seconds: self.unsigned(id!("timeout")),
            tcp_keepalive_seconds: self.int(id!("tcp-keepalive")) as u32,
            socket_mark_id: self.int(id!("socket-mark-id")) as u32,

            daemonize: self.bool(id!("daemonize")),
            supervised: Supervised::from_number(self.number(id!("supervised"))),
            pidfile: self.path(id!("pidfile")),
            databases: self.int(id!("databases")) as usize,
            always_show_logo: self.bool(id!("always-show-logo")),
            set_proc_title: self.bool(id!("set-proc-title")),
            proc_title_template: self.string(id!("proc-title-template")),
            dir: self.dir().to_owned(),
            hz: self.int(id!("hz")) as u32,
            dynamic_hz: self.bool(id!("dynamic-hz")),

            loglevel: LogLevel::from_number(self.number(id!("loglevel"))),
            logfile: self.path(id!("logfile")),
            syslog_enabled: self.bool(id!("syslog-enabled")),
            syslog_ident: self.string(id!("syslog-ident")),
            syslog_facility: SyslogFacility::from_number(self.number(id!("syslog-facility"))),
            crash_log_enabled: self.bool(id!("crash-log-enabled")),

            save: self.save_points(),
            rdb_compression: self.bool(id!("rdbcompression")),
            rdb_checksum: self.bool(id!("rdbchecksum")),
            rdb_version: RdbVersion::from_number(self.number(id!("rdb-version"))),
            dbfilename: self.path(id!("dbfilename")).unwrap_or_default(),
            stop_writes_on_bgsave_error: self.bool(id!("stop-writes-on-bgsave-error")),
            snapshot_buffer_limit: self.size(id!("snapshot-buffer-limit")) as usize,
            key_load_delay_us: self.int(id!("key-load-delay")),
            shutdown_on_sigint: self.number(id!("shutdown-on-sigint")),
            shutdown_on_sigterm: self.number(id!("shutdown-on-sigterm")),
            shutdown_timeout_seconds: self.unsigned(id!("shutdown-timeout")),

            requirepass: self.text(id!("requirepass")).to_vec(),
            enable_protected_configs: ProtectedAction::from_number(
                self.number(id!("enable-protected-configs")),
            ),
            enable_debug_command: ProtectedAction::from_number(self.number(id!("enable-debug-command"))),
            rename_command: self.renames.clone(),

            maxclients: self.int(id!("maxclients")) as u32,
            client_output_buffer_limit: self.limits(id!("client-output-buffer-limit")),
            client_query_buffer_limit: self.size(id!("client-query-buffer-limit")) as usize,
            client_subscriptions_limit: self.size(id!("client-subscriptions-limit")),
            proto_max_bulk_len: self.size(id!("proto-max-bulk-len")) as usize,

            maxmemory: self.size(id!("maxmemory")),
            maxmemory_policy: EvictionPolicy::from_number(self.number(id!("maxmemory-policy"))),
            maxmemory_samples: self.int(id!("maxmemory-samples")) as u32,
            maxmemory_eviction_tenacity: self.int(id!("maxmemory-eviction-tenacity")) as u32,
            lfu_log_factor: self.int(id!("lfu-log-factor")) as u32,
            lfu_decay_time_minutes: self.int(id!("lfu-decay-time")) as u32,
            disable_thp: self.bool(id!("disable-thp")),
            thresholds: self.thresholds(),

            lazyfree_lazy_eviction: self.bool(id!("lazyfree-lazy-eviction")),
            lazyfree_lazy_expire: self.bool(id!("lazyfree-lazy-expire")),
            lazyfree_lazy_server_del: self.bool(id!("lazyfree-lazy-server-del")),
            lazyfree_lazy_user_del: self.bool(id!("lazyfree-lazy-user-del")),
            lazyfree_lazy_user_flush: self.bool(id!("lazyfree-lazy-user-flush")),
            active_expire_effort: self.int(id!("active-expire-effort")) as u32,

            slowlog_log_slower_than_us: self.int(id!("slowlog-log-slower-than")),
            slowlog_max_len: self.int(id!("slowlog-max-len")) as usize,
            latency_monitor_threshold_ms: self.unsigned(id!("latency-monitor-threshold")),
            latency_tracking: self.bool(id!("latency-tracking")),
            latency_tracking_info_percentiles: self.percentiles(id!("latency-tracking-info-percentiles")),
            busy_reply_threshold_ms: self.unsigned(id!("busy-reply-threshold")),

            oom_score_adj: self.number(id!("oom-score-adj")),
            oom_score_adj_values: self.scores(id!("oom-score-adj-values")),
            notify_keyspace_events: self.events(id!("notify-keyspace-events")),
            ignore_warnings: self.string(id!("ignore-warnings")),
        }
    }

    fn thresholds(&self) -> shard::Thresholds {
        let count = |id| usize::try_from(self.int(id)).unwrap_or(usize::MAX);
        let bytes = |id| usize::try_from(self.size(id)).unwrap_or(usize::MAX);
        shard::Thresholds {
            hash_max_listpack_entries: count(id!("hash-max-listpack-entries")),
            hash_max_listpack_value: bytes(id!("hash-max-listpack-value")),
            list_max_listpack_size: self.int(id!("list-max-listpack-size")) as i32,
            list_compress_depth: count(id!("list-compress-depth")),
            set_max_intset_entries: count(id!("set-max-intset-entries")),
            set_max_listpack_entries: count(id!("set-max-listpack-entries")),
            set_max_listpack_value: count(id!("set-max-listpack-value")),
            zset_max_listpack_entries: count(id!("zset-max-listpack-entries")),
            zset_max_listpack_value: bytes(id!("zset-max-listpack-value")),
            hll_sparse_max_bytes: bytes(id!("hll-sparse-max-bytes")),
            stream_node_max_bytes: bytes(id!("stream-node-max-bytes")),
            stream_node_max_entries: count(id!("stream-node-max-entries")),
        }
    }

    /// The values again, where a row of another kind would be a mistake in this file.
    fn mismatch(&self, id: Id) {
        debug_assert!(false, "{} is a {:?}", id.row().name, self.value(id));
    }

    fn bool(&self, id: Id) -> bool {
        match self.value(id) {
            Value::Bool(on) => return *on,
            _ => self.mismatch(id),
        }
        false
    }

    fn int(&self, id: Id) -> i64 {
        match self.value(id) {
            Value::Int(n) => return *n,
            _ => self.mismatch(id),
        }
        0
    }

    /// A number that its row keeps from being negative.
    fn unsigned(&self, id: Id) -> u64 {
        u64::try_from(self.int(id)).unwrap_or(0)
    }

    fn size(&self, id: Id) -> u64 {
        match self.value(id) {
            Value::Size(n) => return *n,
            _ => self.mismatch(id),
        }
        0
    }

    fn number(&self, id: Id) -> u32 {
        match self.value(id) {
            Value::Choice(n) | Value::Flags(n) => return *n,
            _ => self.mismatch(id),
        }
        0
    }

    fn text(&self, id: Id) -> &[u8] {
        match self.value(id) {
            Value::Text(text) => return text,
            _ => self.mismatch(id),
        }
        &[]
    }

    fn string(&self, id: Id) -> String {
        String::from_utf8_lossy(self.text(id)).into_owned()
    }

    /// A path, relative ones from the working directory; None if not given.
    fn path(&self, id: Id) -> Option<PathBuf> {
        let text = self.text(id);
        (!text.is_empty()).then(|| self.dir().join(OsString::from_vec(text.to_vec())))
    }

    fn addresses(&self, id: Id) -> Vec<String> {
        let text = |address: &Vec<u8>| String::from_utf8_lossy(address).into_owned();
        match self.value(id) {
            Value::Bind(list) => return list.iter().map(text).collect(),
            _ => self.mismatch(id),
        }
        Vec::new()
    }

    fn save_points(&self) -> Vec<SavePoint> {
        match self.value(id!("save")) {
            Value::Save(points) => return points.clone(),
            _ => self.mismatch(id!("save")),
        }
        Vec::new()
    }

    fn limits(&self, id: Id) -> [OutputLimit; 3] {
        match self.value(id) {
            Value::Limits(limits) => return *limits,
            _ => self.mismatch(id),
        }
        Default::default()
    }

    fn events(&self, id: Id) -> u16 {
        match self.value(id) {
            Value::Notify(bits) => return *bits,
            _ => self.mismatch(id),
        }
        0
    }

    fn percentiles(&self, id: Id) -> Vec<f64> {
        match self.value(id) {
            Value::Percentiles(list) => return list.clone(),
            _ => self.mismatch(id),
        }
        Vec::new()
    }

    fn scores(&self, id: Id) -> [i32; 3] {
        match self.value(id) {
            Value::Oom(scores) => return *scores,
            _ => self.mismatch(id),
        }
        [0; 3]
    }
}

impl Default for Settings {
    /// Every directive at its default, in the directory `.`.
    fn default() -> Self {
        Config::new(std::path::Path::new(".")).settings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_every_field() {
        let settings = Settings::default();
        assert_eq!(settings.port, 6379);
        assert_eq!(settings.bind, ["*", "-::*"]);
        assert_eq!(settings.maxclients, 10000);
        assert_eq!(settings.proto_max_bulk_len, 512 << 20);
        assert_eq!(settings.maxmemory_policy, EvictionPolicy::NoEviction);
        assert_eq!(settings.loglevel, LogLevel::Notice);
        assert_eq!(settings.save.len(), 3);
        assert_eq!(settings.client_output_buffer_limit[1].soft_bytes, 64 << 20);
        assert_eq!((settings.logfile, settings.pidfile), (None, None));
    }
}
