//! The flags as rows: each is read, explained by `--help`, and allowed in a workload file, from one place.
//!
//! The names are redis-benchmark's where it has the option; every one has a long name too, which is what a
//! workload file calls it (`-P 16` is `pipeline = 16` there). What follows the last flag is a command.

use crate::distribution::Distribution;
use crate::options::{Arrivals, IoKind, Options, ServerPid, Share};
use crate::value::Sizes;
use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

type Apply = fn(&mut Options, &str) -> Result<(), String>;

/// One flag.
pub struct Flag {
    /// Short name, with its dash; empty if there is none.
    pub short: &'static str,
    /// Long name, without dashes.
    pub long: &'static str,
    /// What its value is called; empty for a switch.
    pub value: &'static str,
    pub help: &'static str,
    apply: Apply,
}

const fn row(
    short: &'static str,
    long: &'static str,
    value: &'static str,
    help: &'static str,
    apply: Apply,
) -> Flag {
    Flag { short, long, value, help, apply }
}

/// Every flag, in the order of `--help`.
pub static FLAGS: &[Flag] = &[
    row("-h", "host", "<host>", "server's name or address (127.0.0.1)", |o, v| set(&mut o.host, v)),
    row("-p", "port", "<port>", "server's port (6379)", |o, v| set(&mut o.port, v)),
    row("-s", "socket", "<path>", "server's Unix socket, instead of host and port", |o, v| {
        some(&mut o.socket, v)
    }),
    row("-a", "password", "<password>", "AUTH with this password", |o, v| some(&mut o.password, v)),
    row("", "user", "<name>", "AUTH as this user; needs -a", |o, v| some(&mut o.user, v)),
    row("-u", "uri", "<uri>", "redis://[[user]:password@]host[:port][/db]", uri),
    row("", "dbnum", "<db>", "SELECT this database (0)", |o, v| set(&mut o.db, v)),
    row("-3", "resp3", "", "speak RESP3", |o, _| on(&mut o.resp3)),
    row("", "enable-tracking", "", "CLIENT TRACKING on, on every connection", |o, _| on(&mut o.tracking)),
    row(
        "",
        "cluster",
        "",
        "spread connections over the nodes of a cluster; {tag} in a key becomes a hash tag of the node",
        |o, _| on(&mut o.cluster),
    ),
    row("-c", "clients", "<n>", "connections (50)", |o, v| set(&mut o.clients, v)),
    row("", "threads", "<n>", "threads of the load (1)", |o, v| set(&mut o.threads, v)),
    row("-P", "pipeline", "<n>", "requests in flight on a connection (1)", |o, v| set(&mut o.pipeline, v)),
    row("-k", "keepalive", "<0|1>", "0: a new connection for every pipeline", |o, v| {
        truth(&mut o.keep_alive, v)
    }),
    row("-n", "requests", "<n>", "requests in all (100000, or as many as fit into --duration)", |o, v| {
        o.requests = Some(count(v)?);
        Ok(())
    }),
    row("", "duration", "<s>", "seconds to measure", |o, v| {
        o.duration = Some(seconds(v)?);
        Ok(())
    }),
    row("", "warmup", "<s>", "seconds of load before the measurement", |o, v| {
        o.warmup = seconds(v)?;
        Ok(())
    }),
    row(
        "",
        "rate",
        "<n>",
        "open loop: requests a second, due whether or not the server keeps up; latency counts from when a request was due",
        |o, v| {
            o.rate = Some(number(v)?);
            Ok(())
        },
    ),
    row("", "arrivals", "<kind>", "in open loop: even, or poisson (even)", |o, v| {
        choice(&mut o.arrivals, v, &[("even", Arrivals::Even), ("poisson", Arrivals::Poisson)])
    }),
    row("", "io", "<kind>", "epoll or uring (epoll)", |o, v| {
        choice(&mut o.io, v, &[("uring", IoKind::Uring), ("epoll", IoKind::Epoll)])
    }),
    row("", "cpus", "<list>", "CPUs of the load's threads, in turn: 1,3-4", |o, v| {
        o.cpus = cpus(v)?;
        Ok(())
    }),
    row("", "seed", "<n>", "seed of everything random (1)", |o, v| set(&mut o.seed, v)),
    row(
        "-r",
        "keyspace",
        "<n>",
        "__rand_int__ in a command is a random number below this, of 12 digits",
        |o, v| {
            o.keyspace = Some(count(v)?);
            Ok(())
        },
    ),
    row(
        "",
        "distribution",
        "<kind>",
        "of random numbers: uniform, zipf[:theta], hot[:keys%:requests%], gaussian[:deviation%], sequential (uniform)",
        |o, v| {
            o.distribution = Distribution::parse(v)?;
            Ok(())
        },
    ),
    row(
        "-d",
        "size",
        "<bytes>",
        "__data__ has this size: 64, evenly 16-1024, or by weight 64:0.9,1024:0.1 (3)",
        |o, v| {
            o.sizes = Sizes::parse(v)?;
            Ok(())
        },
    ),
    row("-x", "stdin", "", "the command's last argument comes from standard input", |o, _| {
        on(&mut o.stdin_argument)
    }),
    row("-t", "tests", "<names>", "built-in tests, parted by commas (all)", |o, v| {
        o.tests = v.split(',').map(|t| t.trim().to_lowercase()).collect();
        Ok(())
    }),
    row(
        "",
        "command",
        "<text>",
        "one of several commands; 'A; B; C' is sent as one and counted as one. Repeat for a mix",
        |o, v| {
            o.mix.push(Share { text: v.to_string(), ratio: 1, name: None });
            Ok(())
        },
    ),
    row("", "ratio", "<n>", "how often the --command before it comes, beside the others (1)", |o, v| {
        last(o)?.ratio = number(v)?;
        Ok(())
    }),
    row("", "name", "<text>", "what the report calls the --command before it", |o, v| {
        last(o)?.name = Some(v.to_string());
        Ok(())
    }),
    row("", "workload", "<file>", "run a workload file", |o, v| some(&mut o.workload, v)),
    row("", "phase", "<text>", "only the phases of the workload whose names hold this", |o, v| {
        some(&mut o.phase, v)
    }),
    row("", "verify", "", "check that every GET returns what was last acknowledged for its key", |o, _| {
        on(&mut o.verify)
    }),
    row("-I", "idle", "", "open the connections and wait", |o, _| on(&mut o.idle)),
    row("-l", "loop", "", "repeat for ever", |o, _| on(&mut o.repeat)),
    row("-e", "errors", "", "error replies are expected: they do not make the exit code 1", |o, _| {
        on(&mut o.expect_errors)
    }),
    row(
        "",
        "server-pid",
        "<pid>",
        "report the cost of this process; auto asks INFO, off does not (auto)",
        server_pid,
    ),
    row("-q", "quiet", "", "a line a test", |o, _| on(&mut o.quiet)),
    row("", "csv", "", "comma-separated values", |o, _| on(&mut o.csv)),
    row("", "json", "<file>", "write a JSON report; - is standard output", |o, v| some(&mut o.json, v)),
    row("", "hdr-log", "<file>", "write an HdrHistogram interval log", |o, v| some(&mut o.hdr_log, v)),
    row("", "seconds", "", "a row for each second in the report", |o, _| on(&mut o.seconds)),
    row("", "precision", "<n>", "decimal places of milliseconds (3)", |o, v| set(&mut o.precision, v)),
    row("", "help", "", "this text", |o, _| on(&mut o.help)),
    row("", "version", "", "the version", |o, _| on(&mut o.version)),
];

