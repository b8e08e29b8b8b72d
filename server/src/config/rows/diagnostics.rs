//! Measuring, the process's standing with the kernel, and directives that only tests use.

use crate::config::row::*;

const THREAD_PER_CORE: &str = "there is one thread per CPU; see 'shards' and 'cpus'";
const NO_CHILD: &str = "no child process is ever forked";
const TEST_ONLY: &str = "it is a test hook of Redis's own internals";

pub const ROWS: &[Directive] = &[
    int(
        "slowlog-log-slower-than",
        -1,
        i64::MAX,
        "10000",
        "Microseconds above which a command is kept in the slow log. 0 keeps all, -1 none.",
    ),
    int("slowlog-max-len", 0, i64::MAX, "128", "Commands that the slow log remembers."),
    int(
        "latency-monitor-threshold",
        0,
        i64::MAX,
        "0",
        "Milliseconds above which an event is kept for LATENCY. 0 keeps none.",
    ),
    yes_no("latency-tracking", "yes", "Keep a histogram of each command's latency."),
    other(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        "Percentiles that INFO shows of each command's latency.",
    ),
];

pub const PROCESS: &[Directive] = &[
    choice(
        "oom-score-adj",
        crate::config::choices::OOM_SCORE_ADJ,
        "no",
        "Set how readily the kernel kills this process when memory runs out: no, relative (or yes) to its value at start, or absolute.",
    ),
    other(
        "oom-score-adj-values",
        Kind::OomValues,
        "0 200 800",
        "The scores: of a primary, of a replica, and of a child process.",
    ),
    text("ignore-warnings", "", "Names of start-up checks whose warning is not to stop the start."),
    int("io-threads", 1, 128, "1", "Threads that read and write for clients.")
        .fixed()
        .no_effect(THREAD_PER_CORE),
    yes_no("io-threads-do-reads", "no", "Let those threads read as well.").fixed().no_effect(THREAD_PER_CORE),
    optional("server_cpulist", "CPUs of the main thread.")
        .also(&["server-cpulist"])
        .fixed()
        .no_effect(THREAD_PER_CORE),
    optional("bio_cpulist", "CPUs of the background threads.")
        .also(&["bio-cpulist"])
        .fixed()
        .no_effect(THREAD_PER_CORE),
    optional("aof_rewrite_cpulist", "CPUs of the child that rewrites the append-only file.")
        .also(&["aof-rewrite-cpulist"])
        .fixed()
        .no_effect(NO_CHILD),
    optional("bgsave_cpulist", "CPUs of the child that saves a snapshot.")
        .also(&["bgsave-cpulist"])
        .fixed()
        .no_effect(NO_CHILD),
];

/// Hidden: CONFIG GET answers them by their exact name only.
pub const TESTING: &[Directive] = &[
    yes_no("use-exit-on-panic", "no", "Exit instead of aborting after a crash report.")
        .hidden()
        .no_effect(TEST_ONLY),
    int("rdb-key-save-delay", i32::MIN as i64, INT_MAX, "0", "Microseconds to wait after saving a key.")
        .hidden()
        .no_effect(TEST_ONLY),
    int(
        "key-load-delay",
        i32::MIN as i64,
        INT_MAX,
        "0",
        "Microseconds to wait after loading a key; -n waits a moment after every n-th.",
    )
    .hidden(),
    int("watchdog-period", 0, INT_MAX, "0", "Milliseconds after which a stuck command is reported.")
        .hidden()
        .no_effect(TEST_ONLY),
    int(
        "loading-process-events-interval-bytes",
        1024,
        INT_MAX,
        "2097152",
        "Bytes loaded between looks at clients.",
    )
    .hidden()
    .no_effect(TEST_ONLY),
    int("cluster-ping-interval", 0, i64::MAX, "1000", "Milliseconds between pings on the cluster bus.")
        .hidden()
        .no_effect(TEST_ONLY),
    yes_no("enable-debug-assert", "no", "Check assertions that are too slow for every day.")
        .fixed()
        .hidden()
        .no_effect(TEST_ONLY),
    text("debug-context", "", "Text that a crash report repeats.").hidden().no_effect(TEST_ONLY),
];
