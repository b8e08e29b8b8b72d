//! Messages on the simulator: where a PUBLISH stands in its pipeline is where every subscriber sees it, whatever
//! cores publisher, subscriber and keys are on.
//!
//! Producers pipeline jobs, each a SET and then a PUBLISH that names it, with other commands before, between and after.
//! Listeners watch by channel and by pattern. As soon as a listener has a message, checkers on all cores ask for the
//! job. Each must find it, each listener must hear each producer's jobs in order and without a gap, and PUBLISH must
//! count the listeners.

use super::sim_tests::Bed;
use crate::io::sim::{Rng, SimClient, for_seeds};
use std::sync::atomic::Ordering;
use std::time::Duration;

const PRODUCERS: usize = 3;
const JOBS: usize = 12;
const LIMIT: Duration = Duration::from_secs(60);

type Words = Vec<String>;

fn words(line: &str) -> Words {
    line.split(' ').map(str::to_owned).collect()
}

/// One job of a producer, amid other commands.
fn job(rng: &mut Rng, producer: usize, n: usize, pipeline: &mut Vec<Words>) {
    let filler = |rng: &mut Rng, pipeline: &mut Vec<Words>| {
        for _ in 0..rng.below(4) {
            let key = rng.below(50);
            let line = match rng.below(4) {
                0 => format!("MSET f{key} 1 g{key} 2 h{key} 3"),
                1 => format!("INCR f{key}"),
                2 => "PUBLISH nobody x".to_owned(),
                _ => "PING".to_owned(),
            };
            pipeline.push(words(&line));
        }
    };
    filler(rng, pipeline);
    pipeline.push(words(&format!("SET job:{producer}:{n} done")));
    filler(rng, pipeline);
    pipeline.push(words(&format!("PUBLISH jobs:{} {producer}:{n}", n % 3)));
    filler(rng, pipeline);
}

fn send(client: &mut SimClient, pipeline: &[Words]) {
    let slices: Vec<&[String]> = pipeline.iter().map(Vec::as_slice).collect();
    client.pipeline(&slices);
}

/// The last word of a message.
fn payload(push: &[u8]) -> String {
    let text = String::from_utf8_lossy(push);
    text.trim_end().rsplit("\r\n").next().unwrap_or_default().to_owned()
}

fn is_message(push: &[u8]) -> bool {
    let text = String::from_utf8_lossy(push);
    text.contains("\r\nmessage\r\n") || text.contains("\r\npmessage\r\n")
}

/// Everything of one run.
struct Run {
    bed: Bed,
    producers: Vec<SimClient>,
    listeners: Vec<SimClient>,
    checkers: Vec<SimClient>,
    /// Pushes of each listener that were looked at.
    seen: Vec<usize>,
}

impl Run {
    fn new(bed: Bed, cores: usize) -> Self {
        let connect = |n: usize| (0..n).map(|_| SimClient::connect(&bed.world, bed.listener)).collect();
        let (producers, mut listeners, checkers): (Vec<_>, Vec<SimClient>, Vec<_>) =
            (connect(PRODUCERS), connect(2 * cores), connect(cores));
        for listener in &mut listeners {
            listener.command(&["HELLO", "3"]);
        }
        let mut run = Self { bed, producers, seen: vec![0; listeners.len()], listeners, checkers };
        run.bed.settle(&mut run.listeners);
        for (i, listener) in run.listeners.iter_mut().enumerate() {
            // Confirmations are pushes, so that the splitter takes no replies for them; PING tells when they are in.
            let subscribe = if i % 2 == 0 { "PSUBSCRIBE jobs:*" } else { "SUBSCRIBE jobs:0 jobs:1 jobs:2" };
            let commands = [words(subscribe), words("PING")];
            let bytes = commands.iter().flat_map(|words| encode(words)).collect::<Vec<u8>>();
            run.bed.world.client_send(listener.id(), &bytes);
        }
        for listener in &mut run.listeners {
            listener.expect(&["PING"]);
        }
        run.bed.settle(&mut run.listeners);
        run
    }

    /// Looks at new messages: every checker asks for each job that was named.
    fn check_news(&mut self) -> bool {
        let mut any = false;
        for (listener, seen) in self.listeners.iter_mut().zip(&mut self.seen) {
            listener.poll();
            for (_, push) in &listener.pushes()[*seen..] {
                any = true;
                if is_message(push) {
                    let key = format!("job:{}", payload(push));
                    self.checkers.iter_mut().for_each(|c| c.command(&["GET", &key]));
                }
            }
            *seen = listener.pushes().len();
        }
        any
    }

    fn messages(&self) -> usize {
        self.listeners.iter().flat_map(SimClient::pushes).filter(|(_, push)| is_message(push)).count()
    }

    /// Sends the next job of a producer. A core is put aside first: what others post to it and what clients send it
    /// then wait there together.
    fn produce(&mut self, producer: usize, n: usize) {
        let cores = self.bed.cores.len() as u64;
        let (core, micros) = self.bed.world.random(|rng| (rng.below(cores), rng.below(2000)));
        self.bed.world.stall(core as usize, Duration::from_micros(micros));
        let mut pipeline = Vec::new();
        self.bed.world.random(|rng| job(rng, producer, n, &mut pipeline));
        send(&mut self.producers[producer], &pipeline);
    }

