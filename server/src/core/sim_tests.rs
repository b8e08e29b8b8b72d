//! The contract's first clause on the simulator: whatever the number of shards, the replies are those of one
//! single-threaded Redis.
//!
//! Each core leaves a *witness*: the commands in the order in which, by the argument of
//! [`crate::mailbox`], they took effect (a batch over shards when it was posted, a local command when it ran).
//! The check runs all commands again, in that order, on one shard, and asks for three things: every reply is the
//! same, the order keeps each connection's own, and no command is before one whose reply had arrived before it
//! was sent. Together that is strict serializability, with pipelines in order.

mod failures;
mod transactions;

use super::Core;
use super::state::CoreState;
use crate::clock::Ticks;
use crate::config::Config;
use crate::io::Io;
use crate::io::sim::{
    ListenerId, Operation, Outcome, Plan, Rng, SimClient, SimCore, SimIo, SimWorld, for_seeds,
};
use crate::shared::{Shared, Start, StopReason};
use proto::args::OwnedArgs;
use shard::watch::{WatchFlag, WatchedKey};
use shard::{Cx, Shard};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl SimCore for Core<SimIo> {
    fn turn(&mut self) {
        if self.state.shared.turns_in_parts.load(Ordering::Relaxed) {
            self.turn_in_parts();
        } else {
            Core::turn(self);
        }
    }

    fn finished(&self) -> bool {
        Core::finished(self)
    }
}

/// The defaults, but that nothing is saved by the clock: a snapshot's file would be a real one.
fn without_save_points() -> Config {
    let caller = crate::config::Caller { local: true, loading: false };
    let config = Config::new(std::path::Path::new("/"));
    config.set_many(&[(b"save", b"")], caller).map_or_else(|e| panic!("{}", e.0), |change| change.config)
}

/// A simulated server of `cores` cores.
pub(super) struct Bed {
    pub(super) world: SimWorld,
    pub(super) shared: Arc<Shared>,
    pub(super) cores: Vec<Core<SimIo>>,
    pub(super) listener: ListenerId,
}

impl Bed {
    pub(super) fn new(seed: u64, cores: usize) -> Self {
        let world = SimWorld::new(seed, cores, Plan::default());
        let shared = Shared::new(Start {
            cores,
            config: without_save_points(),
            config_file: None,
            hash_seed: seed,
            run_id: "0".repeat(40),
            started_unix_ms: 0,
            executable: String::new(),
            io_name: "sim",
        });
        let listener = world.listen();
        let make = |i| {
            let mut io = world.io(i);
            if i == 0 {
                io.add_listener(0, listener.socket()).unwrap();
            }
            Core::new(io, CoreState::new(i, shared.clone(), Ticks::still()))
        };
        let cores = (0..cores).map(make).collect();
        Self { world, shared, cores, listener }
    }

    pub(super) fn settle(&mut self, clients: &mut [SimClient]) {
        let mut done = || clients.iter_mut().filter_map(|c| (!c.settled()).then_some(())).count() == 0;
        let outcome = self.world.run_until(&mut self.cores, Duration::from_secs(60), &mut done);
        assert_eq!(outcome, Outcome::Done, "every command is answered");
    }
}

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "{a}x", "{b}x"];

fn key(rng: &mut Rng) -> String {
    KEYS[rng.below(KEYS.len() as u64) as usize].to_owned()
}

/// Commands that are sent together: mostly one, sometimes a transaction.
fn commands(rng: &mut Rng) -> Vec<Vec<String>> {
    if rng.below(4) > 0 {
        return vec![command(rng)];
    }
    let mut all = Vec::new();
    match rng.below(4) {
        0 => all.push(vec!["WATCH".into(), key(rng)]),
        1 => all.push(vec!["WATCH".into(), key(rng), key(rng), key(rng)]),
        _ => {}
    }
    if all.len() == 1 && rng.below(4) == 0 {
        all.push(vec!["UNWATCH".into()]);
    }
    all.push(vec!["MULTI".into()]);
    all.extend((0..rng.below(6)).map(|_| command(rng)));
    all.push(vec![["EXEC", "EXEC", "EXEC", "DISCARD"][rng.below(4) as usize].into()]);
    all
}

/// One random command: reads and writes of one key and of several, in one hop and in two.
fn command(rng: &mut Rng) -> Vec<String> {
    let k = |rng: &mut Rng| key(rng);
    let n = rng.below(1000).to_string();
    let words: Vec<String> = match rng.below(16) {
        0..=2 => vec!["GET".into(), k(rng)],
        3 | 4 => vec!["SET".into(), k(rng), n],
        5 => vec!["INCR".into(), k(rng)],
        6 => vec!["APPEND".into(), k(rng), "1".into()],
        7 => vec!["MGET".into(), k(rng), k(rng), k(rng)],
        8 => vec!["MSET".into(), k(rng), n.clone(), k(rng), n],
        9 => vec!["DEL".into(), k(rng), k(rng)],
        10 => vec!["EXISTS".into(), k(rng), k(rng), k(rng)],
        11 => vec!["MSETNX".into(), k(rng), n.clone(), k(rng), n],
        12 => vec!["RENAME".into(), k(rng), k(rng)],
        13 => vec!["COPY".into(), k(rng), k(rng), "REPLACE".into()],
        14 => vec!["RENAMENX".into(), k(rng), k(rng)],
        _ => [vec!["DBSIZE".into()], vec!["PING".into()], vec!["FLUSHALL".into()]][rng.below(3) as usize]
            .clone(),
    };
    words
}

