//! Transactions as the router sees them: commands are queued, and an EXEC that takes one hop becomes part of
//! the connection's pipeline, where it stands. What needs the connection to itself is left to [`super::exec`].

use super::queue::{Kind, Multi};
use crate::conn::{Conn, ReplyMode};
use crate::core::plan::{Plan, Routed, Target};
use crate::core::route::{Router, Stop};
use crate::core::state::CoreState;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec, Flags, Place};
use proto::encode::{Reply, Resp};
use proto::error;
use std::ops::Range;

/// Commands that are not queued.
#[must_use]
pub fn runs_inside_multi(id: CommandId) -> bool {
    use CommandId::{Discard, Exec, Multi, Quit, Reset, Watch};
    matches!(id, Exec | Discard | Multi | Watch | Quit | Reset)
}

/// Who a spliced command answers.
pub struct Speaker<'a> {
    pub slot: u32,
    pub resp: Resp,
    pub db: &'a mut u16,
}

impl CoreState {
    pub(in crate::core) fn router(&mut self) -> Router<'_> {
        Router {
            index: self.index as u16,
            cores: self.shared.mailboxes.cores(),
            shared: &self.shared,
            settings: &self.settings,
            shard: &self.shard,
            now: self.now,
            ticks: &self.ticks,
            histograms: &mut self.histograms,
            slow_nanos: self.slow_nanos,
            in_line: !self.holds.is_idle(),
            loading: self.loading,
        }
    }
}

