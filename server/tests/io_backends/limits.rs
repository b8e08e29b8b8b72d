//! Descriptors: none left, and none leaked. Each runs in a process of its own, where nobody else
//! opens or closes any.

use crate::Make;
use crate::world::{World, read_some, write_some};
use rustix::net::{AddressFamily, SocketType, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::io::{Closed, Io};
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

/// True in the child that is to run the calling test; in the parent, starts it and judges it.
pub fn in_child() -> bool {
    const MARK: &str = "PERCORE_IO_TEST_CHILD";
    let thread = std::thread::current();
    let test = thread.name().expect("a test's thread is named after it");
    if std::env::var(MARK).is_ok_and(|name| name == test) {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    // With --test-threads over 1 the test has a thread, and so a name, of its own.
    child.args(["--exact", test, "--nocapture", "--test-threads=2"]).env(MARK, test);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Sets how many descriptors there may be.
fn permit(count: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum }).unwrap();
}

pub fn out_of_descriptors<I: Io>(make: Make<I>) {
    if !in_child() {
        return;
    }
    // Before the backend begins: io_uring notes the limit when it starts to accept.
    permit(64);
    let Some(mut world) = World::new(make) else { return };
    let (id, mut client) = world.connect();
    // These have a descriptor already, but connect only when no other is left.
    let clients: Vec<_> =
        (0..8).map(|_| socket(AddressFamily::INET, SocketType::STREAM, None).unwrap()).collect();
    let mut hoard: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(hoard.len() < 64);
    clients.iter().for_each(|client| connect(client, &world.address).unwrap());

    let (start, mut turns) = (Instant::now(), 0);
    while start.elapsed().as_millis() < 350 {
        world.io.turn(Some(Duration::from_millis(10)), &mut world.told).unwrap();
        turns += 1;
    }
    let tenths = start.elapsed().as_millis() as usize / 100;
    let errors = &world.told.accept_errors;
    assert!(!errors.is_empty() && errors.iter().all(|errno| *errno == libc::EMFILE), "{errors:?}");
    assert!(errors.len() <= tenths + 2, "it rests in between: {}", errors.len());
    assert!(turns <= 10 * tenths + 2 * errors.len() + 20, "no busy loop: {turns}");
    // The others are served meanwhile.
    assert_eq!(write_some(&mut client, b"hello"), 5);
    world.until("heard", |world| world.received(id) == b"hello");

    hoard.clear();
    world.until("accepted after all", |world| world.told.sockets.len() == clients.len());
}

pub fn churn_leaves_nothing_behind<I: Io>(make: Make<I>) {
    if !in_child() {
        return;
    }
    let Some(mut world) = World::new(make) else { return };
    let settled = |world: &mut World<I>| (0..10).for_each(|_| world.turn());
    settled(&mut world);
    let before = descriptors();
    for round in 0..3000 {
        let (id, mut client) = world.connect();
        assert_eq!(write_some(&mut client, b"hello"), 5);
        world.until("heard", |world| world.received(id) == b"hello");
        world.echo();
        match round % 3 {
            0 => {
                drop(client); // With the answer unread: a reset, or an end.
                world.until("the end is told", |world| world.ended(id).is_some());
                world.io.close(id, false);
            }
            1 => {
                world.io.close(id, true);
                let mut answer = Vec::new();
                world.until("closed", |_| !read_some(&mut client, &mut answer, 100));
                assert_eq!(answer, b"hello");
            }
            _ => {
                world.io.close(id, false);
                world.until("closed", |_| !read_some(&mut client, &mut Vec::new(), 100));
            }
        }
        assert!(matches!(world.ended(id), None | Some(Closed::Eof | Closed::Error(_))));
        world.told.closed.clear();
        world.told.received.clear();
    }
    settled(&mut world);
    assert_eq!(descriptors(), before);
}
