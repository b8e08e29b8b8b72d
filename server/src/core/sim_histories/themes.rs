//! What clients ask: commands by theme, each theme on keys of its own and with a promise that the judges know.
//!
//! | theme | keys | what is asked | judged by |
//! |---|---|---|---|
//! | registers | `r:` | GET, SET, INCR, GETSET, DEL …; compare-and-set by WATCH | linearizability of each key |
//! | groups | `e:` | MSET, MSETNX, MGET, DEL of three keys, the same by MULTI; GET of one | that of three keys as one |
//! | queues | `q:` | pushes, pops and blocking pops at both ends | that of each list |
//! | appends | `a:` | RPUSH and LRANGE of several lists: in MULTI, under WATCH, in pipelines | list-append |
//! | accounts | `c:` | transfers by MULTI, by WATCH | the sum, whenever all are read at once |
//! | sets | `s:` | SMOVE among three sets; SUNION, SINTERCARD, SUNIONSTORE | each member is in one |
//! | tokens | `m:` | LMOVE, BLMOVE among three lists; RENAME to and fro (`t:`) | each is in one |
//! | jobs | `j:`, `k:` | `SET job`, `LPUSH queue` in a pipeline; workers that wait for two queues | a job that is found; no loss, no double |
//! | sorted | `z:` | ZADD, BZPOPMIN, BZMPOP over two keys | no loss, no double |
//! | streams | `st:` | XADD, XREAD BLOCK over two streams | nothing skipped, nothing twice |
//! | noise | `x:` | what holds keys, shards and the whole server: COPY of everybody's keys, SORT, BITOP, FLUSHDB, errors | nothing: it is to get in the way |
//!
//! Keys of the first four are replaced by new ones after some dozens of commands, since the judges' work grows
//! with the length of a key's history.

use crate::io::sim::Rng;

pub(super) type Words = Vec<String>;