fn set<T: FromStr>(place: &mut T, text: &str) -> Result<(), String> {
    *place = number(text)?;
    Ok(())
}

fn some<T: FromStr>(place: &mut Option<T>, text: &str) -> Result<(), String> {
    *place = Some(number(text)?);
    Ok(())
}

#[allow(clippy::unnecessary_wraps)] // The form of every row.
fn on(place: &mut bool) -> Result<(), String> {
    *place = true;
    Ok(())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("bad value \"{text}\""))
}

/// A count; `1_000_000`, `1e6`, `10k`, `1m` too.
fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "").to_lowercase();
    let (digits, unit) = match plain.as_bytes().last() {
        Some(b'k') => (&plain[..plain.len() - 1], 1e3),
        Some(b'm') => (&plain[..plain.len() - 1], 1e6),
        _ => (plain.as_str(), 1.0),
    };
    if let (Ok(n), true) = (digits.parse(), unit == 1.0) {
        return Ok(n);
    }
    let n = number::<f64>(digits)? * unit;
    if (0.0..1e18).contains(&n) && n.fract() == 0.0 {
        Ok(n as u64)
    } else {
        Err(format!("bad value \"{text}\""))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let n: f64 = number(text.trim_end_matches('s'))?;
    Duration::try_from_secs_f64(n).map_err(|_| format!("bad value \"{text}\""))
}

