//! Linearizability of commands on one key, by the search of Wing and Gong ("Testing and Verifying Concurrent
//! Objects", 1993), with Lowe's memory of configurations ("Testing for linearizability", 2017).
//!
//! The search takes one operation after the other: any that no other, not yet taken, was over before. It asks the model
//! whether the answer fits the state, goes on with the state after it, and goes back where nothing fits. A
//! configuration (which operations are taken, and the state) that was seen before is not searched again. An
//! operation without an answer may be taken at any time after its call, or never. What one client has called
//! before its last answer came (a pipeline) is taken in the order of the history.
//!
//! The cost is exponential in the number of operations under way at once, not in the length of the history.

use super::Op;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::hash::Hash;

/// What one key holds, and what commands on it answer.
pub trait Model {
    type State: Clone + Eq + Hash;
    type What;

    fn initial() -> Self::State;

    /// The state after an operation; `None` when its answer cannot be that of this state. An operation that was
    /// never answered fits any state.
    fn step(state: &Self::State, what: &Self::What, is_answered: bool) -> Option<Self::State>;
}

/// What a search with a limit has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Linearizable,
    /// It is not: the index of the answered operation called last among those that could not be reached.
    Not(usize),
    /// The limit was reached first.
    Undecided,
}

/// As [`check`], but gives up after so many configurations.
#[must_use]
pub fn check_within<M: Model>(history: &[Op<M::What>], configurations_max: usize) -> Verdict {
    let mut order: Vec<usize> = (0..history.len()).collect();
    order.sort_by_key(|&i| history[i].called);
    let limit = configurations_max;
    let mut search = Search::<M> { history, order: &order, seen: HashSet::new(), furthest: 0, limit };
    let taken = Taken::none(history.len());
    if search.from(taken, M::initial()) {
        return Verdict::Linearizable;
    }
    match order.get(search.furthest.min(order.len().saturating_sub(1))) {
        Some(&at) if search.seen.len() < limit => Verdict::Not(at),
        _ => Verdict::Undecided,
    }
}

/// Whether the history is linearizable; if not, the operation at which every order fails at the latest.
///
/// # Errors
/// The index of the answered operation that is called last among those that could not be reached.
pub fn check<M: Model>(history: &[Op<M::What>]) -> Result<(), usize> {
    match check_within::<M>(history, usize::MAX) {
        Verdict::Not(at) => Err(at),
        Verdict::Linearizable | Verdict::Undecided => Ok(()),
    }
}

/// The set of operations taken, as bits in the order of their calls.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Taken {
    bits: Vec<u64>,
    /// All before this one are taken.
    first_open: usize,
}

impl Taken {
    fn none(len: usize) -> Self {
        Self { bits: vec![0; len.div_ceil(64)], first_open: 0 }
    }

    fn has(&self, i: usize) -> bool {
        self.bits[i / 64] >> (i % 64) & 1 == 1
    }

    fn with(&self, i: usize, len: usize) -> Self {
        let mut more = self.clone();
        more.bits[i / 64] |= 1 << (i % 64);
        while more.first_open < len && more.has(more.first_open) {
            more.first_open += 1;
        }
        more
    }
}

struct Search<'a, M: Model> {
    history: &'a [Op<M::What>],
    order: &'a [usize],
    seen: HashSet<(Taken, M::State)>,
    /// How many operations, in the order of calls, some order has explained.
    furthest: usize,
    /// Configurations to look at, at most.
    limit: usize,
}

