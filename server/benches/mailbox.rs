//! What a batch costs on its way between two cores: the mailboxes that the server uses, against
//! crossbeam-channel (bounded, array-backed), once within a thread (the cost of the operations) and once
//! there and back between two threads that never sleep (the cost of the lines that move).
//!
//! `cargo bench -p percore-server --bench mailbox`

#![allow(clippy::unwrap_used)] // a bench fails by panicking

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use server::io::ConnId;
use server::mailbox::{Inbox, Mailboxes, Outbox};
use server::work::{Direct, Ordered, Work, WorkPool};
use std::sync::atomic::{AtomicBool, Ordering as Memory};

/// Batches that a turn posts to one target: a quiet server, and a busy one.
const TURNS: [usize; 2] = [1, 16];

#[allow(clippy::vec_box)] // a work travels as one pointer
fn works(n: usize) -> Vec<Box<Work>> {
    let mut pool = WorkPool::default();
    (0..n).map(|_| pool.take(0, ConnId { slot: 0, generation: 0 }, 0)).collect()
}

fn within_a_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("post and take, one thread");
    for n in TURNS {
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("mailbox/{n}"), |b| {
            let boxes = Mailboxes::new(2);
            let (mut out, mut inbox) = (Outbox::new(2), Inbox::default());
            b.iter_batched_ref(
                || works(n),
                |works| {
                    works.drain(..).for_each(|w| out.ordered(1, Ordered::Work(w)));
                    boxes.post(&mut out, |_, _| {});
                    boxes.drain(1, &mut inbox);
                    inbox.ordered.drain(..).count()
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("crossbeam-channel/{n}"), |b| {
            let (tx, rx) = crossbeam_channel::bounded::<Ordered>(1024);
            b.iter_batched_ref(
                || works(n),
                |works| {
                    works.drain(..).for_each(|w| tx.send(Ordered::Work(w)).unwrap());
                    rx.try_iter().count()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A round trip of `n` batches: sent, taken by the other thread, sent back.
fn between_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("there and back, two threads");
    for n in TURNS {
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("mailbox/{n}"), |b| {
            let boxes = Mailboxes::new(2);
            let stop = AtomicBool::new(false);
            std::thread::scope(|s| {
                s.spawn(|| echo_mailbox(&boxes, &stop));
                let (mut out, mut inbox) = (Outbox::new(2), Inbox::default());
                let mut mine = works(n);
                b.iter(|| {
                    mine.drain(..).for_each(|w| out.ordered(1, Ordered::Work(w)));
                    boxes.post(&mut out, |_, _| {});
                    while mine.len() < n {
                        boxes.drain(0, &mut inbox);
                        for d in inbox.direct.drain(..) {
                            if let Direct::Done(w) = d {
                                mine.push(w);
                            }
                        }
                        std::hint::spin_loop();
                    }
                });
                stop.store(true, Memory::Relaxed);
            });
        });
        group.bench_function(format!("crossbeam-channel/{n}"), |b| {
            let (to, from_main) = crossbeam_channel::bounded::<Ordered>(1024);
            let (back, from_peer) = crossbeam_channel::bounded::<Direct>(1024);
            let stop = AtomicBool::new(false);
            std::thread::scope(|s| {
                s.spawn(|| {
                    while !stop.load(Memory::Relaxed) {
                        for item in from_main.try_iter() {
                            if let Ordered::Work(w) = item {
                                back.send(Direct::Done(w)).unwrap();
                            }
                        }
                        std::hint::spin_loop();
                    }
                });
                let mut mine = works(n);
                b.iter(|| {
                    mine.drain(..).for_each(|w| to.send(Ordered::Work(w)).unwrap());
                    while mine.len() < n {
                        mine.extend(from_peer.try_iter().filter_map(|d| match d {
                            Direct::Done(w) => Some(w),
                            _ => None,
                        }));
                        std::hint::spin_loop();
                    }
                });
                stop.store(true, Memory::Relaxed);
            });
        });
    }
    group.finish();
}

fn echo_mailbox(boxes: &Mailboxes, stop: &AtomicBool) {
    let (mut out, mut inbox) = (Outbox::new(2), Inbox::default());
    while !stop.load(Memory::Relaxed) {
        boxes.drain(1, &mut inbox);
        for item in inbox.ordered.drain(..) {
            if let Ordered::Work(w) = item {
                out.direct(0, Direct::Done(w));
            }
        }
        boxes.post(&mut out, |_, _| {});
        std::hint::spin_loop();
    }
}

criterion_group!(benches, within_a_thread, between_threads);
criterion_main!(benches);
