//! Starting and stopping: from the command line to cores that turn, and back.
//!
//! The order matters to whoever watches: a wrong configuration is told before anything is logged,
//! sockets are bound before threads start, no core turns before all of them can be woken, and
//! "Ready to accept connections" is said only when it is true.

use crate::clock::Ticks;
use crate::config::choices::IoBackend;
use crate::config::{self, Config, Invocation, Settings};
use crate::core::Core;
use crate::core::state::CoreState;
use crate::host::{self, cpus, limits};
use crate::io::{Backend, EpollIo, Io, Socket, UringIo};
use crate::life::{PidFile, Supervision, daemonize, make_room_for_title};
use crate::listen::{Listener, listen};
use crate::log::{self, banner};
use crate::shared::{CoreFacts, Shared, Start, StopReason};
use crate::{allocator, crash, loading, signal};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Entries of a core's submission queue: more operations than this in one turn are submitted in two goes.
const RING_ENTRIES: u32 = 1024;
/// What a ring with its buffers takes of locked memory on kernels that count it, in bytes.
const RING_LOCKED_BYTES: u64 = 1 << 20;

/// Runs what the command line asks for.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    match Invocation::parse(arguments) {
        Invocation::Help => print!("{}", config::usage()),
        Invocation::Version => println!("{}", banner::version_line()),
        Invocation::PrintConfig => print!("{}", config::print_config()),
        Invocation::CheckSystem => return host::check_system(),
        Invocation::Unsupported(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        Invocation::Run(start) => return serve(&start, arguments.is_empty()),
    }
    ExitCode::SUCCESS
}