fn truth(place: &mut bool, text: &str) -> Result<(), String> {
    choice(place, text, &[("0", false), ("1", true), ("false", false), ("true", true)])
}

fn choice<T: Copy>(place: &mut T, text: &str, choices: &[(&str, T)]) -> Result<(), String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    *place = found.ok_or_else(|| format!("\"{text}\" is none of {}", names.join(", ")))?.1;
    Ok(())
}

/// `1,3-4`.
pub fn cpus(text: &str) -> Result<Vec<usize>, String> {
    let mut list = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (number(first)?, number(last)?);
        if first > last || last >= rustix::thread::CpuSet::MAX_CPU {
            return Err(format!("bad value \"{text}\""));
        }
        list.extend(first..=last);
    }
    Ok(list)
}

fn last(options: &mut Options) -> Result<&mut Share, String> {
    options.mix.last_mut().ok_or_else(|| "comes after a --command".to_string())
}

fn server_pid(options: &mut Options, text: &str) -> Result<(), String> {
    options.server_pid = match text {
        "auto" => ServerPid::Auto,
        "off" => ServerPid::Off,
        pid => ServerPid::Pid(number(pid)?),
    };
    Ok(())
}

fn uri(options: &mut Options, text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("redis://").ok_or("the URI must begin with redis://")?;
    let (authority, db) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, address) = authority.rsplit_once('@').map_or((None, authority), |(l, a)| (Some(l), a));
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or(("", login));
        options.user = (!user.is_empty()).then(|| user.to_string());
        options.password = Some(password.to_string());
    }
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    if !host.is_empty() {
        options.host = host.to_string();
    }
    if !port.is_empty() {
        set(&mut options.port, port)?;
    }
    if db.is_empty() { Ok(()) } else { set(&mut options.db, db) }
}

/// What redis-benchmark has and this does not, with the reason.
const REFUSED: &[(&str, &str)] = &[("--tls", "TLS is not supported: measure without it")];

fn find(argument: &str) -> Option<&'static Flag> {
    let long = argument.strip_prefix("--");
    FLAGS.iter().find(|f| (!f.short.is_empty() && f.short == argument) || Some(f.long) == long)
}

/// Reads command-line arguments, without the program's name.
///
/// # Errors
/// A sentence for the user.
pub fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    parse_over(&mut options, arguments)?;
    Ok(options)
}

/// As [`parse`], over what is there.
///
/// # Errors
/// A sentence for the user.
pub fn parse_over(options: &mut Options, arguments: &[String]) -> Result<(), String> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some((flag, why)) = REFUSED.iter().find(|(flag, _)| flag == argument) {
            return Err(format!("{flag}: {why}"));
        }
        let Some(flag) = find(argument) else {
            if argument.len() > 1 && argument.starts_with('-') {
                return Err(format!("unknown flag {argument}; --help lists them"));
            }
            options.words = std::iter::once(argument).chain(rest).cloned().collect();
            break;
        };
        let value = match flag.value {
            "" => "",
            name => rest.next().ok_or_else(|| format!("{argument} needs {name}"))?,
        };
        (flag.apply)(options, value).map_err(|e| format!("{argument}: {e}"))?;
    }
    options.check()
}

/// Applies one setting of a workload file, by the flag's long name.
///
/// # Errors
/// A sentence for the user.
pub fn apply(options: &mut Options, long: &str, value: &str) -> Result<(), String> {
    let flag = FLAGS.iter().find(|f| f.long == long).ok_or_else(|| format!("unknown setting {long}"))?;
    if flag.value.is_empty() && value != "true" {
        return Err(format!("{long} is true or left out"));
    }
    (flag.apply)(options, value).map_err(|e| format!("{long}: {e}"))
}

const HEAD: &str = "\
Usage: percore-bench [flags] [command and its arguments]
       percore-bench compare --server 'NAME=COMMAND' --server 'NAME=COMMAND' [flags]

