//! The contract's first clause on the simulator: whatever the number of shards, the replies are those of one
//! single-threaded Redis.
//!
//! Each core leaves a *witness*: the commands in the order in which, by the argument of
//! [`crate::mailbox`], they took effect (a batch over shards when it was posted, a local command when it ran).
//! The check runs all commands again, in that order, on one shard, and asks for three things: every reply is the
//! same, the order keeps each connection's own, and no command is before one whose reply had arrived before it
//! was sent. Together that is strict serializability, with pipelines in order.

use super::Core;
use super::state::CoreState;
use crate::clock::Ticks;
use crate::config::Config;
use crate::io::Io;
use crate::io::sim::{ListenerId, Outcome, Plan, Rng, SimClient, SimCore, SimIo, SimWorld, for_seeds};
use crate::shared::{Shared, Start};
use proto::args::OwnedArgs;
use proto::encode::Resp;
use shard::{Cx, Shard};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

impl SimCore for Core<SimIo> {
    fn turn(&mut self) {
        Core::turn(self);
    }
}

/// A simulated server of `cores` cores.
struct Bed {
    world: SimWorld,
    shared: Arc<Shared>,
    cores: Vec<Core<SimIo>>,
    listener: ListenerId,
}

impl Bed {
    fn new(seed: u64, cores: usize) -> Self {
        let world = SimWorld::new(seed, cores, Plan::default());
        let shared = Shared::new(Start {
            cores,
            config: Config::new(std::path::Path::new("/")),
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

    fn settle(&mut self, clients: &mut [SimClient]) {
        let mut done = || clients.iter_mut().fold(true, |all, c| c.settled() && all);
        let outcome = self.world.run_until(&mut self.cores, Duration::from_secs(60), &mut done);
        assert_eq!(outcome, Outcome::Done, "every command is answered");
    }
}

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "{a}x", "{b}x"];

fn key(rng: &mut Rng) -> String {
    KEYS[rng.below(KEYS.len() as u64) as usize].to_owned()
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
        _ => [vec!["DBSIZE".into()], vec!["PING".into()], vec!["FLUSHALL".into()]][rng.below(3) as usize].clone(),
    };
    words
}

/// Runs the witness on one shard and compares everything with what the clients got.
fn check(bed: &Bed, clients: &[SimClient]) {
    let mut expected: BTreeMap<u64, VecDeque<(Vec<Vec<u8>>, u64, u64, Vec<u8>)>> = BTreeMap::new();
    for (n, client) in clients.iter().enumerate() {
        let operations = client.history().iter().map(|o| {
            let (at, reply) = o.reply.clone().expect("settled");
            (o.args.clone(), o.invoked_ns, at, reply)
        });
        expected.insert(n as u64 + 1, operations.collect());
    }
    let by_name = client_numbers(clients);
    let mut model = Shard::new(16, 1);
    let mut latest_invocation = 0;
    for (client, words) in bed.shared.witness.lock().iter() {
        let queue = expected.get_mut(&by_name[client]).expect("a client of ours");
        let (args, invoked, replied, reply) = queue.pop_front().expect("no more commands than were sent");
        assert_eq!(&args, words, "the order of a connection is kept");
        assert!(replied >= latest_invocation, "{words:?} was answered before an earlier command was sent");
        latest_invocation = latest_invocation.max(invoked);
        assert_eq!(text(&reply), text(&model_reply(&mut model, words)), "{words:?}");
    }
    assert!(expected.values().all(VecDeque::is_empty), "every command has a witness");
}

/// Client numbers of the server, by their first command's reply (CLIENT ID is not built on data): connections are
/// accepted in an order of the seed's, so each client asks for its own number first.
fn client_numbers(clients: &[SimClient]) -> BTreeMap<u64, u64> {
    let id = |c: &SimClient| text(c.history()[0].reply.as_ref().map_or(&[][..], |r| &r.1)).trim_matches([':', '\r', '\n']).parse().expect("CLIENT ID");
    clients.iter().enumerate().map(|(n, c)| (id(c), n as u64 + 1)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn model_reply(model: &mut Shard, words: &[Vec<u8>]) -> Vec<u8> {
    let own = OwnedArgs::of(words);
    let args = own.args();
    let mut out = Vec::new();
    match words[0].as_slice() {
        b"PING" => return b"+PONG\r\n".to_vec(),
        b"CLIENT" => return Vec::new(),
        _ => {}
    }
    let spec = proto::command::lookup(args.at(0)).expect("a command");
    let mut cx = Cx::new(spec.id, 0, 0);
    cx.resp = Resp::V2;
    cx.key_hash = args.get(spec.first_key()).map_or(0, |k| model.key(k).hash);
    model.execute(&mut cx, args, &mut out);
    out
}
