//! Writers on a simulated disk: what they were told is durable survives the loss of power, under every seed. And
//! the canary: a writer that does not wait for its writes before it syncs is found out.

use crate::io::sim::{Outcome, Plan, SimCore, SimIo, SimWorld, for_seeds};
use crate::io::{Closed, ConnId, File, FileDone, FileOp, Io, Sink, Socket};
use persist::disk::{Access, Disk, ErrorKind, FileId};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "log";
/// Bytes of a block, not a multiple of a sector.
const BLOCK: usize = 700;
const BLOCKS: u64 = 40;
const UNDER_WAY_MAX: usize = 6;
const SYNC: u64 = u64::MAX;

#[derive(Default)]
struct Ends(Vec<FileDone>);

impl Sink for Ends {
    fn accepted(&mut self, _: usize, _: Socket) {
        unreachable!()
    }
    fn accept_failed(&mut self, _: usize, _: i32) {
        unreachable!()
    }
    fn received(&mut self, _: ConnId, _: &[u8]) {
        unreachable!()
    }
    fn closed(&mut self, _: ConnId, _: Closed) {
        unreachable!()
    }
    fn file_done(&mut self, done: FileDone) {
        self.0.push(done);
    }
}

/// When a writer believes that its blocks are safe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// When a write with `durable` is done.
    Durable,
    /// When a sync is done that was started after the write was.
    SyncAfter,
    /// When a sync is done that was started after the write had been *started*: wrong.
    SyncBeside,
}

/// Writes blocks 0, 1, 2 … of a file, each full of its own number.
struct Writer {
    io: SimIo,
    file: File,
    policy: Policy,
    next: u64,
    under_way: BTreeSet<u64>,
    /// Done, and not synced.
    written: Vec<u64>,
    /// What a sync under way makes safe.
    syncing: Vec<u64>,
    safe: BTreeSet<u64>,
    errors: Vec<i32>,
    parks: u32,
}

fn block(number: u64) -> Vec<u8> {
    vec![number as u8 + 1; BLOCK]
}

impl Writer {
    fn start(&mut self) {
        while self.next < BLOCKS && self.under_way.len() < UNDER_WAY_MAX {
            let (number, durable) = (self.next, self.policy == Policy::Durable);
            let op = FileOp::Write { offset: number * BLOCK as u64, bytes: block(number), durable };
            self.io.file(number, &self.file, op);
            self.under_way.insert(number);
            self.next += 1;
        }
        if self.syncing.is_empty() && self.policy != Policy::Durable {
            self.syncing.append(&mut self.written);
            if self.policy == Policy::SyncBeside {
                self.syncing.extend(&self.under_way);
            }
            if !self.syncing.is_empty() {
                self.io.file(SYNC, &self.file, FileOp::SyncData);
            }
        }
    }

    fn end(&mut self, done: FileDone) {
        let failed = done.result.err().and_then(|error| error.raw_os_error());
        self.errors.extend(failed);
        if done.token == SYNC {
            let synced = std::mem::take(&mut self.syncing);
            self.safe.extend(synced.into_iter().filter(|_| failed.is_none()));
            return;
        }
        assert!(self.under_way.remove(&done.token), "an end is told once");
        assert_eq!(done.bytes, block(done.token));
        match (failed, self.policy) {
            (Some(_), _) => {}
            (None, Policy::Durable) => drop(self.safe.insert(done.token)),
            (None, _) => self.written.push(done.token),
        }
    }

    fn idle(&self) -> bool {
        self.next == BLOCKS && self.under_way.is_empty() && self.syncing.is_empty()
    }
}

impl SimCore for Writer {
    fn turn(&mut self) {
        let mut ends = Ends::default();
        if self.io.turn(None, &mut ends).is_err() {
            self.parks += 1;
            return;
        }
        ends.0.into_iter().for_each(|end| self.end(end));
        self.start();
    }
}

fn writer(seed: u64, policy: Policy, plan: Plan) -> (SimWorld, [Writer; 1], FileId) {
    let world = SimWorld::new(seed, 1, plan);
    let disk = world.disk();
    let file = disk.lock().open(Path::new(NAME), Access::New).unwrap();
    disk.lock().sync_dir(Path::new("")).unwrap();
    let mut writer = Writer {
        io: world.io(0),
        file: File::Sim(file.0),
        policy,
        next: 0,
        under_way: BTreeSet::new(),
        written: Vec::new(),
        syncing: Vec::new(),
        safe: BTreeSet::new(),
        errors: Vec::new(),
        parks: 0,
    };
    writer.start();
    (world, [writer], file)
}