impl Router<'_> {
    /// Queues a command that was checked. Its reply is QUEUED, or why it is refused.
    pub(in crate::core) fn queue(
        &mut self,
        conn: &mut Conn,
        plan: &mut Plan,
        first: usize,
        spec: &'static CommandSpec,
    ) -> Option<Stop> {
        if spec.flags.contains(Flags::NO_MULTI) {
            return self.refuse(conn, plan, first, Some(spec), error::NOT_IN_MULTI.as_bytes());
        }
        let args = Args::new(&conn.input, &plan.spans[first..]);
        let kind = self.kind(spec, args, &mut plan.lanes, &mut plan.keys);
        let limit = self.settings.client_query_buffer_limit;
        let fits = conn.multi.get_or_insert_default().push(spec, kind, args, limit);
        if !fits {
            return self.refuse(conn, plan, first, Some(spec), error::QUEUE_TOO_LONG.as_bytes());
        }
        let from = plan.literals.len() as u32;
        Reply::new(&mut plan.literals, conn.resp).queued();
        self.push_literal(conn, plan, first, None, from);
        conn.commands += 1;
        conn.last_command = Some(spec);
        None
    }

    /// How a command will be run.
    pub(in crate::core) fn kind(
        &self,
        spec: &'static CommandSpec,
        args: Args<'_>,
        lanes: &mut Vec<u16>,
        keys: &mut Vec<proto::key_spec::KeyRef>,
    ) -> Kind {
        match spec.place {
            Place::Connection if spec.id == CommandId::Unwatch => Kind::OneHop, // EXEC has unwatched
            Place::Connection => Kind::Alone,
            Place::Inline | Place::AllShards | Place::Subscribers => Kind::OneHop,
            Place::Shard if self.cores == 1 || spec.has_one_key() => Kind::OneHop,
            Place::Shard if looks_elsewhere(spec, args) => Kind::GatherAny,
            Place::Shard => {
                let from = lanes.len();
                let target = self.target_by_keys(spec, args, lanes, keys);
                lanes.truncate(from);
                if target.is_some() { Kind::OneHop } else { Kind::Gather }
            }
        }
    }

    /// MULTI and its kin, where they need nobody else.
    pub(in crate::core) fn transaction(
        &mut self,
        conn: &mut Conn,
        plan: &mut Plan,
        first: usize,
        spec: &'static CommandSpec,
    ) -> Option<Stop> {
        let from = plan.literals.len() as u32;
        let mut reply = Reply::new(&mut plan.literals, conn.resp);
        match spec.id {
            CommandId::Multi if conn.in_multi => reply.error(error::NESTED_MULTI),
            CommandId::Multi => {
                conn.in_multi = true;
                reply.ok();
            }
            CommandId::Discard if !conn.in_multi => reply.error(error::DISCARD_WITHOUT_MULTI),
            CommandId::Exec if !conn.in_multi => reply.error(error::EXEC_WITHOUT_MULTI),
            CommandId::Watch if conn.in_multi => reply.error(error::WATCH_IN_MULTI),
            _ if conn.watching.is_some() || spec.id == CommandId::Watch => return Some(Stop::Barrier(spec)),
            CommandId::Discard => {
                conn.leave_multi();
                reply.ok();
            }
            CommandId::Exec => return self.exec(conn, plan, first, spec),
            _ => reply.ok(), // UNWATCH, of a client that watches nothing
        }
        self.push_literal(conn, plan, first, Some(spec), from);
        self.note(conn, plan, first, spec, from);
        None
    }

    /// EXEC of a client that watches nothing: its commands take its place in the pipeline.
    fn exec(
        &mut self,
        conn: &mut Conn,
        plan: &mut Plan,
        first: usize,
        spec: &'static CommandSpec,
    ) -> Option<Stop> {
        let mut multi = conn.multi.take().unwrap_or_default();
        if self.shared.pause.holds_any(multi.flags, self.now.unix_ms()) {
            conn.multi = Some(multi);
            return Some(Stop::Paused);
        }
        // A reply to be skipped is skipped whole; that is easier where it is made in one piece.
        let whole = multi.needs_session || conn.reply_mode == ReplyMode::SkipNext;
        if whole && !multi.broken {
            conn.multi = Some(multi);
            return Some(Stop::Barrier(spec));
        }
        let from = plan.literals.len() as u32;
        let mut reply = Reply::new(&mut plan.literals, conn.resp);
        if multi.broken {
            reply.error(error::EXEC_ABORT);
            self.push_literal(conn, plan, first, Some(spec), from);
        } else {
            reply.array(multi.len());
            self.push_literal(conn, plan, first, Some(spec), from);
            if self.shared.monitors.any() {
                self.feed_queued(conn, &multi);
            }
            let mut speaker = Speaker { slot: conn.id.slot, resp: conn.resp, db: &mut conn.db };
            self.splice(&mut speaker, &multi, 0..multi.len(), plan);
        }
        self.note(conn, plan, first, spec, from);
        multi.clear();
        conn.multi = Some(multi);
        conn.in_multi = false;
        None
    }

    /// Shows MONITOR's clients the commands of a transaction that is about to run.
    pub(super) fn feed_queued(&self, conn: &Conn, multi: &Multi) {
        for q in multi.commands() {
            self.shared.monitors.feed(self.index as usize, conn, q.spec, multi.args(q), self.now);
        }
    }

    /// Routes commands of a transaction, each of one hop, as if they had just been parsed.
    pub(super) fn splice(
        &mut self,
        speaker: &mut Speaker<'_>,
        multi: &Multi,
        commands: Range<usize>,
        plan: &mut Plan,
    ) {
        let (bytes, start) = multi.bytes_of(commands.clone());
        let shift = (plan.bytes.len() as u32).wrapping_sub(start);
        plan.bytes.extend_from_slice(bytes);
        for q in &multi.commands()[commands] {
            let first = plan.spans.len();
            let spans = multi.spans_of(q).iter();
            plan.spans
                .extend(spans.map(|s| proto::args::Span { start: s.start.wrapping_add(shift), len: s.len }));
            let args = Args::new(&plan.bytes, &plan.spans[first..]);
            let target = match q.spec.place {
                Place::Inline => {
                    let asks = (speaker.resp, &mut *speaker.db, false);
                    self.inline(q.spec, args, asks, None, &mut plan.literals)
                }
                Place::AllShards => self.target_everywhere(q.spec, args, &mut plan.lanes),
                Place::Subscribers => self.target_by_channel(q.spec, args, &mut plan.lanes),
                Place::Shard => match self.target_by_keys(q.spec, args, &mut plan.lanes, &mut plan.keys) {
                    Some(target) => target,
                    None => unreachable!("it takes one hop, and keys do not move"),
                },
                Place::Connection => {
                    let from = plan.literals.len() as u32;
                    Reply::new(&mut plan.literals, speaker.resp).ok(); // UNWATCH
                    self.shared.stats[self.index as usize].commands[q.spec.id as usize].calls.add(1);
                    Target::Literal { from, to: plan.literals.len() as u32 }
                }
            };
            let key = q.spec.first_key();
            let hash = args.get(key).filter(|_| key != 0).map_or(0, |bytes| self.shard.key(bytes).hash);
            plan.leaves |= self.leaves(target);
            let (slot, db, spec) = (speaker.slot, *speaker.db, Some(q.spec));
            let (first, count) = (first as u32, args.len() as u32);
            plan.commands.push(Routed { slot, spec, first, count, hash, db, queued: true, target });
        }
    }

    /// The bytes of the literals from `from` on are the reply to the command at `first`.
    fn push_literal(
        &self,
        conn: &Conn,
        plan: &mut Plan,
        first: usize,
        spec: Option<&'static CommandSpec>,
        from: u32,
    ) {
        let target = Target::Literal { from, to: plan.literals.len() as u32 };
        let (first, count) = (first as u32, (plan.spans.len() - first) as u32);
        let (slot, db) = (conn.id.slot, conn.db);
        plan.commands.push(Routed { slot, spec, first, count, hash: 0, db, queued: false, target });
    }

    /// Counts a command that was answered here.
    fn note(&mut self, conn: &mut Conn, plan: &Plan, first: usize, spec: &'static CommandSpec, from: u32) {
        conn.commands += 1;
        conn.last_command = Some(spec);
        let reply = &plan.literals[from as usize..];
        let index = self.index as usize;
        crate::core::account::account(self.shared, index, self.histograms, spec.id, 0, reply);
        if self.shared.monitors.any() {
            let routed = plan.commands.iter().rev().find(|r| r.first as usize == first && !r.queued);
            let spans = routed.map_or(&[][..], |r| plan.spans_of(r));
            self.shared.monitors.feed(index, conn, spec, Args::new(&conn.input, spans), self.now);
        }
    }
}

/// Whether a command may look up keys that it does not name (SORT BY, GET).
#[inline]
#[must_use]
pub fn looks_elsewhere(spec: &CommandSpec, args: Args<'_>) -> bool {
    let is_pattern = |arg: &[u8]| arg.eq_ignore_ascii_case(b"by") || arg.eq_ignore_ascii_case(b"get");
    matches!(spec.id, CommandId::Sort | CommandId::SortRo) && args.iter().skip(2).any(is_pattern)
}
