//! Starting and stopping: from the command line to cores that turn, and back.

use crate::clock::Ticks;
use crate::config::{self, Invocation};
use crate::core::Core;
use crate::core::state::CoreState;
use crate::io::{Backend, EpollIo, Io, Socket, UringIo};
use crate::shared::{Shared, Start};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};

/// Runs what the command line asks for.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    match Invocation::parse(arguments) {
        Invocation::Help => print!("{}", config::usage()),
        Invocation::Run(start) => return start_server(&start),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn start_server(start: &config::Start) -> ExitCode {
    let loaded = match start.load(&|name| proto::command::lookup(name).is_some()) {
        Ok(l) => l,
        Err(e) => {
            eprint!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let s = loaded.config.settings();
    crate::log::configure(&s);
    let cores = if s.shards == 0 { 1 } else { s.shards };
    let shared = Shared::new(Start {
        cores,
        config: loaded.config,
        config_file: None,
        hash_seed: 12345,
        run_id: "0".repeat(40),
        started_unix_ms: 0,
        executable: String::new(),
        io_name: "uring",
    });
    let l = std::net::TcpListener::bind(("127.0.0.1", s.port)).unwrap();
    let l: std::os::fd::OwnedFd = l.into();
    let barrier = Arc::new(Barrier::new(cores));
    let mut l = Some(l);
    let epoll = s.io.word() == "epoll" || Backend::choose().0 == Backend::Epoll;
    let hs: Vec<_> = (0..cores)
        .map(|i| {
            let (shared, barrier) = (shared.clone(), barrier.clone());
            let l = if i == 0 { l.take() } else { None };
            std::thread::spawn(move || {
                if epoll {
                    go(EpollIo::new().unwrap(), i, l, shared, &barrier)
                } else {
                    go(UringIo::new(1024).unwrap(), i, l, shared, &barrier)
                }
            })
        })
        .collect();
    for h in hs {
        let _ = h.join();
    }
    ExitCode::SUCCESS
}

fn go<I: Io>(mut io: I, i: usize, l: Option<std::os::fd::OwnedFd>, shared: Arc<Shared>, barrier: &Barrier) {
    if let Some(l) = l {
        io.add_listener(0, Socket::Fd(l)).unwrap();
    }
    let mut core = Core::new(io, CoreState::new(i, shared, Ticks::calibrated()));
    barrier.wait();
    core.run();
}