/// Loads the configuration and serves until told to stop.
fn serve(start: &config::Start, no_arguments: bool) -> ExitCode {
    make_room_for_title();
    let config_file = start.absolute_config_file();
    let loaded = match start.load(&|name| proto::command::lookup(name).is_some()) {
        Ok(loaded) => loaded,
        Err(e) => {
            eprint!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let mut config = loaded.config;
    let settings = config.settings();
    if let Err(e) = std::env::set_current_dir(&settings.dir) {
        eprintln!("Can't chdir to '{}': {}", settings.dir.display(), config::os_reason(&e));
        return ExitCode::FAILURE;
    }
    let supervision = Supervision::begin(settings.supervised);
    let in_background = settings.daemonize && matches!(supervision, Supervision::None);
    if in_background && let Err(e) = daemonize() {
        eprintln!("Can't go into the background: {}", config::os_reason(&e));
        return ExitCode::FAILURE;
    }
    log::configure(&settings);
    if let Err(e) = log::start_writer() {
        eprintln!("Can't start the thread that writes the log: {}", config::os_reason(&e));
        return ExitCode::FAILURE;
    }
    crash::report_panics();
    if settings.crash_log_enabled {
        crash::install(log::file().as_deref());
    }
    banner::starting();
    banner::configured(no_arguments.then_some("percore-server"));
    loaded.warnings.iter().for_each(|w| log::warning(format_args!("{w}")));
    match limits::raise_open_files(settings.maxclients) {
        Ok(fits) => config.set_maxclients(fits),
        Err(why) => log::die(format_args!("{why}")),
    }
    run(config, config_file, &supervision, in_background)
}

/// Everything from a valid configuration on.
fn run(
    config: Config,
    config_file: Option<std::path::PathBuf>,
    supervision: &Supervision,
    in_background: bool,
) -> ExitCode {
    let settings = config.settings();
    let cpus = plan_cpus(&settings);
    let backend = choose_backend(&settings);
    let pid_file = PidFile::write(&settings, in_background);
    banner::logo(&settings, cpus.len());
    let listeners = listen(&settings).unwrap_or_else(|why| log::die(format_args!("{why}")));
    host::checks::warnings(&settings).iter().for_each(|w| log::warning(format_args!("{w}")));
    let shared = Shared::new(Start {
        cores: cpus.len(),
        config,
        config_file,
        hash_seed: u64::from_ne_bytes(random()),
        run_id: random::<20>().iter().map(|b| format!("{b:02x}")).collect(),
        started_unix_ms: unix_ms(),
        executable: std::env::current_exe().map(|p| p.display().to_string()).unwrap_or_default(),
        io_name: match backend {
            Backend::Uring => "io_uring",
            Backend::Epoll => "epoll",
        },
    });
    shared.process.lock().begin(&settings, shared.config_file.clone(), &listeners);
    watch_signals(&shared);
    log::set_role('M');
    banner::initialized();
    let kinds: Vec<&str> = listeners.iter().map(|l| l.kind).collect();
    if let Err(why) = allocator::purge_in_background() {
        log::warning(format_args!("Unused memory is given back by the cores themselves: {why}"));
    }
    loading::start::prepare(&shared);
    let threads = start_cores(&shared, backend, &cpus, listeners);
    if !allocator::calm_background_thread() {
        log::debug(format_args!("The allocator's thread runs at normal priority"));
    }
    loading::start::load_at_start(&shared);
    if !shared.loading.is_active() {
        ["tcp", "unix"].into_iter().filter(|kind| kinds.contains(kind)).for_each(banner::ready);
        supervision.ready();
    }
    for thread in threads {
        if thread.join().is_err() {
            log::die(format_args!("A core has failed"));
        }
    }
    supervision.stopping();
    if shared.stop_reason() == Some(StopReason::Signal) {
        log::warning(format_args!("User requested shutdown..."));
    }
    finish(&settings, pid_file)
}

fn finish(settings: &Settings, pid_file: Option<PidFile>) -> ExitCode {
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    if let Some(path) = &settings.unixsocket {
        log::notice(format_args!("Removing the unix socket file."));
        let _ = std::fs::remove_file(path); // someone else may have taken it away
    }
    log::warning(format_args!("Percore is now ready to exit, bye bye..."));
    log::flush();
    ExitCode::SUCCESS
}

/// The CPU of each shard.
fn plan_cpus(settings: &Settings) -> Vec<usize> {
    let mask = cpus::affinity().unwrap_or_else(|e| {
        let why = config::os_reason(&e);
        log::die(format_args!("Can't read the CPU affinity mask: {why}"))
    });
    let listed = config::units::cpu_list(&settings.cpus).unwrap_or_default();
    cpus::plan(settings.shards, &listed, &mask).unwrap_or_else(|why| log::die(format_args!("{why}")))
}

/// The backend that is asked for, or the best that works here.
fn choose_backend(settings: &Settings) -> Backend {
    match settings.io {
        IoBackend::Epoll => {
            log::notice(format_args!("I/O through epoll, as configured (io epoll)"));
            Backend::Epoll
        }
        IoBackend::Uring => match crate::io::probe_uring() {
            Ok(()) => Backend::Uring,
            Err(why) => log::die(format_args!("io_uring is asked for (io uring) and cannot be used: {why}")),
        },
        IoBackend::Auto => match Backend::choose() {
            (backend, None) => backend,
            (backend, Some(why)) => {
                log::warning(format_args!("I/O through epoll, since io_uring cannot be used here: {why}"));
                if let Some(more) = limits::locked_memory_shortage(RING_LOCKED_BYTES) {
                    log::warning(format_args!("{more}"));
                }
                backend
            }
        },
    }
}

fn watch_signals(shared: &Arc<Shared>) {
    let shared = shared.clone();
    let watching = signal::watch(move |_| {
        shared.ask_stop();
    });
    if let Err(e) = watching {
        log::die(format_args!("Can't watch for signals: {}", config::os_reason(&e)));
    }
}

/// Starts a thread a shard, and returns once all of them turn.
fn start_cores(
    shared: &Arc<Shared>,
    backend: Backend,
    cpus: &[usize],
    listeners: Vec<Listener>,
) -> Vec<JoinHandle<()>> {
    let ticks = Ticks::calibrated();
    let all_made = Arc::new(Barrier::new(cpus.len() + 1));
    let mut listeners = Some(listeners);
    let start = |(index, &cpu): (usize, &usize)| {
        let plan = CorePlan {
            index,
            cpu,
            shared: shared.clone(),
            ticks: ticks.clone(),
            listeners: listeners.take().unwrap_or_default(),
            all_made: all_made.clone(),
        };
        let body = move || match backend {
            Backend::Uring => UringIo::new(RING_ENTRIES).map(|io| plan.turn(io)),
            Backend::Epoll => EpollIo::new().map(|io| plan.turn(io)),
        };
        let checked = move || {
            if let Err(e) = body() {
                log::die(format_args!("Core {index} can't start its I/O: {}", config::os_reason(&e)));
            }
        };
        cpus::spawn_shard(index, cpu, checked).unwrap_or_else(|e| {
            log::die(format_args!("Can't start the thread of shard {index}: {}", config::os_reason(&e)))
        })
    };
    let threads = cpus.iter().enumerate().map(start).collect();
    all_made.wait();
    threads
}

/// What a core's thread is given. The first one gets the listeners, see [`crate::core::accept`].
struct CorePlan {
    index: usize,
    cpu: usize,
    shared: Arc<Shared>,
    ticks: Ticks,
    listeners: Vec<Listener>,
    all_made: Arc<Barrier>,
}

impl CorePlan {
    fn turn<I: Io>(self, mut io: I) {
        for (i, listener) in self.listeners.into_iter().enumerate() {
            if let Err(e) = io.add_listener(i, Socket::Fd(listener.fd)) {
                log::die(format_args!("Can't accept on {}: {}", listener.at, config::os_reason(&e)));
            }
        }
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        self.shared.facts.lock()[self.index] = Some(CoreFacts { cpu: self.cpu, tid });
        let mut core = Core::new(io, CoreState::new(self.index, self.shared, self.ticks));
        self.all_made.wait();
        core.run();
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    if let Err(e) = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        log::die(format_args!("The kernel gives no random numbers: {e}"));
    }
    bytes
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