/// Commands that leave no witness: they neither read nor change the keyspace, or do so only with an EXEC.
fn is_silent(words: &[Vec<u8>]) -> bool {
    matches!(words[0].as_slice(), b"PING" | b"CLIENT" | b"MULTI" | b"DISCARD" | b"UNWATCH")
}

/// What takes effect at one point of the order: a command, or an EXEC with what was queued for it.
struct Unit<'a> {
    operation: &'a Operation,
    queued: Vec<&'a [Vec<u8>]>,
    /// DISCARD or UNWATCH came before it.
    forgets: bool,
}

/// What a client did, in the order sent.
fn units(history: &[Operation]) -> VecDeque<Unit<'_>> {
    let (mut units, mut queue, mut forgets) = (VecDeque::new(), None, false);
    for operation in history {
        let words = operation.args.as_slice();
        match (words[0].as_slice(), &mut queue) {
            (b"MULTI", _) => queue = Some(Vec::new()),
            (b"DISCARD" | b"UNWATCH", _) => (queue, forgets) = (None, true),
            (name, Some(commands)) if name != b"EXEC" => commands.push(words),
            _ if is_silent(words) => {}
            _ => {
                let queued = queue.take().unwrap_or_default();
                units.push_back(Unit { operation, queued, forgets: std::mem::take(&mut forgets) });
            }
        }
    }
    units
}

/// One shard that runs units, with what its clients watch.
struct Model {
    shard: Shard,
    watching: BTreeMap<u64, (WatchFlag, Vec<WatchedKey>)>,
}

impl Model {
    fn new() -> Self {
        Self { shard: Shard::new(16, 1), watching: BTreeMap::new() }
    }

    fn run(&mut self, client: u64, unit: &Unit<'_>) -> Vec<u8> {
        if unit.forgets {
            self.still_intact(client);
        }
        let words = unit.operation.args.as_slice();
        match words[0].as_slice() {
            b"WATCH" => {
                let (flag, all) = self.watching.entry(client).or_default();
                let keys = words[1..].iter().map(|key| WatchedKey { db: 0, key: key.as_slice().into() });
                let keys: Vec<WatchedKey> = keys.collect();
                self.shard.watch(flag, &keys, 0);
                all.extend(keys);
                b"+OK\r\n".to_vec()
            }
            b"EXEC" if !self.still_intact(client) => b"*-1\r\n".to_vec(),
            b"EXEC" => {
                let mut out = format!("*{}\r\n", unit.queued.len()).into_bytes();
                unit.queued.iter().for_each(|words| out.extend(self.reply(words)));
                out
            }
            _ => self.reply(words),
        }
    }

    /// Ends what a client watches; whether nothing of it had changed.
    fn still_intact(&mut self, client: u64) -> bool {
        let Some((flag, keys)) = self.watching.remove(&client) else { return true };
        let intact = self.shard.watch_intact(&flag, &keys, 0);
        self.shard.unwatch(&flag, &keys);
        intact
    }

    fn reply(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        if words[0] == b"PING" {
            return b"+PONG\r\n".to_vec();
        }
        let own = OwnedArgs::of(words);
        let args = own.args();
        let mut out = Vec::new();
        let spec = proto::command::lookup(args.at(0)).expect("a command");
        let mut cx = Cx::new(spec.id, 0, 0);
        cx.key_hash = args.get(spec.first_key()).map_or(0, |k| self.shard.key(k).hash);
        self.shard.execute(&mut cx, args, &mut out);
        out
    }
}

/// Runs the witness on one shard and compares everything with what the clients got.
fn check(bed: &Bed, clients: &[SimClient]) {
    let mut expected: BTreeMap<u64, VecDeque<Unit<'_>>> =
        clients.iter().map(|client| (number(client), units(client.history()))).collect();
    let mut model = Model::new();
    let mut latest_invocation = 0;
    let witness = bed.shared.witness.lock();
    for (client, words) in witness.iter().filter(|(_, words)| !is_silent(words)) {
        let queue = expected.get_mut(client).expect("a client of ours");
        let unit = queue.pop_front().expect("no more commands than were sent");
        let operation = unit.operation;
        assert_eq!(&operation.args, words, "the order of a connection is kept");
        let (replied, reply) = operation.reply.as_ref().expect("settled");
        assert!(*replied >= latest_invocation, "{words:?} was answered before an earlier command was sent");
        latest_invocation = latest_invocation.max(operation.invoked_ns);
        assert_eq!(text(reply), text(&model.run(*client, &unit)), "{words:?} of client {client}");
    }
    assert!(expected.values().all(VecDeque::is_empty), "every command has a witness");
}

