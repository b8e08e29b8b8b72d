//! Files: snapshots, the append-only file, and what happens at shutdown.

use crate::config::check;
use crate::config::choices::*;
use crate::config::row::*;

const NOT_BUILT: &str = "persistence is not built yet";
const BY_RING: &str = "files are written in slices through the I/O backend";
const ALWAYS_SANITIZED: &str = "payloads and files are always checked in full";

pub const SNAPSHOTS: &[Directive] = &[
    other(
        "save",
        Kind::Save,
        "3600 1 300 100 60 10000",
        "Save a snapshot after so many seconds if at least so many changes were made; several pairs, or '' for none.",
    ),
    yes_no("stop-writes-on-bgsave-error", "yes", "Refuse writes while the last snapshot has failed."),
    yes_no("rdbcompression", "yes", "Compress strings with LZF in the snapshot and in DUMP's payloads."),
    yes_no("rdbchecksum", "yes", "End the snapshot with a checksum, and check it when loading.").fixed(),
    choice(
        "sanitize-dump-payload",
        SANITIZE_PAYLOADS,
        "no",
        "Check every element when loading a snapshot or RESTORE's payload; clients checks what clients send.",
    )
    .no_effect(ALWAYS_SANITIZED),
    other(
        "dbfilename",
        Kind::Text { empty_is_unset: false, check: check::dbfilename },
        "dump.rdb",
        "Name of the snapshot, in 'dir'.",
    )
    .protected(),
    choice(
        "rdb-version",
        RDB_VERSIONS,
        "auto",
        "Version of the format of snapshots: auto is 11, or 12 where hashes have fields that expire; older servers read older ones.",
    ),
    memory(
        "snapshot-buffer-limit",
        1 << 20,
        LONG_MAX,
        "64mb",
        "Bytes of a shard's snapshot that may wait for the disk before its commands wait, too.",
    ),
    yes_no(
        "rdb-del-sync-files",
        "no",
        "Delete the files of a replica's synchronization when nothing else keeps them.",
    )
    .no_effect(NOT_BUILT),
    yes_no("rdb-save-incremental-fsync", "yes", "Sync the snapshot piece by piece while it is written.")
        .no_effect(BY_RING),
];

pub const APPEND_ONLY: &[Directive] = &[
    yes_no("appendonly", "no", "Log every write to the append-only file.")
        .not_while_loading()
        .no_effect(NOT_BUILT),
    other(
        "appendfilename",
        Kind::Text { empty_is_unset: false, check: check::appendfilename },
        "appendonly.aof",
        "Start of the names of the append-only files.",
    )
    .fixed()
    .no_effect(NOT_BUILT),
    other(
        "appenddirname",
        Kind::Text { empty_is_unset: false, check: check::appenddirname },
        "appendonlydir",
        "Directory of the append-only files, in 'dir'.",
    )
    .fixed()
    .no_effect(NOT_BUILT),
    choice(
        "appendfsync",
        APPENDFSYNC,
        "everysec",
        "When the append-only file is synced: always before a reply, everysec, or no (left to the kernel).",
    )
    .no_effect(NOT_BUILT),
    yes_no(
        "no-appendfsync-on-rewrite",
        "no",
        "Do not sync the append-only file while a snapshot is written.",
    )
    .no_effect(NOT_BUILT),
    int(
        "auto-aof-rewrite-percentage",
        0,
        INT_MAX,
        "100",
        "Rewrite the append-only file when it has grown by this much. 0 never does.",
    )
    .no_effect(NOT_BUILT),
    memory(
        "auto-aof-rewrite-min-size",
        0,
        LONG_MAX,
        "64mb",
        "Size below which the append-only file is not rewritten by itself.",
    )
    .no_effect(NOT_BUILT),
    yes_no("aof-load-truncated", "yes", "Start on an append-only file whose end is cut off.")
        .no_effect(NOT_BUILT),
    yes_no("aof-use-rdb-preamble", "yes", "Write the base of the append-only file as a snapshot.")
        .no_effect(NOT_BUILT),
    yes_no(
        "aof-timestamp-enabled",
        "no",
        "Note the time in the append-only file, to recover to a point in time.",
    )
    .no_effect(NOT_BUILT),
    yes_no("aof-rewrite-incremental-fsync", "yes", "Sync a rewrite piece by piece while it is written.")
        .no_effect(BY_RING),
    yes_no("aof-disable-auto-gc", "no", "Keep append-only files that are no longer needed.")
        .hidden()
        .no_effect(NOT_BUILT),
];

pub const SHUTDOWN: &[Directive] = &[
    int(
        "shutdown-timeout",
        0,
        INT_MAX,
        "10",
        "Seconds to wait for replicas that lag behind when shutting down.",
    )
    .no_effect(super::replication::NOT_BUILT),
    other(
        "shutdown-on-sigint",
        Kind::Flags { words: SHUTDOWN_FLAGS, check: check::shutdown_flags },
        "default",
        "How SIGINT shuts down: default, or any of save, nosave, now, force.",
    ),
    other(
        "shutdown-on-sigterm",
        Kind::Flags { words: SHUTDOWN_FLAGS, check: check::shutdown_flags },
        "default",
        "How SIGTERM shuts down: default, or any of save, nosave, now, force.",
    ),
];
