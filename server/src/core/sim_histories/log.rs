//! What the clients of a run saw, read from what they sent and what came back: the only thing the judges know.
//!
//! A connection is a client. What it sent is cut into *units*, each of which takes effect at one moment: a command,
//! or an EXEC with the commands queued for it. A unit without an answer may have taken effect or not; commands that
//! were queued and whose EXEC was never sent have not.

use crate::io::sim::Operation;

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Nil,
    Int(i64),
    Text(String),
    Error(String),
    Many(Vec<Answer>),
}

impl Answer {
    /// Reads one whole RESP2 reply.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let answer = Self::take(&mut rest);
        assert!(rest.is_empty(), "one reply");
        answer
    }

    fn take(rest: &mut &[u8]) -> Self {
        let end = rest.windows(2).position(|w| w == b"\r\n").expect("a line");
        let line = std::str::from_utf8(&rest[1..end]).expect("text").to_owned();
        let kind = rest[0];
        *rest = &rest[end + 2..];
        match (kind, line.parse::<i64>()) {
            (b'$' | b'*', Ok(-1)) => Answer::Nil,
            (b'$', Ok(len)) => {
                let text = String::from_utf8_lossy(&rest[..len as usize]).into_owned();
                *rest = &rest[len as usize + 2..];
                Answer::Text(text)
            }
            (b'*', Ok(len)) => Answer::Many((0..len).map(|_| Self::take(rest)).collect()),
            (b':', Ok(n)) => Answer::Int(n),
            (b'-', _) => Answer::Error(line),
            (b'+', _) => Answer::Text(line),
            _ => panic!("no RESP2: {line:?}"),
        }
    }

    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Answer::Int(n) => Some(*n),
            Answer::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Answer::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array; none of anything else.
    pub(super) fn many(&self) -> &[Answer] {
        match self {
            Answer::Many(all) => all,
            _ => &[],
        }
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.many().iter().filter_map(Answer::text)
    }
}

/// One command: its words, and what it answered, if it did.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) words: Vec<String>,
    pub(super) answer: Option<Answer>,
}

impl Command {
    pub(super) fn name(&self) -> &str {
        &self.words[0]
    }

    /// A word; an empty one where there is none.
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }
}

/// What takes effect at one moment.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) client: usize,
    pub(super) called: u64,
    /// `u64::MAX`: never.
    pub(super) answered: u64,
    /// Of an EXEC those that were queued.
    pub(super) commands: Vec<Command>,
    pub(super) is_exec: bool,
    /// An EXEC that was answered with nil or an error: it ran nothing.
    pub(super) refused: bool,
    /// What was read of watched keys between WATCH and MULTI.
    pub(super) watched: Vec<Command>,
}

impl Unit {
    pub(super) fn is_answered(&self) -> bool {
        self.answered != u64::MAX
    }

    pub(super) fn has_key(&self, prefix: &str) -> bool {
        self.commands.iter().any(|c| c.words.iter().skip(1).any(|w| w.starts_with(prefix)))
    }
}

/// Reads what one client saw.
pub(super) fn units(client: usize, operations: &[Operation], into: &mut Vec<Unit>) {
    let mut reader = Reader { client, into, queue: None, watching: None };
    operations.iter().for_each(|operation| reader.operation(operation));
}

struct Reader<'a> {
    client: usize,
    into: &'a mut Vec<Unit>,
    queue: Option<Vec<Command>>,
    /// Watched keys, and what was read since.
    watching: Option<(Vec<String>, Vec<Command>)>,
}

impl Reader<'_> {
    fn operation(&mut self, operation: &Operation) {
        let words = operation.args.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        let (answered, answer) = match &operation.reply {
            Some((at, bytes)) => (*at, Some(Answer::parse(bytes))),
            None => (u64::MAX, None),
        };
        let command = Command { words, answer };
        match (command.name(), &mut self.queue) {
            ("MULTI", _) => self.queue = Some(Vec::new()),
            ("DISCARD", _) => (self.queue, self.watching) = (None, None),
            ("UNWATCH", None) => self.watching = None,
            ("EXEC", Some(_)) => self.exec(operation.invoked_ns, answered, command),
            (_, Some(queue)) => queue.push(Command { answer: None, ..command }),
            ("WATCH", None) => {
                let (keys, _) = self.watching.get_or_insert_default();
                keys.extend(command.words.into_iter().skip(1));
            }
            (_, None) => self.alone(operation.invoked_ns, answered, command),
        }
    }

    fn alone(&mut self, called: u64, answered: u64, command: Command) {
        if let Some((keys, reads)) = &mut self.watching
            && command.words.iter().any(|w| keys.contains(w))
        {
            reads.push(command.clone());
        }
        let (client, commands) = (self.client, vec![command]);
        let (is_exec, refused, watched) = (false, false, Vec::new());
        self.into.push(Unit { client, called, answered, commands, is_exec, refused, watched });
    }

    fn exec(&mut self, called: u64, answered: u64, exec: Command) {
        let mut commands = self.queue.take().unwrap_or_default();
        let watched = self.watching.take().map(|(_, reads)| reads).unwrap_or_default();
        let refused = matches!(exec.answer, Some(Answer::Nil | Answer::Error(_)));
        if let Some(Answer::Many(answers)) = exec.answer {
            assert_eq!(answers.len(), commands.len(), "an answer for each command of an EXEC");
            commands.iter_mut().zip(answers).for_each(|(command, answer)| command.answer = Some(answer));
        }
        let client = self.client;
        self.into.push(Unit { client, called, answered, commands, is_exec: true, refused, watched });
    }
}