impl<M: Model> Search<'_, M> {
    /// Depth first, with a stack of its own: a history may be longer than the thread's.
    fn from(&mut self, taken: Taken, state: M::State) -> bool {
        let mut stack = vec![(taken, state)];
        while let Some((taken, state)) = stack.pop() {
            self.furthest = self.furthest.max(taken.first_open);
            if self.is_explained(&taken) {
                return true;
            }
            if !self.seen.insert((taken.clone(), state.clone())) {
                continue;
            }
            if self.seen.len() >= self.limit {
                return false;
            }
            for i in self.candidates(&taken).into_iter().rev() {
                let op = &self.history[self.order[i]];
                if let Some(after) = M::step(&state, &op.what, op.is_answered()) {
                    stack.push((taken.with(i, self.order.len()), after));
                }
            }
        }
        false
    }

    /// Nothing is left but what was never answered.
    fn is_explained(&self, taken: &Taken) -> bool {
        (taken.first_open..self.order.len())
            .all(|i| taken.has(i) || !self.history[self.order[i]].is_answered())
    }

    /// The operations that may come next: called before any that is open was answered, and of each client the first.
    fn candidates(&self, taken: &Taken) -> Vec<usize> {
        let mut first_answer = u64::MAX;
        let mut found = Vec::new();
        let mut clients: SmallVec<[usize; 16]> = SmallVec::new();
        for i in taken.first_open..self.order.len() {
            let op = &self.history[self.order[i]];
            if op.called > first_answer {
                break;
            }
            if !taken.has(i) {
                first_answer = first_answer.min(op.answered);
                if !clients.contains(&op.client) {
                    found.push(i);
                }
                if op.is_answered() {
                    clients.push(op.client); // its next came after it
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is read, set, and counted up.
    struct Register;

    enum Did {
        Read(i64),
        Write(i64),
        /// The value after.
        Incr(i64),
    }

    impl Model for Register {
        type State = i64;
        type What = Did;

        fn initial() -> i64 {
            0
        }

        fn step(&state: &i64, what: &Did, is_answered: bool) -> Option<i64> {
            match *what {
                Did::Read(n) => (n == state || !is_answered).then_some(state),
                Did::Write(n) => Some(n),
                Did::Incr(n) => (n == state + 1 || !is_answered).then_some(state + 1),
            }
        }
    }

    fn op(client: usize, called: u64, answered: u64, what: Did) -> Op<Did> {
        Op { client, called, answered, what }
    }

    fn judge(history: &[Op<Did>]) -> Result<(), usize> {
        check::<Register>(history)
    }

    #[test]
    fn overlapping_operations_may_take_either_order() {
        let first = op(0, 0, 10, Did::Write(1));
        assert_eq!(judge(&[first, op(1, 5, 15, Did::Read(0)), op(2, 12, 20, Did::Read(1))]), Ok(()));
    }

    #[test]
    fn a_stale_read_is_found() {
        let history = [op(0, 0, 10, Did::Write(1)), op(1, 11, 15, Did::Read(0))];
        assert_eq!(judge(&history), Err(1));
    }

    #[test]
    fn two_reads_cannot_see_a_write_come_and_go() {
        let history = [op(0, 0, 30, Did::Write(1)), op(1, 5, 10, Did::Read(1)), op(2, 11, 15, Did::Read(0))];
        assert!(judge(&history).is_err());
    }

    #[test]
    fn a_lost_increment_is_found() {
        let history = [op(0, 0, 10, Did::Incr(1)), op(1, 0, 10, Did::Incr(1))];
        assert!(judge(&history).is_err());
        let history = [op(0, 0, 10, Did::Incr(2)), op(1, 0, 10, Did::Incr(1))];
        assert_eq!(judge(&history), Ok(()));
    }

    #[test]
    fn what_was_never_answered_may_have_happened_or_not() {
        let lost = || op(0, 0, u64::MAX, Did::Write(7));
        assert_eq!(judge(&[lost(), op(1, 5, 6, Did::Read(0)), op(1, 7, 8, Did::Read(7))]), Ok(()));
        assert_eq!(judge(&[lost(), op(1, 5, 6, Did::Read(0)), op(1, 7, 8, Did::Read(0))]), Ok(()));
        assert!(judge(&[lost(), op(1, 5, 6, Did::Read(7)), op(1, 7, 8, Did::Read(0))]).is_err());
    }

    #[test]
    fn a_pipeline_keeps_its_order() {
        let history = |client| {
            [op(0, 0, 10, Did::Write(1)), op(client, 0, 10, Did::Write(2)), op(2, 11, 12, Did::Read(1))]
        };
        assert_eq!(judge(&history(1)), Ok(()));
        assert!(judge(&history(0)).is_err());
    }

    #[test]
    fn a_search_may_be_given_up() {
        let history: Vec<_> = (0..20).map(|n| op(n, 0, 100, Did::Incr(n as i64 + 2))).collect();
        assert_eq!(check_within::<Register>(&history, 100), Verdict::Not(0));
        let history: Vec<_> = (0..20).map(|n| op(n, 0, 100, Did::Write(n as i64))).collect();
        assert_eq!(check_within::<Register>(&history, 5), Verdict::Undecided);
        assert_eq!(check_within::<Register>(&history, 1000), Verdict::Linearizable);
    }

    #[test]
    fn a_long_history_is_no_matter() {
        let history: Vec<_> = (0..5000).map(|n| op(0, 2 * n, 2 * n + 1, Did::Incr(n as i64 + 1))).collect();
        assert_eq!(judge(&history), Ok(()));
    }
}
