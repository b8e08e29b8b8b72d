//! Ends: the peer's, the core's, the listener's, the backend's.

use crate::Make;
use crate::world::{World, pattern, read_some, write_some};
use server::io::{Closed, ConnId, Io, Socket};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

const MB: usize = 1 << 20;

/// Reads to the end.
fn rest<I: Io>(world: &mut World<I>, client: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    world.until("the end", |_| !read_some(client, &mut got, MB));
    got
}

pub fn what_was_sent_before_a_half_close_is_answered<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    assert_eq!(write_some(&mut client, b"last words"), 10);
    client.shutdown(Shutdown::Write).unwrap();
    world.until("the end is told", |world| world.ended(id).is_some());
    assert_eq!(world.ended(id), Some(Closed::Eof));
    assert_eq!(world.received(id), b"last words", "before the end");
    world.echo();
    world.io.close(id, true);
    assert_eq!(rest(&mut world, &mut client), b"last words");
}

pub fn a_reset_is_reported_once<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, client) = world.connect();
    world.send(id, b"unread: closing now resets the connection");
    world.until("sent", |world| world.io.unsent(id) == 0);
    world.turn();
    drop(client);
    world.until("the end is told", |world| world.ended(id).is_some());
    assert_eq!(world.ended(id), Some(Closed::Error(libc::ECONNRESET)));
    // Sending to it is no event of its own (the sink checks), and nothing hangs on it.
    world.send(id, &pattern(MB));
    (0..3).for_each(|_| world.turn());
    assert_eq!(world.io.unsent(id), 0, "what can never be sent is not kept");
    world.io.close(id, true);
    world.turn();
}

pub fn close_with_flush_sends_everything_first<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    for size in [0, 10, 9 * MB] {
        let (id, mut client) = world.connect();
        let bytes = pattern(size);
        bytes.chunks(MB + 1).for_each(|part| world.send(id, part));
        world.io.close(id, true);
        assert!(rest(&mut world, &mut client) == bytes, "{size} bytes, then the end");
        assert_eq!(world.ended(id), None, "no event after close");
    }
}

pub fn close_without_flush_does_not_wait<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    // Both before the sending has begun, and in the middle of it.
    for turns in [0, 3] {
        let (id, mut client) = world.connect();
        world.send(id, &pattern(64 * MB));
        (0..turns).for_each(|_| world.turn());
        world.io.close(id, false);
        assert_eq!(world.io.unsent(id), 0);
        assert!(rest(&mut world, &mut client).len() < 64 * MB);
        assert_eq!(world.ended(id), None, "no event after close");
    }
}

pub fn a_slot_may_be_reused_while_its_old_owner_flushes<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (old, mut old_client) = world.connect();
    let bytes = pattern(20 * MB);
    world.send(old, &bytes);
    world.turn();
    world.io.close(old, true);
    assert_eq!(write_some(&mut old_client, b"for nobody"), 10);

    let new = ConnId { slot: old.slot, generation: old.generation + 1 };
    let (ours, mut new_client) = UnixStream::pair().unwrap();
    new_client.set_nonblocking(true).unwrap();
    world.io.add(new, Socket::Fd(ours.into())).unwrap();
    assert_eq!(write_some(&mut new_client, b"hello"), 5);
    world.send(old, b"for nobody");
    world.io.set_reading(old, false);
    world.io.close(old, false);
    world.until("heard", |world| world.received(new).len() == 5);
    assert_eq!(world.told.received.len(), 1, "only the new owner is heard");
    world.send(new, b"answer");
    let mut answer = Vec::new();
    world.until("answered", |_| read_some(&mut new_client, &mut answer, 100) && answer.len() == 6);
    assert_eq!(answer, b"answer");

    assert!(rest(&mut world, &mut old_client) == bytes, "the old owner is flushed all the same");
    assert!(world.told.closed.is_empty());
}

pub fn a_closed_name_does_nothing<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    let never = ConnId { slot: 1_000_000, generation: 0 };
    world.io.close(id, false);
    for gone in [id, never] {
        world.io.close(gone, true);
        world.io.set_reading(gone, true);
        world.send(gone, b"nothing");
        assert_eq!(world.io.unsent(gone), 0);
    }
    assert_eq!(rest(&mut world, &mut client), b"");
    assert!(world.told.received.is_empty() && world.told.closed.is_empty());

    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (second, _also) = UnixStream::pair().unwrap();
    world.io.add(id, Socket::Fd(ours.into())).unwrap();
    assert!(world.io.add(id, Socket::Fd(second.into())).is_err(), "the slot is taken");
}

pub fn closed_listeners_refuse<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    world.io.close_listeners();
    let address = world.address;
    world.until("refused", |_| TcpStream::connect(address).is_err());
    assert_eq!(write_some(&mut client, b"still served"), 12);
    world.until("received", |world| world.received(id).len() == 12);
}

pub fn dropping_the_backend_ends_its_connections<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    let (stuck, mut slow) = world.connect();
    world.send(stuck, &pattern(64 * MB));
    world.turn();
    world.send(id, b"said, though no turn came after");
    let World { io, address, .. } = world;
    drop(io);
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
    for client in [&mut client, &mut slow] {
        client.set_nonblocking(false).unwrap();
        let mut got = Vec::new();
        while read_some(client, &mut got, MB) {}
        assert!(got.len() < 64 * MB);
    }
}

/// The ring belongs to the thread that used it. Elsewhere it cannot be emptied; it is given up, with the memory
/// that the kernel may still write to.
pub fn dropping_the_backend_on_another_thread<I: Io + Send + 'static>(make: Make<I>) {
    let thread = std::thread::spawn(move || {
        let mut world = World::new(make)?;
        let (id, client) = world.connect();
        world.send(id, &pattern(64 * MB));
        world.turn();
        Some((world.io, client))
    });
    let Some((io, mut client)) = thread.join().unwrap() else { return };
    drop(io);
    client.set_nonblocking(true).unwrap();
    assert!(read_some(&mut client, &mut Vec::new(), MB), "what the kernel had taken is still there");
}
