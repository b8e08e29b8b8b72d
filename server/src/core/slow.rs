//! The slow commands of a batch over several shards, for the slow log and the latency monitor.
//!
//! A shard notes which commands of its part took long; the core that asked, which knows the client, tells
//! of them once the whole batch is back: in the order of the pipeline, and a command that was split over
//! shards once, with all its arguments, as if one shard had run it. Its time is the sum over the parts
//! that were slow themselves. Nothing of this costs anything while no command is slow.

use super::gather::{Batch, Step};
use crate::work::Work;
use proto::args::{Args, OwnedArgs};
use proto::command::{CommandId, CommandSpec, spec};

/// A walk over the commands of one part.
struct Walk<'a> {
    work: &'a Work,
    /// The next command, its first span, and the next of the slow ones.
    command: usize,
    span: usize,
    slow: usize,
}

/// One command of a part.
#[derive(Clone, Copy)]
struct Ran<'a> {
    id: CommandId,
    args: Args<'a>,
    slow_ns: Option<u64>,
}

impl<'a> Walk<'a> {
    fn over(work: &'a Work) -> Self {
        Self { work, command: 0, span: 0, slow: 0 }
    }

    fn next(&mut self) -> Option<Ran<'a>> {
        let command = self.work.commands.get(self.command)?;
        let args = self.work.args_from(self.span, command);
        let slow = self.work.slow.get(self.slow).filter(|(index, _)| *index == self.command);
        self.slow += usize::from(slow.is_some());
        self.command += 1;
        self.span += command.count();
        Some(Ran { id: command.id, args, slow_ns: slow.map(|(_, nanos)| *nanos) })
    }
}

impl Batch {
    /// Tells of every slow command of a batch that is back: what it is, its arguments, nanoseconds.
    pub fn each_slow(&self, mut tell: impl FnMut(&'static CommandSpec, Args<'_>, u64)) {
        let works = || self.parts.iter().map(|part| part.work.as_deref());
        if works().flatten().all(|work| work.slow.is_empty()) {
            return;
        }
        let mut walks: Vec<Option<Walk<'_>>> = works().map(|work| work.map(Walk::over)).collect();
        let mut next = |part: u16| walks[part as usize].as_mut().and_then(Walk::next);
        for step in &self.steps {
            match *step {
                Step::Literal { .. } => {}
                Step::One { part } => {
                    if let Some(Ran { id, args, slow_ns: Some(nanos) }) = next(part) {
                        tell(spec(id), args, nanos);
                    }
                }
                Step::Many { from, to, .. } => {
                    let lanes = &self.lanes[from as usize..to as usize];
                    let mut ran: Vec<Option<Ran<'_>>> = vec![None; self.parts.len()];
                    for &part in lanes {
                        let one = &mut ran[part as usize];
                        *one = one.or_else(|| next(part));
                    }
                    let slow = ran.iter().flatten().filter_map(|one| one.slow_ns).reduce(|a, b| a + b);
                    if let (Some(nanos), Some(any)) = (slow, ran.iter().flatten().next()) {
                        tell(spec(any.id), whole(spec(any.id), lanes, &ran).args(), nanos);
                    }
                }
            }
        }
    }
}

/// The arguments of a split command, put together again: its name, and by key what each part was given.
fn whole(spec: &CommandSpec, lanes: &[u16], ran: &[Option<Ran<'_>>]) -> OwnedArgs {
    let given = |part: u16| ran[part as usize].map(|one| one.args);
    let Some(args) = lanes.first().and_then(|&part| given(part)) else { return OwnedArgs::default() };
    if spec.first_key() == 0 {
        return OwnedArgs::of(args.iter());
    }
    let step = spec.legacy_range.step.unsigned_abs() as usize;
    let mut out = OwnedArgs::of([args.at(0)]);
    let mut taken = vec![1; ran.len()];
    for &part in lanes {
        let from = &mut taken[part as usize];
        if let Some(args) = given(part) {
            (*from..*from + step).for_each(|i| out.push(args.at(i)));
        }
        *from += step;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::gather::Part;
    use super::*;
    use crate::io::ConnId;
    use crate::work::{WorkCommand, WorkPool};
    use proto::command::Split;

    /// A part that ran these commands, of which those at `slow` took so many nanoseconds.
    fn part(shard: usize, lines: &[(CommandId, &str)], slow: &[(usize, u64)]) -> Part {
        let mut work = WorkPool::default().take(0, ConnId { slot: 0, generation: 0 }, shard);
        for (id, line) in lines {
            work.begin(WorkCommand::new(*id, 0, 0));
            line.split(' ').for_each(|word| work.push(word.as_bytes()));
        }
        work.slow.extend_from_slice(slow);
        let mut part = Part::of(shard);
        part.work = Some(work);
        part
    }

    fn told(batch: &Batch) -> Vec<(String, u64)> {
        let mut told = Vec::new();
        batch.each_slow(|_, args, nanos| {
            let words: Vec<_> = args.iter().map(String::from_utf8_lossy).collect();
            told.push((words.join(" "), nanos));
        });
        told
    }

    #[test]
    fn a_split_command_is_told_once_and_whole() {
        use CommandId::{Dbsize, Get, Mset};
        let many = |from, to| Step::Many { split: Split::AllOk, from, to };
        let mut batch = Batch {
            parts: vec![
                part(0, &[(Mset, "mset b 2"), (Get, "get b"), (Dbsize, "dbsize")], &[(0, 5), (2, 1)]),
                part(1, &[(Get, "get a"), (Mset, "mset a 1 c 3"), (Dbsize, "dbsize")], &[(0, 9), (1, 7)]),
            ],
            lanes: vec![1, 0, 1, 0, 1],
            steps: vec![
                Step::One { part: 1 },
                Step::Literal { end: 0 },
                many(0, 3),
                Step::One { part: 0 },
                many(3, 5),
            ],
            ..Batch::default()
        };
        let expected = [("get a", 9), ("mset a 1 b 2 c 3", 12), ("dbsize", 1)];
        assert_eq!(told(&batch), expected.map(|(line, nanos)| (line.to_owned(), nanos)));
        batch.parts.iter_mut().flat_map(|p| &mut p.work).for_each(|work| work.slow.clear());
        assert_eq!(told(&batch), []);
    }
}
