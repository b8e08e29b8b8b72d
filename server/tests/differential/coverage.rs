//! Every command that is built is drawn, or stands here with the reason why its answers cannot be compared.

use crate::common::Cmd;
use crate::generate::Generator;
use crate::stream::Step;
use proto::command::{all, lookup, subcommand};
use std::collections::BTreeSet;

/// Enough for the rarest command to come some times.
const STEPS: usize = 60_000;

/// Full names, and why they are not drawn.
const EXCLUDED: &[(&[&str], &str)] = &[
    (
        &[
            "hexpire",
            "hexpireat",
            "hexpiretime",
            "hpersist",
            "hpexpire",
            "hpexpireat",
            "hpexpiretime",
            "hpttl",
            "httl",
        ],
        "came with Redis 7.4: redis-server 7.0.15 has none of them",
    ),
    (&["memory|stats", "memory|malloc-stats"], "figures of the process"),
    (&["latency|doctor", "memory|doctor", "lolwut"], "prose of Percore's own"),
    (&["command|docs"], "texts of Percore's own; COMMAND INFO is compared"),
    (
        &["save", "bgsave"],
        "when one ends depends on the clock, and two at once are refused; see `snapshots.rs`",
    ),
    (&["lastsave"], "a time"),
    (&["slowlog|len"], "depends on the clock"),
    (&["monitor"], "the connection would show what others do; `admin.rs` tests it"),
    (&["quit"], "closes the connection"),
    (&["restore-asking"], "RESTORE under another name"),
    (&["pfselftest"], "takes a second in redis-server, and says OK"),
];

/// The row's name of a command as it was drawn, such as `xgroup|create`.
fn name(command: &Cmd) -> Option<String> {
    let row = lookup(&command[0])?;
    let sub = command.get(1).and_then(|word| subcommand(row, word));
    Some(sub.unwrap_or(row).full_name().to_string().to_lowercase())
}

fn drawn() -> BTreeSet<String> {
    let mut generator = Generator::new(1, 3);
    let mut names = BTreeSet::new();
    for _ in 0..STEPS {
        match generator.step() {
            Step::Pipeline(commands) => names.extend(commands.iter().filter_map(name)),
            Step::Scan(_) => drop(names.insert("scan".into())),
            Step::RandomKey => drop(names.insert("randomkey".into())),
            Step::Restore(..) => names.extend(["dump".into(), "restore".into()]),
            Step::Listen => names.extend(["psubscribe".into(), "publish".into()]),
            Step::Inline(_) | Step::Broken(_) | Step::Walk => {}
        }
    }
    names
}

#[test]
fn every_built_command_is_drawn_or_excused() {
    let built: BTreeSet<String> = all()
        .iter()
        .filter(|row| row.built && row.subcommands.is_empty())
        .map(|row| row.full_name().to_string().to_lowercase())
        .collect();
    let drawn = drawn();
    let excused: BTreeSet<String> =
        EXCLUDED.iter().flat_map(|(names, _)| names.iter().map(|name| (*name).to_string())).collect();
    let missing: Vec<_> = built.iter().filter(|n| !drawn.contains(*n) && !excused.contains(*n)).collect();
    assert!(missing.is_empty(), "built, never drawn and not excused: {missing:?}");
    let stale: Vec<_> = excused.iter().filter(|n| drawn.contains(*n) || !built.contains(*n)).collect();
    assert!(stale.is_empty(), "excused, but drawn or not built: {stale:?}");
}
