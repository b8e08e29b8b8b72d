//! Files beside sockets: what is written is there, what fails says so, and no end is lost.

use crate::Make;
use crate::limits::in_child;
use crate::world::{World, pattern, read_some, write_some};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::io::{File, FileDone, FileOp, Io};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KB: usize = 1 << 10;
const MB: usize = 1 << 20;
/// No test waits so long for anything but an event that is lost.
const AGES: Duration = Duration::from_secs(600);

fn write(offset: usize, bytes: &[u8], durable: bool) -> FileOp {
    FileOp::Write { offset: offset as u64, bytes: bytes.to_vec(), durable }
}

/// A file without a name, and its form for a backend.
fn file() -> (std::fs::File, File) {
    let file = tempfile::tempfile().unwrap();
    let shared = File::from(file.try_clone().unwrap());
    (file, shared)
}

fn contents(mut file: &std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn errno(done: &FileDone) -> Option<i32> {
    done.result.as_ref().err().and_then(std::io::Error::raw_os_error)
}

/// Cuts `len` bytes into pieces of many sizes, as (offset, length).
fn pieces(len: usize) -> Vec<(usize, usize)> {
    let mut cut = Vec::new();
    let mut at = 0;
    for size in [1, 4 * KB, 700, 64 * KB, 13, 300 * KB, MB].into_iter().cycle() {
        if at == len {
            break;
        }
        let size = size.min(len - at);
        cut.push((at, size));
        at += size;
    }
    cut
}

pub fn writes_beside_traffic<I: Io>(make: Make<I>) {
    const UNDER_WAY_MAX: usize = 24;
    let Some(mut world) = World::new(make) else { return };
    let (_, mut client) = world.connect();
    let files: Vec<_> = (0..3).map(|_| file()).collect();
    let bytes = pattern(5 * MB + 321);
    let mut todo: Vec<_> =
        pieces(bytes.len()).into_iter().flat_map(|piece| (0..files.len()).map(move |f| (f, piece))).collect();
    todo.reverse(); // From the end on: so the files have holes for a while.
    let (all, mut started, mut done) = (todo.len(), 0, 0);
    let (mut sent, mut echoed) = (0, Vec::new());
    world.until("all written", |world| {
        while started < all && started - done < UNDER_WAY_MAX {
            let (f, (at, len)) = todo[started];
            world.io.file(started as u64, &files[f].1, write(at, &bytes[at..at + len], started % 5 == 0));
            started += 1;
        }
        sent += write_some(&mut client, &bytes[sent..(sent + 50 * KB).min(bytes.len())]);
        world.echo();
        read_some(&mut client, &mut echoed, MB);
        for end in world.told.files.drain(..) {
            let (_, (at, len)) = todo[end.token as usize];
            end.result.unwrap();
            assert!(end.bytes == bytes[at..at + len], "the buffer of {} comes back", end.token);
            done += 1;
        }
        done == all
    });
    (0..files.len()).for_each(|f| world.io.file(f as u64, &files[f].1, FileOp::SyncData));
    world.until("all synced", |world| world.told.files.len() == files.len());
    assert!(world.told.files.iter().all(|end| end.result.is_ok() && end.bytes.is_empty()));
    files.iter().for_each(|(file, _)| assert!(contents(file) == bytes));
    world.until("all echoed", |world| {
        world.echo();
        read_some(&mut client, &mut echoed, MB) && echoed.len() == sent
    });
    assert!(echoed == bytes[..sent]);
}

/// More than a submission queue holds, handed over between two turns.
pub fn a_thousand_at_once<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (file, shared) = file();
    let bytes = pattern(1000 * 100);
    for i in 0..1000 {
        world.io.file(i as u64, &shared, write(i * 100, &bytes[i * 100..][..100], false));
    }
    world.until("all written", |world| world.told.files.len() == 1000);
    let mut tokens: Vec<u64> = world.told.files.iter().map(|end| end.token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, Vec::from_iter(0..1000), "each end is told once");
    assert!(contents(&file) == bytes);
}

pub fn an_end_ends_the_wait<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (_, shared) = file();
    for round in 0..50 {
        let op = if round % 2 == 0 { write(round, b"x", round % 4 == 0) } else { FileOp::SyncData };
        world.io.file(round as u64, &shared, op);
        while world.told.files.is_empty() {
            world.io.turn(Some(AGES), &mut world.told).unwrap();
        }
        let end = world.told.files.pop().unwrap();
        assert!(end.token == round as u64 && end.result.is_ok() && world.told.files.is_empty());
    }
}

