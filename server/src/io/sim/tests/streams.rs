//! Bytes and ends of connections.

use super::echo::{UNSENT_MAX, echoes, pattern, received};
use crate::io::Closed;
use crate::io::sim::{ClientState, Outcome, Plan, SimClient, SimWorld, for_seeds};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn small_and_large_messages_come_back() {
    for_seeds(30, |seed| {
        let world = SimWorld::new(seed, 2, Plan::default());
        let (listener, mut cores) = echoes(&world, 2);
        let sizes = [1, 100, 5_000, 300_000];
        let clients = sizes.map(|_| world.connect(listener));
        for (client, size) in clients.iter().zip(sizes) {
            world.client_send(*client, &pattern(size, size));
        }
        let mut got = sizes.map(|_| Vec::new());
        let outcome = world.run_until(&mut cores, LIMIT, || {
            for (client, got) in clients.iter().zip(&mut got) {
                got.extend(received(&world, *client));
            }
            got.iter().zip(sizes).all(|(g, size)| g.len() >= size)
        });
        assert_eq!(outcome, Outcome::Done);
        for (got, size) in got.iter().zip(sizes) {
            assert!(*got == pattern(size, size), "{size} bytes came back changed");
        }
    });
}

#[test]
fn a_slow_reader_holds_the_server_back_and_loses_nothing() {
    for_seeds(20, |seed| {
        let world = SimWorld::new(seed, 1, Plan::default());
        let (listener, mut cores) = echoes(&world, 1);
        let client = world.connect(listener);
        let sent = pattern(1 << 20, 3);
        world.client_set_reading(client, false);
        world.client_send(client, &sent);
        assert_eq!(world.run_until(&mut cores, LIMIT, || false), Outcome::Quiet, "all buffers are full");
        assert_eq!(received(&world, client), b"");
        let (_, reading, count) = cores[0].live[&0];
        assert!(!reading && count < sent.len(), "back-pressure stops the reading");
        // One more turn's bytes may come after the limit was noticed.
        assert!(cores[0].most_unsent <= UNSENT_MAX + (96 << 10), "{}", cores[0].most_unsent);
        let mut got = Vec::new();
        for _ in 0..1_000 {
            world.client_read(client, 10_000);
            world.run_for(&mut cores, Duration::from_micros(200));
            got.extend(received(&world, client));
        }
        assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
    });
}

#[test]
fn after_a_half_close_the_rest_still_comes_then_the_end() {
    for_seeds(30, |seed| {
        let world = SimWorld::new(seed, 1, Plan::default());
        let (listener, mut cores) = echoes(&world, 1);
        let client = world.connect(listener);
        let sent = pattern(100_000, 1);
        world.client_send(client, &sent);
        world.client_half_close(client);
        let ended = || world.client_state(client) != ClientState::Open;
        assert_eq!(world.run_until(&mut cores, LIMIT, ended), Outcome::Done);
        assert_eq!(world.client_state(client), ClientState::Eof);
        assert!(received(&world, client) == sent);
        assert_eq!(cores[0].ends, [Closed::Eof]);
        assert!(cores[0].live.is_empty());
    });
}

#[test]
fn close_with_flush_sends_what_is_queued_and_close_without_may_not() {
    let mut whole_without_flush = 0;
    for_seeds(30, |seed| {
        for flush in [true, false] {
            let world = SimWorld::new(seed, 1, Plan::default());
            let (listener, mut cores) = echoes(&world, 1);
            cores[0].close_on = Some(255);
            cores[0].flush = flush;
            let client = world.connect(listener);
            let mut sent = pattern(20_000, 1);
            sent.push(255);
            world.client_send(client, &sent);
            let ended = || world.client_state(client) != ClientState::Open;
            assert_eq!(world.run_until(&mut cores, LIMIT, ended), Outcome::Done);
            let got = received(&world, client);
            assert!(sent.starts_with(&got));
            assert_eq!(world.client_state(client), ClientState::Eof);
            assert_eq!(cores[0].ends, [], "closed is never called after close");
            if flush {
                assert!(got == sent, "{} of {}", got.len(), sent.len());
            } else {
                whole_without_flush += usize::from(got == sent);
            }
        }
    });
    assert_eq!(whole_without_flush, 0, "the byte that closes was queued in the same turn");
}