Measures a Redis-compatible server. Without a command it runs redis-benchmark's tests.

";

const TAIL: &str = "
In a command __rand_int__ is a random number (see -r) and __data__ a value (see -d).

  percore-bench -t set,get -P 16 -r 1000000 -n 10m
  percore-bench -r 100000 --rate 20000 --duration 10 GET key:__rand_int__
  percore-bench -r 100000 -d 64 --command 'SET key:__rand_int__ __data__' --command 'GET key:__rand_int__' --ratio 9
  percore-bench -r 100000 --command 'MULTI; SET a:__rand_int__ 1; SET b:__rand_int__ 2; EXEC'
  percore-bench --workload bench/workloads/strings.toml
";

/// The text of `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = HEAD.to_string();
    for flag in FLAGS {
        let names = if flag.short.is_empty() {
            format!("    --{}", flag.long)
        } else {
            format!("{}, --{}", flag.short, flag.long)
        };
        let usage = format!("{names} {}", flag.value);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {usage:<28} {}", flag.help);
    }
    text + TAIL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn flags_of_redis_benchmark() {
        let o = parsed("-h h -p 1 -a pw --user u -c 2 -n 3 -d 4 --dbnum 5 -3 --threads 6 -k 0 -r 7 -P 8 -q --csv -l -I -t SET,get --precision 1 -e")
            .expect("known flags");
        assert_eq!((o.host.as_str(), o.port, o.clients, o.requests, o.db), ("h", 1, 2, Some(3), 5));
        assert_eq!((o.threads, o.keep_alive, o.keyspace, o.pipeline), (6, false, Some(7), 8));
        assert_eq!(o.sizes, Sizes::Fixed(4));
        assert!(o.resp3 && o.quiet && o.csv && o.repeat && o.idle && o.expect_errors);
        assert_eq!(o.tests, ["set", "get"]);
    }

    #[test]
    fn a_command_takes_what_follows_the_flags() {
        let o = parsed("-r 10 lpush -x __rand_int__ -q").expect("a command");
        assert_eq!(o.words, ["lpush", "-x", "__rand_int__", "-q"]);
        assert!(!o.quiet);
    }

    #[test]
    fn several_commands_have_ratios() {
        let line = ["--command", "SET a b", "--ratio", "3", "--name", "writes", "--command", "GET a"];
        let o = parse(&line.map(String::from)).expect("a mix");
        assert_eq!(o.mix.len(), 2);
        assert_eq!((o.mix[0].ratio, o.mix[0].name.as_deref()), (3, Some("writes")));
        assert_eq!((o.mix[1].ratio, o.mix[1].text.as_str()), (1, "GET a"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, part) in [
            ("--bogus", "unknown flag --bogus"),
            ("-n", "-n needs <n>"),
            ("-n x", "-n: bad value"),
            ("-c 0", "-c must be"),
            ("--ratio 3", "comes after"),
            ("--tls", "TLS"),
            ("--io kqueue", "none of uring, epoll"),
            ("--rate -1", "--rate must be"),
            ("--user u", "--user needs -a"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn counts_uris_and_cpu_lists() {
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("1e6"), Ok(1_000_000));
        assert_eq!(count("1_000"), Ok(1000));
        assert_eq!(count("1.5m"), Ok(1_500_000));
        assert!(count("1.5").is_err() && count("-1").is_err());
        let o = parsed("-u redis://me:secret@host:7000/3").expect("a URI");
        assert_eq!((o.host.as_str(), o.port, o.db), ("host", 7000, 3));
        assert_eq!((o.user.as_deref(), o.password.as_deref()), (Some("me"), Some("secret")));
        assert_eq!(cpus("1,3-4"), Ok(vec![1, 3, 4]));
        assert!(cpus("4-3").is_err());
    }

    #[test]
    fn names_are_unique_and_helped() {
        let help = help();
        for (i, flag) in FLAGS.iter().enumerate() {
            assert!(help.contains(&format!("--{} ", flag.long)), "{}", flag.long);
            let again = |f: &Flag| f.long == flag.long || (!f.short.is_empty() && f.short == flag.short);
            assert!(!FLAGS[..i].iter().any(again), "{}", flag.long);
        }
    }
}