pub fn errors_come_once_and_spare_the_rest<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (good, shared) = file();
    let full = File::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let read_only = File::from(std::fs::File::open("/proc/self/exe").unwrap());
    let bytes = pattern(100 * KB);
    for round in 0..20 {
        let at = round * 5 * KB;
        world.io.file(0, &shared, write(at, &bytes[at..][..5 * KB], round % 2 == 0));
        world.io.file(1, &full, write(0, b"no room", false));
        world.io.file(2, &read_only, write(0, b"not allowed", false));
        world.io.file(3, &File::Sim(1), write(0, b"no such file", true));
        world.io.file(4, &shared, write(at, b"", false));
    }
    world.until("all told", |world| world.told.files.len() == 100);
    for (token, expected, returned) in [
        (0, None, 5 * KB),
        (1, Some(libc::ENOSPC), 7),
        (2, Some(libc::EBADF), 11),
        (3, Some(libc::EBADF), 12),
        (4, None, 0),
    ] {
        let ends: Vec<_> = world.told.files.iter().filter(|end| end.token == token).collect();
        assert_eq!(ends.len(), 20);
        assert!(ends.iter().all(|end| errno(end) == expected && end.bytes.len() == returned), "{token}");
    }
    assert!(contents(&good) == bytes);
    // A refusal alone ends the wait too.
    world.told.files.clear();
    world.io.file(9, &File::Sim(1), FileOp::SyncData);
    world.io.turn(Some(AGES), &mut world.told).unwrap();
    assert_eq!(errno(&world.told.files[0]), Some(libc::EBADF));
}

/// A write that meets `ulimit -f` is short, and what follows of it is the error.
pub fn a_short_write_goes_on_until_the_error<I: Io>(make: Make<I>) {
    if !in_child() {
        return;
    }
    // The signal's default is to end the process; the server ignores it as well.
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).unwrap();
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(60_000), maximum }).unwrap();
    let Some(mut world) = World::new(make) else { return };
    let bytes = pattern(100_000);
    for durable in [false, true] {
        let (file, shared) = file();
        world.io.file(5, &shared, write(10_000, &bytes, durable));
        world.until("told", |world| !world.told.files.is_empty());
        let end = world.told.files.pop().unwrap();
        assert_eq!((errno(&end), end.bytes.len()), (Some(libc::EFBIG), bytes.len()));
        let mut written = vec![0; 50_000];
        file.read_exact_at(&mut written, 10_000).unwrap();
        assert!(written == bytes[..50_000] && file.metadata().unwrap().len() == 60_000);
    }
}

/// Hands over more than is done at once, and lets a turn begin with it.
fn flood<I: Io>(world: &mut World<I>, shared: &File, bytes: &[u8]) {
    for (token, (at, len)) in pieces(bytes.len()).into_iter().enumerate() {
        world.io.file(token as u64, shared, write(at, &bytes[at..at + len], false));
        if token == 3 {
            world.io.turn(Some(Duration::ZERO), &mut world.told).unwrap();
        }
    }
}

pub fn dropping_the_backend_finishes_its_files<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (file, shared) = file();
    let bytes = pattern(9 * MB);
    flood(&mut world, &shared, &bytes);
    drop(world);
    let start = Instant::now();
    while contents(&file) != bytes {
        assert!(start.elapsed() < Duration::from_secs(60), "what was handed over is done");
        std::thread::sleep(Duration::from_millis(10));
    }
    let File::Fd(fd) = shared else { panic!("a real file") };
    assert_eq!(Arc::strong_count(&fd), 1, "and its file is given back");
}

pub fn dropping_it_on_another_thread_is_safe<I: Io + Send + 'static>(make: Make<I>) {
    let bytes = pattern(9 * MB);
    let (file, shared) = file();
    let expected = bytes.clone();
    let thread = std::thread::spawn(move || {
        let mut world = World::new(make)?;
        flood(&mut world, &shared, &bytes);
        Some(world.io)
    });
    let Some(io) = thread.join().unwrap() else { return };
    drop(io);
    // Any part may be missing, as holes; but nothing else is there.
    let left = contents(&file);
    assert!(left.iter().zip(&expected).all(|(got, written)| got == written || *got == 0));
}

/// A file that never answers keeps nobody: its buffer is given up after a while.
pub fn a_write_that_never_ends<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (mut reader, writer) = std::io::pipe().unwrap();
    let shared = File::Fd(Arc::new(writer.into()));
    let bytes = pattern(MB);
    world.io.file(0, &shared, write(0, &bytes, false));
    let mut first = [0; 4096];
    world.turn();
    reader.read_exact(&mut first).unwrap();
    drop(world);
    assert!(first == bytes[..4096]);
}
