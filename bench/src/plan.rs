//! What a run does, worked out once from the options: where to connect, what to send, how much, how fast.
//!
//! A [`Plan`] does not change while the load runs, and is shared by its threads; what they share and change is
//! the [`Budget`].

use crate::cluster::Node;
use crate::connect::Greeting;
use crate::distribution::Sampler;
use crate::options::{Arrivals, IoKind, Options, Share};
use crate::template::{Draw, Holes, Template};
use crate::value::below;
use crate::verify::Role;
use crate::words::{self, Word};
use oorandom::Rand64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Unit {
    pub name: String,
    pub template: Template,
    /// What it does to its key, for verification.
    pub role: Role,
    /// Sum of the ratios of all units up to and including this one.
    reach: u64,
}

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    pub title: String,
    pub units: Vec<Unit>,
    pub nodes: Vec<Node>,
    pub greeting: Greeting,
    pub clients: usize,
    pub threads: usize,
    pub pipeline: usize,
    pub keep_alive: bool,
    pub requests: u64,
    pub duration: Option<Duration>,
    pub warmup: Duration,
    pub rate: Option<f64>,
    pub arrivals: Arrivals,
    pub io: IoKind,
    pub cpus: Vec<usize>,
    pub seed: u64,
    pub verify: bool,
    /// How much time is summed up at once.
    pub interval: Duration,
    /// What stands around the number in the key that is verified.
    key: (Vec<u8>, Vec<u8>),
    draw: Draw,
}

