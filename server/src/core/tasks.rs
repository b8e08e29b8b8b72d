//! Questions that every core must answer (CLIENT LIST, DEBUG DIGEST …): a task goes to each, and
//! the asking connection waits until the last answer is in.

use super::account::Pending;
use super::state::CoreState;
use crate::conn::Doing;
use crate::io::ConnId;
use crate::task::{Answer, Run, Task};
use crate::work::{Direct, Ordered};

/// What is done with the answers, in the order of the cores.
pub type Finish = Box<dyn FnOnce(&mut CoreState, ConnId, Vec<Answer>) + Send>;

/// A question under way.
pub struct Question {
    number: u64,
    answers: Vec<Option<Answer>>,
    waiting: usize,
    finish: Finish,
    /// The command that asks, to be counted when it is answered.
    pub pending: Option<Pending>,
    /// The session that the command is a stage of.
    pub session: Option<u64>,
}

/// When a task runs on each core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At once.
    Direct,
    /// At one point of the order of commands, the same on all shards.
    Ordered,
}

impl CoreState {
    /// Asks every core, this one included; `finish` gets the answers and writes the reply. The
    /// connection takes no further command until then. A client that goes away before is
    /// forgotten, with its question: so what must happen belongs into `run`, not into `finish`.
    pub fn ask_all(&mut self, id: ConnId, when: When, run: Run, finish: Finish) {
        let cores: Vec<usize> = (0..self.shared.mailboxes.cores()).collect();
        self.ask(id, &cores, when, run, finish);
    }

    /// Asks some cores.
    pub fn ask(&mut self, id: ConnId, cores: &[usize], when: When, run: Run, finish: Finish) {
        let number = self.transaction();
        // A session's shards are held, all of them: this is its point of the order, and they run nothing else.
        let when = if self.alone.is_some() { When::Direct } else { when };
        for &core in cores {
            let task = Task { run: run.clone(), origin: self.index, conn: id, transaction: number };
            match when {
                When::Direct => self.outbox.direct(core, Direct::Task(task)),
                When::Ordered => self.outbox.ordered(core, Ordered::Task(task)),
            }
        }
        if when == When::Ordered && cores.len() > 1 {
            self.outbox.spans_shards();
        }
        if let Some(conn) = self.conns.get(id) {
            let answers = (0..self.shared.mailboxes.cores()).map(|_| None).collect();
            let (waiting, session) = (cores.len(), self.alone);
            let question = Question { number, answers, waiting, finish, pending: None, session };
            conn.doing = Doing::Question(Box::new(question));
        }
    }

    /// Asks every core, at one point of the order, and waits for one more answer, which `register` is told the number
    /// of the question for, with this core's index.
    pub fn ask_and_wait(&mut self, id: ConnId, run: Run, finish: Finish, register: impl FnOnce(usize, u64)) {
        self.ask_all(id, When::Ordered, run, finish);
        if let Some(conn) = self.conns.get(id)
            && let Doing::Question(question) = &mut conn.doing
        {
            question.waiting += 1;
            register(self.index, question.number);
        }
    }

    /// The connection waits for one answer with this number, which comes from a thread that is no core's.
    pub fn wait_for_answer(&mut self, id: ConnId, number: u64, finish: Finish) {
        let session = self.alone;
        let answers = (0..self.shared.cores()).map(|_| None).collect();
        if let Some(conn) = self.conns.get(id) {
            let question = Question { number, answers, waiting: 1, finish, pending: None, session };
            conn.doing = Doing::Question(Box::new(question));
        }
    }

    pub fn run_task(&mut self, task: Task) {
        let answer = (task.run)(self);
        let core = self.index;
        let (conn, transaction) = (task.conn, task.transaction);
        self.outbox.direct(task.origin, Direct::Answer { conn, transaction, core, answer });
    }

    pub fn answered(&mut self, id: ConnId, number: u64, core: usize, answer: Answer) {
        let Some(conn) = self.conns.get(id) else { return };
        let Doing::Question(q) = &mut conn.doing else { return };
        if q.number != number {
            return;
        }
        q.answers[core] = Some(answer);
        q.waiting -= 1;
        if q.waiting > 0 {
            return;
        }
        let Doing::Question(q) = std::mem::take(&mut conn.doing) else { return };
        let before = self.reply_len(id);
        (q.finish)(self, id, q.answers.into_iter().flatten().collect());
        if let Some(conn) = self.conns.get(id)
            && let Doing::Question(next) = &mut conn.doing
        {
            // It has asked on: the command is answered, and counted, at the end of that.
            (next.pending, next.session) = (q.pending, q.session);
            return;
        }
        if let Some(pending) = q.pending {
            self.account_answer(id, pending, before);
        }
        match q.session {
            None => self.resume(id),
            Some(session) => self.alone_answered(session, id, before),
        }
    }
}
