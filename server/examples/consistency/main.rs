//! Whether many clients over real sockets can tell the server from one that runs one command after the other.
//!
//! It starts the server (or takes one that runs, `--port`) with each number of shards in turn, and lets clients
//! loose on it (`work/`):
//!
//! | work | what must hold |
//! |---|---|
//! | registers | single keys are linearizable (Wing and Gong's search) |
//! | lists | transactions that append and read are strictly serializable (cycle search, after Elle) |
//! | transfers | WATCH, MULTI and EXEC keep the sum of all accounts |
//! | sets | SMOVE leaves an element in exactly one of two sets |
//! | groups | keys that are always written together are never seen to differ |
//! | jobs | who pops `i` finds the job that was pipelined before it |
//! | queues | pops that wait lose nothing and deliver nothing twice |
//!
//! Clients leave at random with a command under way. At the first violation it prints the offending part of the
//! history and ends with exit code 1.
//!
//!     cargo run --release -p percore-server --example consistency -- --seconds 60 --shards 3,8
//!
//! `--plant lists` falsifies one reply in the work of that name: then it must end with exit code 1, and if it does not,
//! it is the judges who have failed. `--fairness` measures instead how long clients wait while others keep the server busy
//! with transactions over all shards (`fairness/`).

// A tool: a server that goes away, or answers with an error, ends it with the text.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;
mod fairness;
mod started;
mod work;

use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "consistency [--seconds 60: for each number of shards] [--shards 3,8] [--seed 1] [--fairness] \
    [--plant WORK: falsify a reply] [--server PATH: the binary] [--port PORT: of a server that runs; --shards is ignored]";

pub struct Options {
    seconds: u64,
    shards: Vec<usize>,
    seed: u64,
    fairness: bool,
    plant: Option<String>,
    server: Option<String>,
    port: Option<u16>,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options = Self {
            seconds: 60,
            shards: vec![3, 8],
            seed: 1,
            fairness: false,
            plant: None,
            server: None,
            port: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            if name == "--fairness" {
                options.fairness = true;
                continue;
            }
            let text = args.next().ok_or("an option without its value")?;
            let wrong = |_| format!("{name} {text} is not a number");
            match name.as_str() {
                "--seconds" => options.seconds = text.parse().map_err(wrong)?,
                "--seed" => options.seed = text.parse().map_err(wrong)?,
                "--port" => options.port = Some(text.parse().map_err(wrong)?),
                "--shards" => {
                    options.shards =
                        text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(wrong)?;
                }
                "--plant" => options.plant = Some(text),
                "--server" => options.server = Some(text),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }
}

/// One run; false: something is wrong, and has been printed.
fn examine(options: &Options, port: u16, name: &str, lie: Option<&work::Lie>) -> bool {
    let time = Duration::from_secs(options.seconds);
    if options.fairness {
        println!("{name}\n{}", fairness::measure(port, time));
        return true;
    }
    let result = work::run(port, time, options.seed, lie);
    match &result {
        Ok(judged) => println!("{name}: {judged} operations in {} s, no violation", options.seconds),
        Err(violation) => println!("{name}: seed {}: {violation}", options.seed),
    }
    result.is_ok()
}

fn main() -> ExitCode {
    let options = match Options::from_args() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    ExitCode::from(u8::from(!run(&options)))
}

fn run(options: &Options) -> bool {
    let lie = options.plant.as_ref().map(|name| {
        work::Lie::in_work(name).unwrap_or_else(|| panic!("--plant {name}: there is no such work"))
    });
    if let Some(port) = options.port {
        return examine(options, port, &format!("the server on port {port}"), lie.as_ref());
    }
    options.shards.iter().all(|&shards| {
        let server = started::Started::start(options.server.as_deref(), shards);
        examine(options, server.port, &format!("{shards} shards"), lie.as_ref())
    })
}