#[test]
fn closing_on_unread_bytes_resets_as_tcp_does() {
    let mut resets = 0;
    for seed in 0..30 {
        let world = SimWorld::new(seed, 1, Plan::default());
        let (listener, mut cores) = echoes(&world, 1);
        cores[0].close_on = Some(255);
        let client = world.connect(listener);
        world.client_send(client, &[1, 2, 255]);
        world.client_send(client, &pattern(1 << 20, 0));
        let ended = || world.client_state(client) != ClientState::Open;
        assert_eq!(world.run_until(&mut cores, LIMIT, ended), Outcome::Done);
        assert_eq!(received(&world, client), [1, 2, 255], "what was sent before is not lost");
        world.run_for(&mut cores, LIMIT);
        resets += u32::from(world.client_state(client) == ClientState::Reset);
    }
    assert!(resets > 0);
}

#[test]
fn a_reset_reaches_both_a_reader_and_a_blocked_writer() {
    for_seeds(30, |seed| {
        let world = SimWorld::new(seed, 1, Plan::default());
        let (listener, mut cores) = echoes(&world, 1);
        let [reader, writer] = [0, 1].map(|_| world.connect(listener));
        world.client_send(reader, b"x");
        world.client_set_reading(writer, false);
        world.client_send(writer, &pattern(1 << 20, 0));
        world.run_for(&mut cores, LIMIT);
        assert_eq!(cores[0].live.len(), 2);
        world.client_reset(reader);
        world.client_reset(writer);
        world.run_for(&mut cores, LIMIT);
        assert_eq!(cores[0].ends, [Closed::Error(libc::ECONNRESET); 2]);
        assert!(cores[0].live.is_empty());
        assert_eq!(world.client_state(reader), ClientState::Reset);
    });
}

#[test]
fn a_reused_slot_never_sees_events_of_its_last_owner() {
    // The echo takes the lowest free slot and checks every event against those alive before the
    // turn; here connections come, speak, and go in every way, all at once.
    for_seeds(20, |seed| {
        let plan = Plan { reset_one_in: 20, ..Plan::default() };
        let world = SimWorld::new(seed, 2, plan);
        let (listener, mut cores) = echoes(&world, 2);
        for core in &mut cores {
            core.close_on = Some(255);
            core.flush = seed % 2 == 0;
        }
        for round in 0..200 {
            let client = world.connect(listener);
            world.client_send(client, &pattern(1 + round * 7, round));
            match world.random(|r| r.below(5)) {
                0 => world.client_close(client),
                1 => world.client_half_close(client),
                2 => world.client_reset(client),
                3 => world.client_send(client, &[255, 1, 2, 3]),
                _ => {}
            }
            world.run_for(&mut cores, Duration::from_micros(50));
        }
        world.run_for(&mut cores, LIMIT);
        let served: u32 =
            cores.iter().flat_map(|c| c.live.values()).map(|(id, _, _)| id.generation).max().unwrap_or(0);
        assert!(served > 20, "slots were used again and again");
        let slots: usize = cores.iter().map(|c| c.live.len()).sum();
        assert!(slots < 150, "the ended connections were noticed: {slots} are left");
    });
}

