//! Bytes in and bytes out, fast and slow.

use crate::Make;
use crate::world::{World, pattern, read_some, write_some};
use server::io::{Io, Socket};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

const MB: usize = 1 << 20;

/// Writes all of `bytes` and reads as many back, through the echoing world.
fn round_trip<I: Io>(world: &mut World<I>, client: &mut (impl Read + Write), bytes: &[u8]) {
    let (mut written, mut back) = (0, Vec::new());
    world.until("echoed", |world| {
        if written < bytes.len() {
            written += write_some(client, &bytes[written..]);
        }
        world.echo();
        assert!(read_some(client, &mut back, MB));
        back.len() == bytes.len()
    });
    assert!(back == bytes, "{} bytes came back changed", bytes.len());
}

pub fn echoes_messages_of_all_sizes<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (_, mut client) = world.connect();
    for size in [1, 2, 511, 512, 513, 4096, 16 << 10, (16 << 10) + 1, 64 << 10, 100_000, MB, 5 * MB] {
        round_trip(&mut world, &mut client, &pattern(size));
    }
}

pub fn serves_sockets_that_are_non_blocking<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    world.address = listener.local_addr().unwrap();
    world.io.add_listener(1, Socket::Fd(listener.into())).unwrap();
    world.turn();
    let (_, mut client) = world.connect();
    round_trip(&mut world, &mut client, &pattern(10));

    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    world.adopt(Socket::Fd(ours.into()));
    round_trip(&mut world, &mut theirs, &pattern(3 * MB));
}

pub fn a_slow_reader_gets_a_big_reply_whole_and_in_order<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    let bytes = pattern(64 * MB);
    // One huge buffer, then thousands of small ones, then some of middling size.
    let (huge, rest) = bytes.split_at(40 * MB);
    let (small, middling) = rest.split_at(MB);
    world.send(id, huge);
    small.chunks(100).for_each(|part| world.send(id, part));
    middling.chunks(700_000).for_each(|part| world.send(id, part));
    assert_eq!(world.io.unsent(id), bytes.len());

    let (mut got, mut least, mut sent_late) = (Vec::new(), bytes.len(), false);
    world.until("all read", |world| {
        assert!(read_some(&mut client, &mut got, 300_000));
        let unsent = world.io.unsent(id);
        if !sent_late {
            assert!(unsent <= least, "unsent grows");
            assert!(unsent >= bytes.len().saturating_sub(got.len() + 32 * MB), "unsent is not told late");
            least = unsent;
        }
        if got.len() > 20 * MB && !sent_late {
            sent_late = true;
            world.send(id, b"and this");
        }
        got.len() == bytes.len() + 8
    });
    assert!(got[..bytes.len()] == bytes[..] && got.ends_with(b"and this"));
    assert_eq!(world.io.unsent(id), 0);
    round_trip(&mut world, &mut client, b"afterwards it is quick again");
}

pub fn a_slow_reader_of_its_own_echo_is_held_back<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    let bytes = pattern(64 * MB);
    let (mut written, mut back, mut paused, mut pauses) = (0, Vec::new(), false, 0);
    world.until("echoed", |world| {
        if written < bytes.len() {
            written += write_some(&mut client, &bytes[written..]);
        }
        world.echo();
        let unsent = world.io.unsent(id);
        assert!(unsent < 16 * MB, "the echo is held back: {unsent}");
        if paused != (unsent > MB) {
            paused = unsent > MB;
            pauses += 1;
            world.io.set_reading(id, !paused);
        }
        // Nothing is read before the client's own writing has come to a stop.
        if written == bytes.len() || pauses > 0 {
            assert!(read_some(&mut client, &mut back, 200_000));
        }
        back.len() == bytes.len()
    });
    assert!(back == bytes);
    assert!(pauses > 0, "the test did test it");
}

pub fn a_paused_connection_is_not_read_and_loses_nothing<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    // Off, on, off within a turn: the last word counts.
    for on in [false, true, false] {
        world.io.set_reading(id, on);
    }
    world.turn();
    let bytes = pattern(64 * MB);
    let (mut written, mut stuck) = (0, 0);
    while stuck < 50 {
        let count = write_some(&mut client, &bytes[written..]);
        written += count;
        stuck = if count == 0 { stuck + 1 } else { 0 };
        world.turn();
    }
    assert!(written < bytes.len(), "the client feels it");
    assert!(world.received(id).len() < MB, "but for what was on the way, nothing is read");

    world.io.set_reading(id, true);
    world.until("all received", |world| {
        if written < bytes.len() {
            written += write_some(&mut client, &bytes[written..]);
        }
        world.received(id).len() == bytes.len()
    });
    assert!(world.received(id) == bytes);
}

pub fn many_connections_at_once<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let mut clients: Vec<_> = (0..1000).map(|_| world.connect()).collect();
    for round in 0..5u32 {
        for (id, client) in &mut clients {
            let message = [id.slot.to_le_bytes(), round.to_le_bytes()].concat();
            assert_eq!(write_some(client, &message), message.len());
        }
        let mut heard = 0;
        world.until("heard all", |world| {
            heard += world.echo();
            heard == clients.len() * 8
        });
        for (id, client) in &mut clients {
            let mut back = Vec::new();
            world.until("answered", |_| {
                assert!(read_some(client, &mut back, 100));
                back.len() == 8
            });
            assert_eq!(back, [id.slot.to_le_bytes(), round.to_le_bytes()].concat());
        }
    }
}

pub fn many_slow_readers_at_once<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let bytes = pattern(6 * MB);
    let mut clients: Vec<_> = (0..40).map(|_| (world.connect(), Vec::new())).collect();
    // Every send comes short in the same turn.
    for ((id, _), _) in &clients {
        bytes.chunks(900_000).for_each(|part| world.send(*id, part));
    }
    world.until("all read", |_| {
        let mut done = true;
        for ((_, client), got) in &mut clients {
            if got.len() < bytes.len() {
                assert!(read_some(client, got, 100_000));
                done = false;
            }
        }
        done
    });
    assert!(clients.iter().all(|(_, got)| *got == bytes));
}

pub fn a_unix_socket<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let name = format!("percore-io-{}-{:?}.sock", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    world.io.add_listener(3, Socket::Fd(UnixListener::bind(&path).unwrap().into())).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    client.set_nonblocking(true).unwrap();
    world.until("accepted", |world| !world.told.sockets.is_empty());
    let socket = world.told.sockets.pop().unwrap();
    world.adopt(socket);
    for size in [1, 1000, 3 * MB] {
        round_trip(&mut world, &mut client, &pattern(size));
    }
}