    fn play(&mut self) {
        for n in 0..JOBS {
            for producer in 0..PRODUCERS {
                self.produce(producer, n);
                if self.bed.world.random(|rng| rng.below(2)) == 0 {
                    self.hear((n * PRODUCERS + producer) * self.listeners.len());
                }
            }
        }
        self.hear(PRODUCERS * JOBS * self.listeners.len());
        self.bed.settle(&mut self.producers);
        self.bed.settle(&mut self.checkers);
    }

    /// Lets the world go on until so many messages have come.
    fn hear(&mut self, messages: usize) {
        let world = self.bed.world.clone();
        while self.messages() < messages {
            let known = self.seen.clone();
            let listeners = &mut self.listeners;
            let outcome = world.run_until(&mut self.bed.cores, LIMIT, || {
                listeners.iter_mut().zip(&known).any(|(l, known)| {
                    l.poll();
                    l.pushes().len() > *known
                })
            });
            assert!(self.check_news(), "{outcome:?}: messages are missing");
        }
    }

    fn check(&self) {
        for checker in &self.checkers {
            for operation in checker.history() {
                let (_, reply) = operation.reply.as_ref().expect("settled");
                assert_eq!(reply, b"$4\r\ndone\r\n", "{:?} was seen before it was set", operation.args);
            }
        }
        for listener in &self.listeners {
            let heard = || listener.pushes().iter().filter(|(_, p)| is_message(p)).map(|(_, p)| payload(p));
            for p in 0..PRODUCERS {
                let of: Vec<String> = heard().filter(|job| job.starts_with(&format!("{p}:"))).collect();
                let sent: Vec<String> = (0..JOBS).map(|n| format!("{p}:{n}")).collect();
                assert_eq!(of, sent, "in order and without a gap");
            }
        }
        let count = format!(":{}\r\n", self.listeners.len()).into_bytes();
        for operation in self.producers.iter().flat_map(SimClient::history) {
            if operation.args[0] == b"PUBLISH" {
                let expected =
                    if operation.args[1] == b"nobody" { b":0\r\n".to_vec() } else { count.clone() };
                assert_eq!(operation.reply.as_ref().map(|(_, r)| r), Some(&expected), "{:?}", operation.args);
            }
        }
    }
}

fn encode(words: &[String]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|w| out.push_str(&format!("${}\r\n{w}\r\n", w.len())));
    out.into_bytes()
}

fn play(bed: Bed, cores: usize) {
    let mut run = Run::new(bed, cores);
    run.play();
    run.check();
}

#[test]
fn a_message_is_never_seen_before_what_was_set_before_it() {
    for_seeds(25, |seed| {
        for cores in [1, 2, 3, 5] {
            play(Bed::new(seed, cores), cores);
        }
    });
}

/// The canary: without the rule that a core drains its mailbox before it serves, some seed must fail.
#[test]
fn serving_before_draining_shows_messages_too_early() {
    let breaks = |seed| {
        let bed = Bed::new(seed, 3);
        bed.shared.serve_first.store(true, Ordering::Relaxed);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(bed, 3))).is_err()
    };
    assert!((0..30).any(breaks));
}

/// What a RESP3 client hears while its own pipeline is under way stands where one Redis would put it: messages of its
/// own commands right behind their replies.
#[test]
fn own_messages_stand_behind_their_own_replies() {
    for_seeds(25, |seed| {
        for cores in [1, 2, 3] {
            let mut bed = Bed::new(seed, cores);
            let mut clients = vec![SimClient::connect(&bed.world, bed.listener)];
            clients[0].command(&["HELLO", "3"]);
            bed.settle(&mut clients);
            let id = clients[0].id();
            let world = bed.world.clone();
            let received = |bed: &mut Bed, want: usize| {
                let mut bytes = Vec::new();
                world.run_until(&mut bed.cores, LIMIT, || {
                    world.client_take(id).into_iter().for_each(|(_, b)| bytes.extend(b));
                    bytes.len() >= want
                });
                String::from_utf8(bytes).expect("text")
            };
            let subscribed = ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
            world.client_send(id, &encode(&words("SUBSCRIBE c")));
            assert_eq!(received(&mut bed, subscribed.len()), subscribed);
            let lines =
                ["SET a 1", "PUBLISH c x", "GET a", "MSET a 2 b 2 d 2", "PUBLISH c y", "GET d", "PING"];
            world.client_send(id, &lines.iter().flat_map(|l| encode(&words(l))).collect::<Vec<_>>());
            let message = |text: &str| format!(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n{text}\r\n");
            let expected = [
                "+OK\r\n:1\r\n",
                &message("x"),
                "$1\r\n1\r\n+OK\r\n:1\r\n",
                &message("y"),
                "$1\r\n2\r\n+PONG\r\n",
            ]
            .concat();
            assert_eq!(received(&mut bed, expected.len()), expected, "on {cores} cores");
        }
    });
}