#[test]
fn a_flood_does_not_starve_a_quiet_client() {
    for_seeds(5, |seed| {
        let world = SimWorld::new(seed, 1, Plan { stall_one_in: 0, ..Plan::default() });
        let (listener, mut cores) = echoes(&world, 1);
        let floods: Vec<_> = (0..8).map(|_| world.connect(listener)).collect();
        for flood in &floods {
            world.client_send(*flood, &pattern(1 << 20, 0));
        }
        let quiet = world.connect(listener);
        world.run_for(&mut cores, Duration::from_millis(2));
        for _ in 0..20 {
            let before = cores[0].turns;
            world.client_send(quiet, b"?");
            let mut got = Vec::new();
            let outcome = world.run_until(&mut cores, LIMIT, || {
                floods.iter().for_each(|f| drop(world.client_take(*f)));
                got.extend(received(&world, quiet));
                !got.is_empty()
            });
            assert_eq!((outcome, got.as_slice()), (Outcome::Done, b"?".as_slice()));
            let turns = cores[0].turns - before;
            // The way there and back is at most 440 us; a turn takes 0.3 us at least.
            assert!(turns < 1_500, "{turns} turns for one byte");
        }
    });
}

#[test]
fn a_closed_port_answers_with_a_reset() {
    let world = SimWorld::new(1, 1, Plan::default());
    let (listener, mut cores) = echoes(&world, 1);
    let early = world.connect(listener);
    world.run_for(&mut cores, LIMIT);
    crate::io::Io::close_listeners(&mut cores[0].io);
    let late = world.connect(listener);
    world.client_send(early, b"still served");
    world.run_for(&mut cores, LIMIT);
    assert_eq!(world.client_state(late), ClientState::Reset);
    assert_eq!(received(&world, early), b"still served");
}

#[test]
fn a_failed_accept_is_told_and_the_listener_goes_on() {
    let world = SimWorld::new(1, 1, Plan::default());
    let (listener, mut cores) = echoes(&world, 1);
    world.fail_accept(0, libc::EMFILE);
    let client = world.connect(listener);
    world.client_send(client, b"x");
    world.run_for(&mut cores, LIMIT);
    assert_eq!(cores[0].accept_errors, [libc::EMFILE]);
    assert_eq!(received(&world, client), b"x");
}

#[test]
fn a_killed_server_is_gone_for_its_clients_and_can_start_again() {
    let world = SimWorld::new(1, 1, Plan::default());
    let (listener, mut cores) = echoes(&world, 1);
    let client = world.connect(listener);
    world.client_send(client, b"x");
    world.run_for(&mut cores, LIMIT);
    world.kill_server();
    let (listener, mut cores) = echoes(&world, 1);
    let next = world.connect(listener);
    world.client_send(next, b"y");
    world.run_for(&mut cores, LIMIT);
    assert_eq!(world.client_state(client), ClientState::Reset);
    assert_eq!(received(&world, next), b"y");
}

#[test]
fn a_client_matches_replies_to_its_commands_and_times_both() {
    // The echo of a command is an array, which is a reply as good as any.
    let world = SimWorld::new(5, 2, Plan::default());
    let (listener, mut cores) = echoes(&world, 2);
    let mut client = SimClient::connect(&world, listener);
    client.pipeline(&[&["SET", "a", "1"], &["GET", "a", ""]]);
    assert_eq!(client.poll(), 2);
    assert_eq!(world.run_until(&mut cores, LIMIT, || client.settled()), Outcome::Done);
    let second = world.now();
    client.command(&["PING"]);
    assert_eq!(world.run_until(&mut cores, LIMIT, || client.settled()), Outcome::Done);
    let replies: Vec<_> = client.replies().collect();
    assert_eq!(replies[1], b"*3\r\n$3\r\nGET\r\n$1\r\na\r\n$0\r\n\r\n");
    assert_eq!(replies[2], b"*1\r\n$4\r\nPING\r\n");
    let history = client.history();
    assert_eq!(history[0].invoked_ns, history[1].invoked_ns);
    assert_eq!(history[2].invoked_ns, second);
    for operation in history {
        let (at, _) = operation.reply.as_ref().expect("a reply");
        assert!(*at >= operation.invoked_ns + 10_000, "there and back takes at least 2 x 5 us");
    }
}