/// What is sent, as it was asked for.
pub enum Requests<'a> {
    /// Commands and how often each comes.
    Mix(&'a [Share]),
    /// One command of these words.
    Words(&'a [Word]),
    /// Bytes as they are.
    Raw(&'a [u8]),
}

impl Plan {
    /// # Errors
    /// A sentence for the user.
    pub fn new(
        title: &str,
        requests: &Requests<'_>,
        options: &Options,
        nodes: Vec<Node>,
    ) -> Result<Plan, String> {
        options.check()?;
        if options.verify && options.keyspace.is_none_or(|n| n < options.clients as u64) {
            return Err("--verify needs keys for every connection: -r must be at least -c".to_string());
        }
        let units = units(title, requests, options)?;
        let key = if options.verify { verified_key(requests)? } else { Default::default() };
        let tags: Vec<_> = nodes.iter().map(|node| node.tags.clone()).collect();
        let sampler = options.keyspace.map(|n| Sampler::new(options.distribution, n));
        Ok(Plan {
            title: title.to_string(),
            units,
            nodes,
            greeting: Greeting::new(options),
            clients: options.clients,
            threads: options.threads.min(options.clients),
            pipeline: options.pipeline,
            keep_alive: options.keep_alive,
            requests: options.request_limit(),
            duration: options.duration,
            warmup: options.warmup,
            rate: options.rate,
            arrivals: options.arrivals,
            io: options.io,
            cpus: options.cpus.clone(),
            seed: options.seed,
            verify: options.verify,
            interval: Duration::from_secs(1),
            key,
            draw: Draw::new(options.seed, 0, sampler, options.sizes.clone()).with_tags(Arc::from(tags)),
        })
    }

    /// The source of what thread `thread` draws.
    #[must_use]
    pub fn draw(&self, thread: usize) -> Draw {
        let mut draw = self.draw.clone();
        draw.random = Rand64::new(u128::from(self.seed) << 64 | (thread as u128 + 1));
        draw
    }

    /// Bytes of each request, if all have the same template and it has one length.
    #[must_use]
    pub fn stride(&self) -> Option<usize> {
        match self.units.as_slice() {
            [unit] => unit.template.stride(),
            _ => None,
        }
    }

    /// The key of a number that is verified.
    #[must_use]
    pub fn key(&self, number: u64) -> Vec<u8> {
        [self.key.0.as_slice(), format!("{number:012}").as_bytes(), &self.key.1].concat()
    }

    /// Which unit comes next.
    #[inline]
    pub fn choose(&self, random: &mut Rand64) -> usize {
        if self.units.len() == 1 {
            return 0;
        }
        let all = self.units.last().map_or(1, |unit| unit.reach);
        let point = below(random, all);
        self.units.iter().position(|unit| point < unit.reach).unwrap_or(0)
    }
}

/// What stands around the number in the one key of all commands.
fn verified_key(requests: &Requests<'_>) -> Result<(Vec<u8>, Vec<u8>), String> {
    let keys: Vec<Word> = match requests {
        Requests::Words(words) => words.get(1).cloned().into_iter().collect(),
        Requests::Raw(_) => Vec::new(),
        Requests::Mix(shares) => {
            let commands =
                shares.iter().map(|share| words::split(&share.text)).collect::<Result<Vec<_>, _>>()?;
            commands.iter().flatten().filter_map(|words| words.get(1).cloned()).collect()
        }
    };
    let text = keys.first().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default();
    match text.split_once("__rand_int__") {
        Some((before, after)) if keys.iter().all(|key| key == &keys[0]) => Ok((before.into(), after.into())),
        _ => Err("--verify needs the same key, with one __rand_int__, in all commands".to_string()),
    }
}

fn units(title: &str, requests: &Requests<'_>, options: &Options) -> Result<Vec<Unit>, String> {
    let holes = Holes { numbers: options.keyspace.is_some(), tags: options.cluster, stamped: options.verify };
    let template = |commands: &[Vec<Word>]| Template::new(commands, &options.sizes, options.seed, holes);
    let mut reach = 0;
    let mut unit = |name: &str, commands: &[Vec<Word>], ratio: u32| -> Result<Unit, String> {
        reach += u64::from(ratio);
        let role = if options.verify { Role::of(commands)? } else { Role::Other };
        Ok(Unit { name: name.to_string(), template: template(commands), role, reach })
    };
    let made = match requests {
        Requests::Words(words) => vec![unit(title, &[words.to_vec()], 1)?],
        Requests::Raw(bytes) => {
            vec![Unit {
                name: title.to_string(),
                template: Template::raw(bytes),
                role: Role::Other,
                reach: 1,
            }]
        }
        Requests::Mix(shares) => {
            let mut made = Vec::new();
            for share in *shares {
                let name = share.name.as_ref().unwrap_or(&share.text);
                made.push(unit(name, &words::split(&share.text)?, share.ratio)?);
            }
            made
        }
    };
    match made.last() {
        Some(last) if last.reach > 0 => Ok(made),
        _ => Err("every --ratio is 0".to_string()),
    }
}

/// How much may still be sent; shared by the threads. Times are those of [`crate::clock::now`].
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
    /// When warming up ends.
    pub begins: u64,
    /// When no more is sent.
    pub ends: u64,
    stopped: AtomicBool,
}

impl Budget {
    /// The budget of a run that starts now.
    #[must_use]
    pub fn new(plan: &Plan, now: u64) -> Budget {
        let begins = now + plan.warmup.as_nanos() as u64;
        let ends = plan.duration.map_or(u64::MAX, |d| begins.saturating_add(d.as_nanos() as u64));
        Budget { left: AtomicU64::new(plan.requests), begins, ends, stopped: AtomicBool::new(false) }
    }

    /// Takes up to `want` requests. Warming up is not counted.
    #[inline]
    pub fn take(&self, want: usize, now: u64) -> usize {
        if now >= self.ends || self.is_stopped() {
            return 0;
        }
        if now < self.begins {
            return want;
        }
        let less = |left: u64| Some(left.saturating_sub(want as u64));
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or(0);
        want.min(usize::try_from(before).unwrap_or(usize::MAX))
    }

    /// Whether nothing more may be sent.
    pub fn is_spent(&self, now: u64) -> bool {
        now >= self.ends
            || self.is_stopped()
            || (now >= self.begins && self.left.load(Ordering::Relaxed) == 0)
    }

    /// Ends the run: something has gone wrong, or somebody does not want to wait.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether [`Budget::stop`] was called.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    fn plan(line: &str) -> Result<Plan, String> {
        let options = flags::parse(&line.split('|').map(String::from).collect::<Vec<_>>())?;
        Plan::new("test", &Requests::Mix(&options.mix), &options, Vec::new())
    }

    #[test]
    fn a_mix_keeps_its_ratios() {
        let plan = plan("--command|GET a|--ratio|3|--command|SET a b").expect("a plan");
        let mut random = Rand64::new(1);
        let reads = (0..100_000).filter(|_| plan.choose(&mut random) == 0).count();
        assert!((74_000..76_000).contains(&reads), "{reads}");
        assert_eq!(plan.stride(), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(plan("--command|GET a|--ratio|0").is_err());
        assert!(plan("--verify|--command|GET a:__rand_int__").is_err(), "no keyspace");
        assert!(plan("--verify|-r|100|--command|LPUSH a:__rand_int__ 1").is_err(), "not verifiable");
        assert!(plan("--verify|-r|100|--command|GET a:__rand_int__").is_ok());
    }

    #[test]
    fn the_budget_is_spent_exactly_and_not_on_warming_up() {
        let plan = plan("-n|10|--warmup|1|--duration|1|--command|GET a").expect("a plan");
        let budget = Budget::new(&plan, 0);
        assert_eq!((budget.take(8, 0), budget.take(8, 999_999_999)), (8, 8), "warming up");
        assert_eq!((budget.take(8, 1_000_000_000), budget.take(8, 1_000_000_000)), (8, 2));
        assert_eq!(budget.take(8, 1_000_000_000), 0);
        assert!(budget.is_spent(1_000_000_000) && !budget.is_spent(0));
        let budget = Budget::new(&plan, 0);
        assert_eq!(budget.take(8, 2_000_000_000), 0, "time is over");
        budget.stop();
        assert_eq!(budget.take(8, 0), 0);
    }
}