/// Loses power at some moment; the safe blocks, and whether all of them are there.
fn lose_power(seed: u64, policy: Policy) -> (usize, bool) {
    let (world, mut cores, _) = writer(seed, policy, Plan::default());
    let moment = world.random(|rng| rng.below(60_000));
    world.run_for(&mut cores, Duration::from_micros(moment));
    world.lose_power();
    let left = world.disk().lock().read(Path::new(NAME)).unwrap();
    let kept = |number: &u64| left.get(*number as usize * BLOCK..).and_then(|rest| rest.get(..BLOCK));
    let safe = &cores[0].safe;
    (safe.len(), safe.iter().all(|number| kept(number) == Some(&block(*number)[..])))
}

#[test]
fn what_is_said_to_be_durable_survives() {
    for policy in [Policy::Durable, Policy::SyncAfter] {
        let mut partial = 0;
        for_seeds(200, |seed| {
            let (safe, kept) = lose_power(seed, policy);
            assert!(kept);
            partial += u32::from(safe > 0 && safe < BLOCKS as usize);
        });
        assert!(partial > 0, "power is lost in the middle of it");
    }
}

#[test]
fn canary_a_sync_beside_its_writes_is_found() {
    let mut lost = 0;
    for seed in 0..50 {
        lost += u32::from(!lose_power(seed, Policy::SyncBeside).1);
    }
    assert!(lost > 0);
}

#[test]
fn all_is_written_and_the_ends_wake_the_core() {
    for_seeds(30, |seed| {
        let (world, mut cores, file) = writer(seed, Policy::SyncAfter, Plan::default());
        let outcome = world.run_until(&mut cores, Duration::from_secs(10), || false);
        assert_eq!(outcome, Outcome::Quiet);
        assert!(cores[0].idle() && cores[0].safe.len() as u64 == BLOCKS && cores[0].parks > 0);
        let all: Vec<u8> = (0..BLOCKS).flat_map(block).collect();
        let disk = world.disk();
        assert!(disk.lock().read_at(file, 0, usize::MAX).unwrap() == all);
        assert!(disk.lock().calls() > BLOCKS + 10, "some writes were short");
    });
}

#[test]
fn faults_come_back_as_errors() {
    let plan = Plan { disk_error_one_in: 10, ..Plan::default() };
    let (world, mut cores, _) = writer(3, Policy::SyncAfter, plan);
    world.run_for(&mut cores, Duration::from_secs(10));
    assert!(cores[0].idle() && (cores[0].safe.len() as u64) < BLOCKS);
    assert!(!cores[0].errors.is_empty() && cores[0].errors.iter().all(|errno| *errno == libc::EIO));

    let (world, mut cores, _) = writer(4, Policy::Durable, Plan::default());
    world.disk().lock().set_capacity(Some(10 * BLOCK as u64));
    world.run_for(&mut cores, Duration::from_secs(10));
    assert!(cores[0].errors.len() >= 30 && cores[0].errors.iter().all(|errno| *errno == libc::ENOSPC));

    let (world, mut cores, _) = writer(5, Policy::Durable, Plan::default());
    let call = world.disk().lock().calls() + 2;
    world.disk().lock().fail_call(call, ErrorKind::ReadOnly);
    world.run_for(&mut cores, Duration::from_secs(10));
    assert_eq!(cores[0].errors, [libc::EROFS]);
}

#[test]
fn a_file_that_is_not_open_here() {
    let (world, mut cores, _) = writer(1, Policy::Durable, Plan::default());
    world.run_for(&mut cores, Duration::from_secs(10));
    let null = File::from(std::fs::File::open("/dev/null").unwrap());
    for file in [null, File::Sim(12345)] {
        cores[0].under_way.insert(0);
        cores[0].io.file(0, &file, FileOp::Write { offset: 0, bytes: block(0), durable: false });
        world.run_for(&mut cores, Duration::from_secs(1));
    }
    assert_eq!(cores[0].errors, [libc::EBADF, libc::EBADF]);
}

#[test]
fn a_killed_server_leaves_what_was_under_way_to_chance() {
    let lengths: BTreeSet<u64> = (0..20)
        .map(|seed| {
            let (world, mut cores, file) = writer(seed, Policy::Durable, Plan::default());
            while world.step(&mut cores) != crate::io::sim::Step::Ran(0) {}
            world.kill_server();
            world.disk().lock().size(file).unwrap()
        })
        .collect();
    assert!(lengths.len() > 3 && lengths.last() <= Some(&(UNDER_WAY_MAX as u64 * BLOCK as u64)));
}

#[test]
fn a_seed_writes_the_same_twice() {
    let run = |seed| {
        let plan = Plan { disk_error_one_in: 20, ..Plan::default() };
        let (world, mut cores, _) = writer(seed, Policy::SyncAfter, plan);
        world.run_for(&mut cores, Duration::from_millis(30));
        world.lose_power();
        (world.trace_hash(), world.disk().lock().read(Path::new(NAME)).unwrap())
    };
    for_seeds(5, |seed| assert!(run(seed) == run(seed)));
    assert!(run(1) != run(2));
}