/// The server's number of a client, which each has asked for first.
fn number(client: &SimClient) -> u64 {
    let reply = client.replies().next().expect("an answer to CLIENT ID");
    text(reply).trim_matches([':', '\r', '\n']).parse().expect("a number")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Random pipelines of several clients over `cores` cores.
fn random_run(seed: u64, cores: usize) -> (Bed, Vec<SimClient>) {
    run_on(Bed::new(seed, cores))
}

fn run_on(mut bed: Bed) -> (Bed, Vec<SimClient>) {
    let mut clients: Vec<SimClient> = (0..6).map(|_| SimClient::connect(&bed.world, bed.listener)).collect();
    for client in &mut clients {
        client.command(&["CLIENT", "ID"]);
    }
    bed.settle(&mut clients);
    for _round in 0..6 {
        for client in &mut clients {
            let pipelines = bed.world.random(|rng| rng.below(3));
            for _ in 0..pipelines {
                let commands = bed.world.random(|rng| {
                    let n = 1 + rng.below(12);
                    (0..n).flat_map(|_| commands(rng)).collect::<Vec<_>>()
                });
                let slices: Vec<&[String]> = commands.iter().map(Vec::as_slice).collect();
                client.pipeline(&slices);
            }
        }
        // Some rounds wait for all replies, some pile up.
        if bed.world.random(|rng| rng.below(2)) == 0 {
            bed.settle(&mut clients);
        }
    }
    bed.settle(&mut clients);
    (bed, clients)
}

#[test]
fn n_shards_answer_as_one_redis() {
    for_seeds(40, |seed| {
        for cores in [1, 2, 3, 5] {
            let (bed, clients) = random_run(seed, cores);
            check(&bed, &clients);
        }
    });
}

/// Seeds that have failed, each for a reason of its own. 45: bytes that came between two stages of an EXEC were
/// run at once, and a reply was lost.
#[test]
fn seeds_that_have_failed() {
    for seed in [45] {
        for cores in [1, 2, 3, 5] {
            let (bed, clients) = random_run(seed, cores);
            check(&bed, &clients);
        }
    }
}

/// A core that has begun a session does not wait for ever for one that stops first.
#[test]
fn a_stop_waits_for_nobody_for_long() {
    let mut bed = Bed::new(3, 2);
    let mut clients = vec![SimClient::connect(&bed.world, bed.listener)];
    clients[0].pipeline(&[&["CLIENT", "ID"][..], &["MSET", "a", "1", "b", "2"]]);
    bed.settle(&mut clients);
    bed.world.stall(1, Duration::from_secs(20));
    clients[0].command(&["RENAME", "a", "b"]);
    bed.world.run_for(&mut bed.cores, Duration::from_millis(300));
    assert_eq!(bed.cores[0].state.sessions.len(), 1, "the first hop waits for the core that is put aside");
    bed.shared.stop(StopReason::Signal);
    assert!(!bed.cores[0].finished(), "what is half done is waited for");
    bed.world.run_for(&mut bed.cores, Duration::from_secs(3));
    assert!(bed.cores[0].finished());
}

#[test]
fn a_seed_is_a_run() {
    let trace = |seed| {
        let (bed, _) = random_run(seed, 3);
        (bed.world.trace_hash(), bed.world.trace_events())
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

/// The canary: without the rule that a core drains its mailbox before it serves, some seed must fail.
#[test]
fn serving_before_draining_is_caught() {
    let breaks = |seed| {
        let bed = Bed::new(seed, 3);
        bed.shared.serve_first.store(true, Ordering::Relaxed);
        let run = || {
            let (bed, clients) = run_on(bed);
            check(&bed, &clients);
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    };
    assert!((0..20).any(breaks));
}

/// The other canary: without locks on the keys that are lent, some seed must fail.
#[test]
fn running_ahead_of_what_is_lent_is_caught() {
    let breaks = |seed| {
        let bed = Bed::new(seed, 3);
        bed.shared.ignore_holds.store(true, Ordering::Relaxed);
        let run = || {
            let (bed, clients) = run_on(bed);
            check(&bed, &clients);
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    };
    assert!((0..20).any(breaks));
}

/// The check is worth something only if it fails where the order is broken: the same run with the witness of two
/// commands swapped, where they do not commute, must be caught.
#[test]
fn a_wrong_order_is_caught() {
    let mut bed = Bed::new(1, 2);
    let mut clients = vec![SimClient::connect(&bed.world, bed.listener)];
    clients[0].command(&["CLIENT", "ID"]);
    clients[0].pipeline(&[&["SET", "a", "1"][..], &["GET", "b"], &["GET", "a"]]);
    bed.settle(&mut clients);
    check(&bed, &clients);
    bed.shared.witness.lock().swap(0, 2);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&bed, &clients)));
    assert!(caught.is_err());
}