pub(super) fn words(line: &str) -> Words {
    line.split(' ').map(str::to_owned).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Theme {
    Registers,
    Groups,
    Queues,
    Appends,
    Accounts,
    Sets,
    Tokens,
    Jobs,
    Sorted,
    Streams,
    Noise,
}

pub(super) const THEMES: [Theme; 11] = [
    Theme::Registers,
    Theme::Groups,
    Theme::Queues,
    Theme::Appends,
    Theme::Accounts,
    Theme::Sets,
    Theme::Tokens,
    Theme::Jobs,
    Theme::Sorted,
    Theme::Streams,
    Theme::Noise,
];

pub(super) const ACCOUNTS: u64 = 5;
pub(super) const BALANCE: i64 = 100;
pub(super) const MEMBERS: usize = 6;

/// What a client does when its answers are there.
#[derive(Clone, Debug)]
pub(super) enum Follow {
    /// WATCH and GET of a register have been sent.
    Register(String),
    /// WATCH and MGET of two accounts.
    Accounts(String, String),
    /// WATCH and LRANGE of a list.
    Appends(String),
    /// A pop: the jobs are looked up.
    Job,
    /// XREAD: the positions are moved on.
    Stream,
}

/// The commands that set the scene.
pub(super) fn scene() -> Vec<Words> {
    let mut all: Vec<Words> = (0..ACCOUNTS).map(|i| words(&format!("SET c:{i} {BALANCE}"))).collect();
    all.extend((0..MEMBERS).map(|i| words(&format!("SADD s:{} m{i}", i % 3))));
    all.extend((0..MEMBERS).map(|i| words(&format!("RPUSH m:{} m{i}", i % 3))));
    all.push(words("SET t:0 token"));
    all.push(words("RPUSH x:list 3 1 2"));
    all
}

/// The commands that read what is left in the end.
pub(super) fn epilogue() -> Vec<Words> {
    let lines = [
        "MULTI",
        "MGET c:0 c:1 c:2 c:3 c:4",
        "EXEC",
        "MULTI",
        "SMEMBERS s:0",
        "SMEMBERS s:1",
        "SMEMBERS s:2",
        "EXEC",
        "MULTI",
        "LRANGE m:0 0 -1",
        "LRANGE m:1 0 -1",
        "LRANGE m:2 0 -1",
        "EXEC",
        "EXISTS t:0 t:1",
        "LRANGE k:0 0 -1",
        "LRANGE k:1 0 -1",
        "LRANGE k:done 0 -1",
        "ZRANGE z:0 0 -1",
        "ZRANGE z:1 0 -1",
        "XRANGE st:0 - +",
        "XRANGE st:1 - +",
    ];
    lines.iter().map(|line| words(line)).collect()
}

/// What all clients of a run ask, in turn.
pub(super) struct Script {
    themes: Vec<Theme>,
    /// For values and elements that are never used twice.
    unique: u64,
    /// Clients (CLIENT ID) that can be unblocked.
    pub(super) ids: Vec<i64>,
}

impl Script {
    /// Draws what a run is about: a few themes that get in each other's way, or all of them.
    pub(super) fn draw(rng: &mut Rng, fixed: Option<&[Theme]>) -> Self {
        let mut themes = fixed.unwrap_or(&THEMES).to_vec();
        rng.shuffle(&mut themes);
        if fixed.is_none() && !rng.one_in(4) {
            themes.truncate(2 + rng.below(3) as usize);
        }
        Self { themes, unique: 0, ids: Vec::new() }
    }

    pub(super) fn unique(&mut self) -> u64 {
        self.unique += 1;
        self.unique
    }

    /// Keys are new after this many numbers have been drawn.
    fn epoch(&self) -> u64 {
        self.unique / 120
    }

    /// One thing to ask: commands that are sent together, and what follows. `forever`: a wait may have no end.
    pub(super) fn next(
        &mut self,
        rng: &mut Rng,
        streams: &[String; 2],
        forever: bool,
    ) -> (Vec<Words>, Option<Follow>) {
        let theme = self.themes[rng.below(self.themes.len() as u64) as usize];
        if !self.ids.is_empty() && rng.one_in(40) {
            let id = self.ids[rng.below(self.ids.len() as u64) as usize];
            let how = ["", " TIMEOUT", " ERROR"][rng.below(3) as usize];
            return (vec![words(&format!("CLIENT UNBLOCK {id}{how}"))], None);
        }
        let wait = Wait { forever };
        match theme {
            Theme::Registers => self.registers(rng),
            Theme::Groups => (self.groups(rng), None),
            Theme::Queues => (vec![self.queues(rng, &wait)], None),
            Theme::Appends => self.appends(rng),
            Theme::Accounts => self.accounts(rng),
            Theme::Sets => (sets(rng), None),
            Theme::Tokens => (tokens(rng, &wait), None),
            Theme::Jobs => self.jobs(rng, &wait),
            Theme::Sorted => (self.sorted(rng, &wait), None),
            Theme::Streams => self.streams(rng, streams, &wait),
            Theme::Noise => (self.noise(rng), None),
        }
    }

    fn registers(&mut self, rng: &mut Rng) -> (Vec<Words>, Option<Follow>) {
        let (n, epoch) = (self.unique(), self.epoch());
        let key = format!("r:{}:{epoch}", rng.below(3));
        let line = match rng.below(12) {
            0..=2 => format!("GET {key}"),
            3 | 4 => format!("SET {key} {n}"),
            5 | 6 => format!("INCR {key}"),
            7 => format!("GETSET {key} {n}"),
            8 => format!("DEL {key}"),
            9 => format!("SETNX {key} {n}"),
            10 => format!("GETDEL {key}"),
            _ => {
                let watch = [format!("WATCH {key}"), format!("GET {key}")];
                return (watch.iter().map(|l| words(l)).collect(), Some(Follow::Register(key)));
            }
        };
        (vec![words(&line)], None)
    }

    fn groups(&mut self, rng: &mut Rng) -> Vec<Words> {
        let (n, epoch) = (self.unique(), self.epoch());
        let group = rng.below(2);
        let mut keys = ["a", "b", "c"].map(|part| format!("e:{group}:{epoch}:{part}"));
        rng.shuffle(&mut keys);
        let [a, b, c] = keys;
        let all = format!("{a} {b} {c}");
        match rng.below(12) {
            0..=2 => vec![words(&format!("MSET {a} {n} {b} {n} {c} {n}"))],
            3 => vec![words(&format!("MGET {all}"))],
            4..=7 => vec![words(&format!("GET {a}"))],
            8 => vec![words(&format!("MSETNX {a} {n} {b} {n} {c} {n}"))],
            9 => vec![words(&format!("DEL {all}"))],
            10 => multi(rng, [&a, &b, &c].map(|k| format!("GET {k}")).to_vec()),
            _ => multi(rng, [&a, &b, &c].map(|k| format!("SET {k} {n}")).to_vec()),
        }
    }

    fn queues(&mut self, rng: &mut Rng, wait: &Wait) -> Words {
        let (n, epoch) = (self.unique(), self.epoch());
        let key = format!("q:{}:{epoch}", rng.below(2));
        let line = match rng.below(10) {
            0..=2 => format!("RPUSH {key} {n}"),
            3 => format!("LPUSH {key} {n}"),
            4 => format!("LPOP {key}"),
            5 => format!("RPOP {key}"),
            6 => format!("LLEN {key}"),
            7 => format!("BLPOP {key} {}", wait.seconds(rng)),
            8 => format!("BRPOP {key} {}", wait.seconds(rng)),
            _ => format!("BLMPOP {} 1 {key} LEFT", wait.seconds(rng)),
        };
        words(&line)
    }

    fn append_key(&self, rng: &mut Rng) -> String {
        format!("a:{}:{}", rng.below(4), self.unique / 60)
    }

    fn append_steps(&mut self, rng: &mut Rng) -> Vec<String> {
        let mut steps = Vec::new();
        for _ in 0..1 + rng.below(4) {
            let key = self.append_key(rng);
            if rng.below(2) == 0 {
                steps.push(format!("RPUSH {key} {}", self.unique()));
            } else {
                steps.push(format!("LRANGE {key} 0 -1"));
            }
        }
        steps
    }

    fn appends(&mut self, rng: &mut Rng) -> (Vec<Words>, Option<Follow>) {
        if rng.one_in(6) {
            let key = self.append_key(rng);
            let watch = [format!("WATCH {key}"), format!("LRANGE {key} 0 -1")];
            return (watch.iter().map(|l| words(l)).collect(), Some(Follow::Appends(key)));
        }
        let steps = self.append_steps(rng);
        if rng.below(2) == 0 {
            return (steps.iter().map(|l| words(l)).collect(), None);
        }
        (multi(rng, steps), None)
    }

    fn accounts(&mut self, rng: &mut Rng) -> (Vec<Words>, Option<Follow>) {
        let (from, n) = (rng.below(ACCOUNTS), rng.below(50));
        let to = (from + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS;
        let all = || (0..ACCOUNTS).map(|i| format!("c:{i}"));
        let commands = match rng.below(6) {
            0 | 1 => multi(rng, vec![format!("DECRBY c:{from} {n}"), format!("INCRBY c:{to} {n}")]),
            2 => {
                let (a, b) = (format!("c:{from}"), format!("c:{to}"));
                let watch = [format!("WATCH {a} {b}"), format!("MGET {a} {b}")];
                return (watch.iter().map(|l| words(l)).collect(), Some(Follow::Accounts(a, b)));
            }
            3 => multi(rng, all().map(|k| format!("GET {k}")).collect()),
            _ => vec![words(&format!("MGET {}", all().collect::<Vec<_>>().join(" ")))],
        };
        (commands, None)
    }

    fn jobs(&mut self, rng: &mut Rng, wait: &Wait) -> (Vec<Words>, Option<Follow>) {
        let queue = rng.below(2);
        let line = match rng.below(8) {
            0..=3 => {
                let mut lines = Vec::new();
                for _ in 0..1 + rng.below(3) {
                    let n = self.unique();
                    lines.extend([format!("SET j:{n} {n}"), format!("LPUSH k:{} {n}", rng.below(2))]);
                }
                if rng.one_in(4) {
                    return (multi(rng, lines), None);
                }
                return (lines.iter().map(|l| words(l)).collect(), None);
            }
            4 if rng.one_in(4) => return (multi(rng, vec!["BRPOP k:0 k:1 0".to_owned()]), None),
            4 => format!("BRPOP k:0 k:1 {}", wait.seconds(rng)),
            5 => format!("BLPOP k:1 k:0 {}", wait.seconds(rng)),
            6 if rng.one_in(2) => format!("BLMPOP {} 2 k:0 k:1 RIGHT COUNT 2", wait.seconds(rng)),
            6 => format!("BLMOVE k:{queue} k:done RIGHT LEFT {}", wait.seconds(rng)),
            _ if rng.one_in(2) => format!("RPOP k:{queue}"),
            _ => "LMPOP 2 k:1 k:0 RIGHT COUNT 2".to_owned(),
        };
        (vec![words(&line)], Some(Follow::Job))
    }

    fn sorted(&mut self, rng: &mut Rng, wait: &Wait) -> Vec<Words> {
        let key = rng.below(2);
        let line = match rng.below(6) {
            0 | 1 => format!("ZADD z:{key} {} {}", rng.below(100), self.unique()),
            2 => format!("BZPOPMIN z:0 z:1 {}", wait.seconds(rng)),
            3 => format!("BZPOPMAX z:1 z:0 {}", wait.seconds(rng)),
            4 => format!("BZMPOP {} 2 z:0 z:1 MIN COUNT 2", wait.seconds(rng)),
            _ => format!("ZPOPMIN z:{key}"),
        };
        vec![words(&line)]
    }

    fn streams(&mut self, rng: &mut Rng, at: &[String; 2], wait: &Wait) -> (Vec<Words>, Option<Follow>) {
        if rng.below(2) == 0 {
            return (vec![words(&format!("XADD st:{} * n {}", rng.below(2), self.unique()))], None);
        }
        let ms = if wait.forever && rng.one_in(4) { 0 } else { 1 + rng.below(30) };
        let line = format!("XREAD COUNT 20 BLOCK {ms} STREAMS st:0 st:1 {} {}", at[0], at[1]);
        (vec![words(&line)], Some(Follow::Stream))
    }

    fn noise(&mut self, rng: &mut Rng) -> Vec<Words> {
        let n = self.unique();
        let theirs = |rng: &mut Rng| {
            ["c:0", "c:3", "m:0", "m:2", "k:0", "k:1", "s:1", "z:0", "st:1", "t:0"][rng.below(10) as usize]
        };
        let (a, b) = (theirs(rng), theirs(rng));
        let line = match rng.below(16) {
            0 => format!("COPY {a} x:1 REPLACE"),
            1 => format!("COPY {b} x:2 REPLACE"),
            2 => "RENAME x:1 x:2".to_owned(),
            3 => "SUNIONSTORE x:3 s:0 s:1 s:2".to_owned(),
            4 => "BITOP XOR x:4 c:0 c:3 x:4".to_owned(),
            5 => "SORT x:list BY c:* GET c:* GET # STORE x:5".to_owned(),
            6 => "DBSIZE".to_owned(),
            7 => "PFMERGE x:6 x:7".to_owned(),
            8 => "ZUNIONSTORE x:8 2 z:0 z:1".to_owned(),
            9 => "LPUSH c:0 x".to_owned(),
            10 => "CLIENT GETNAME".to_owned(),
            11 => format!("EXISTS {a} {b} x:1 x:2"),
            12 => {
                let lines = ["SELECT 1", "MSET x:1 1 x:2 2", "FLUSHDB", "SELECT 0"];
                return multi(rng, lines.map(str::to_owned).to_vec());
            }
            13 => {
                let lines =
                    ["CLIENT ID".to_owned(), format!("COPY {a} x:9 REPLACE"), "INCR x:list".to_owned()];
                return multi(rng, lines.to_vec());
            }
            14 => return ["MULTI", "SET c:0", "LPUSH k:0 never", "EXEC"].map(words).to_vec(),
            _ => format!("SET x:{} {n} PX {}", rng.below(10), 1 + rng.below(20)),
        };
        vec![words(&line)]
    }

    /// What follows on the answers of a WATCH.
    pub(super) fn decide(&mut self, rng: &mut Rng, follow: &Follow, read: &[i64]) -> Vec<Words> {
        if rng.one_in(8) {
            return vec![words("UNWATCH")];
        }
        let n = self.unique();
        let lines = match follow {
            Follow::Register(key) => vec![format!("SET {key} {n}")],
            Follow::Accounts(a, b) => {
                let (from, to) = (read.first().copied().unwrap_or(0), read.get(1).copied().unwrap_or(0));
                let amount = rng.below(50) as i64;
                vec![format!("SET {a} {}", from - amount), format!("SET {b} {}", to + amount)]
            }
            Follow::Appends(key) => {
                let mut steps = self.append_steps(rng);
                steps.insert(0, format!("RPUSH {key} {n}"));
                steps
            }
            Follow::Job | Follow::Stream => Vec::new(),
        };
        multi(rng, lines)
    }
}

/// How long waits are.
struct Wait {
    forever: bool,
}

impl Wait {
    fn seconds(&self, rng: &mut Rng) -> String {
        match rng.below(4) {
            0 if self.forever => "0".to_owned(),
            0 | 1 => format!("0.00{}", 1 + rng.below(9)),
            _ => format!("0.0{}", 1 + rng.below(5)),
        }
    }
}

/// These as a transaction: some with a command among them that needs a session.
fn multi(rng: &mut Rng, mut lines: Vec<String>) -> Vec<Words> {
    if rng.one_in(3) {
        let more = ["COPY c:1 x:10 REPLACE", "CLIENT GETNAME", "SUNIONSTORE x:11 s:0 s:2", "DBSIZE"];
        let at = rng.below(lines.len() as u64 + 1) as usize;
        lines.insert(at, more[rng.below(4) as usize].to_owned());
    }
    lines.insert(0, "MULTI".to_owned());
    lines.push(if rng.one_in(16) { "DISCARD" } else { "EXEC" }.to_owned());
    lines.iter().map(|l| words(l)).collect()
}

fn two_of_three(rng: &mut Rng) -> (u64, u64) {
    let from = rng.below(3);
    (from, (from + 1 + rng.below(2)) % 3)
}

fn sets(rng: &mut Rng) -> Vec<Words> {
    let ((from, to), member) = (two_of_three(rng), rng.below(MEMBERS as u64));
    let line = match rng.below(8) {
        0..=3 => format!("SMOVE s:{from} s:{to} m{member}"),
        4 => return multi(rng, (0..3).map(|i| format!("SISMEMBER s:{i} m{member}")).collect()),
        5 => return multi(rng, (0..3).map(|i| format!("SMEMBERS s:{i}")).collect()),
        6 if rng.one_in(2) => "SUNION s:2 s:0 s:1".to_owned(),
        6 => format!("SINTERCARD 2 s:{from} s:{to}"),
        _ => "SUNIONSTORE x:12 s:0 s:1 s:2".to_owned(),
    };
    vec![words(&line)]
}

fn tokens(rng: &mut Rng, wait: &Wait) -> Vec<Words> {
    let (from, to) = two_of_three(rng);
    let line = match rng.below(10) {
        0 | 1 => format!("LMOVE m:{from} m:{to} LEFT RIGHT"),
        2 => format!("RPOPLPUSH m:{from} m:{to}"),
        3 => format!("BLMOVE m:{from} m:{to} RIGHT LEFT {}", wait.seconds(rng)),
        4 => format!("BRPOPLPUSH m:{from} m:{to} {}", wait.seconds(rng)),
        5 | 6 => return multi(rng, (0..3).map(|i| format!("LRANGE m:{i} 0 -1")).collect()),
        7 => "RENAME t:0 t:1".to_owned(),
        8 => "RENAMENX t:1 t:0".to_owned(),
        _ => "EXISTS t:0 t:1".to_owned(),
    };
    vec![words(&line)]
}