/// A line for each unit that has to do with one of these keys, in the order of their calls: the last `max` of
/// them that were called before `seen`.
pub(super) fn lines(units: &[Unit], prefixes: &[String], seen: u64, max: usize) -> String {
    let concerns = |u: &Unit| u.called < seen && prefixes.iter().any(|p| u.has_key(p));
    let mut found: Vec<&Unit> = units.iter().filter(|u| concerns(u)).collect();
    found.sort_by_key(|u| u.called);
    let from = found.len().saturating_sub(max);
    let mut out =
        format!("{} of {} units with {prefixes:?}, microseconds:\n", found.len() - from, found.len());
    for u in &found[from..] {
        let ends = if u.is_answered() { format!("{}", u.answered / 1000) } else { "never".to_owned() };
        out += &format!("  client {:>3} {:>9}..{ends:<9}", u.client, u.called / 1000);
        out += if u.refused { " REFUSED" } else { "" };
        out += if u.is_exec { " EXEC" } else { "" };
        for c in &u.commands {
            let answer = c.answer.as_ref().map_or("?".to_owned(), short);
            out += &format!(" [{} -> {answer}]", c.words.join(" "));
        }
        out.push('\n');
    }
    out
}

fn short(answer: &Answer) -> String {
    match answer {
        Answer::Nil => "nil".to_owned(),
        Answer::Int(n) => n.to_string(),
        Answer::Text(text) | Answer::Error(text) => text.clone(),
        Answer::Many(all) => format!("({})", all.iter().map(short).collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(line: &str, reply: Option<&str>) -> Operation {
        let args = line.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        Operation { args, invoked_ns: 1, reply: reply.map(|r| (2, r.as_bytes().to_vec())) }
    }

    #[test]
    fn replies_are_read() {
        let answer = Answer::parse(b"*3\r\n$1\r\na\r\n*-1\r\n*2\r\n:5\r\n-ERR x\r\n");
        let inner = Answer::Many(vec![Answer::Int(5), Answer::Error("ERR x".to_owned())]);
        assert_eq!(answer, Answer::Many(vec![Answer::Text("a".to_owned()), Answer::Nil, inner]));
    }

    #[test]
    fn a_transaction_is_one_unit() {
        let log = [
            operation("WATCH a b", Some("+OK\r\n")),
            operation("GET a", Some("$1\r\n7\r\n")),
            operation("GET c", Some("$-1\r\n")),
            operation("MULTI", Some("+OK\r\n")),
            operation("SET a 8", Some("+QUEUED\r\n")),
            operation("GET b", Some("+QUEUED\r\n")),
            operation("EXEC", Some("*2\r\n+OK\r\n$-1\r\n")),
            operation("MULTI", Some("+OK\r\n")),
            operation("GET b", Some("+QUEUED\r\n")),
            operation("EXEC", Some("*-1\r\n")),
            operation("MULTI", None),
            operation("GET b", None),
            operation("EXEC", None),
            operation("MULTI", None),
            operation("SET b 1", None),
        ];
        let mut all = Vec::new();
        units(3, &log, &mut all);
        let shape: Vec<(usize, bool, bool, bool)> =
            all.iter().map(|u| (u.commands.len(), u.is_exec, u.refused, u.is_answered())).collect();
        let expected = [
            (1, false, false, true),
            (1, false, false, true),
            (2, true, false, true),
            (1, true, true, true),
            (1, true, false, false),
        ];
        assert_eq!(shape, expected);
        assert_eq!(all[2].watched.len(), 1);
        assert_eq!(all[2].commands[1].answer, Some(Answer::Nil));
        assert!(lines(&all, &["b".to_owned()], u64::MAX, 2).contains("REFUSED EXEC [GET b -> ?]"));
    }
}
