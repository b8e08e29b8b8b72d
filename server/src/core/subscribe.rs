//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites; and how a client's subscriptions end with it.
//!
//! A subscription belongs to the connection's core: its shard holds who listens to what ([`shard::pubsub`]), and all
//! cores know which of them have a listener ([`crate::subscriptions`]). To subscribe is
//!
//! 1. to announce the names to both: from now on messages are sent to this core;
//! 2. to wait until no message is on its way that was routed without knowing of them ([`crate::subscriptions`]
//!    says why; nearly always there is none);
//! 3. to activate them, and to confirm, at one point of this shard's order: behind what was posted to it until then,
//!    since a part of what was routed without knowing of the names may be there, and must run before
//!    whatever the client asks next. So the command is posted to its own shard ([`Ordered::Subscription`]), unless
//!    nothing is there that it could have to wait for.
//!
//! Where nobody publishes and the mailbox is empty all of it is done at once, else in the same turn or the next.
//! UNSUBSCRIBE has its place in the order in the same way; it has nobody to wait for.
//!
//! Inside an EXEC, which holds all shards for it, the names are activated at the command's place. One gap is left: a
//! message that is posted after the EXEC by a core that had looked its channel up before the names were announced
//! is not heard.
//!
//! Names that another client of this core listens to need no waiting. Confirmations are push messages: they are
//! sent even under CLIENT REPLY OFF, one for each name, with the number of subscriptions after it.
//!
//! # The end
//!
//! A client that goes, or says RESET, gets nothing more from that moment. Its entries are removed at once if they
//! are few, otherwise in the slices between turns, so that a client with a million subscriptions stops nobody:
//! to remove one takes about a microsecond. RESET is answered when they are gone. UNSUBSCRIBE without
//! names answers for every one, and costs what its answer costs.

use super::deliver::subscriber;
use super::state::CoreState;
use crate::conn::{Doing, ReplyMode};
use crate::io::ConnId;
use crate::subscriptions::Grace;
use crate::work::Ordered;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::encode::Reply;
use shard::pubsub::{Kind, Name, SUBSCRIPTION_BYTES};

/// Subscriptions of a client that has gone which are removed without waiting for a slice.
const LEAVE_AT_ONCE: usize = 256;

/// A command of this family that waits for its place in the order.
pub struct Subscribing {
    step: Step,
    /// The session that it is a stage of.
    pub session: Option<u64>,
}

enum Step {
    /// Subscriptions that are announced and not active yet.
    Begin(Announced),
    End {
        kind: Kind,
        verb: &'static str,
        names: Vec<Name>,
    },
}

struct Announced {
    kind: Kind,
    names: Vec<Name>,
    confirmations: Vec<u8>,
    grace: Grace,
    /// That was seen to be over, in an earlier turn.
    over: bool,
}

/// What a command of this family does.
enum Verb {
    Subscribe,
    Unsubscribe,
}

/// What a command of this family is about; `None` for others.
fn meaning(id: CommandId) -> Option<(Verb, Kind, &'static str)> {
    Some(match id {
        CommandId::Subscribe => (Verb::Subscribe, Kind::Channel, "subscribe"),
        CommandId::Psubscribe => (Verb::Subscribe, Kind::Pattern, "psubscribe"),
        CommandId::Ssubscribe => (Verb::Subscribe, Kind::ShardChannel, "ssubscribe"),
        CommandId::Unsubscribe => (Verb::Unsubscribe, Kind::Channel, "unsubscribe"),
        CommandId::Punsubscribe => (Verb::Unsubscribe, Kind::Pattern, "punsubscribe"),
        CommandId::Sunsubscribe => (Verb::Unsubscribe, Kind::ShardChannel, "sunsubscribe"),
        _ => return None,
    })
}

/// Whether a RESP2 client with subscriptions may send the command.
#[must_use]
pub fn is_allowed_while_subscribed(id: CommandId) -> bool {
    meaning(id).is_some() || matches!(id, CommandId::Ping | CommandId::Quit | CommandId::Reset)
}

/// What it is told otherwise.
#[must_use]
pub fn refusal(spec: &CommandSpec) -> String {
    format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context",
        spec.full_name()
    )
}

/// Confirms one subscription or its end; `None`: there was none to end.
fn confirm(reply: &mut Reply<'_>, verb: &str, name: Option<&[u8]>, kind: Kind, counts: [usize; 3]) {
    let [channels, patterns, shard_channels] = counts;
    reply.push(3);
    reply.bulk(verb.as_bytes());
    reply.bulk_or_null(name);
    reply.int(if kind == Kind::ShardChannel { shard_channels } else { channels + patterns } as i64);
}

impl CoreState {
    /// Runs a command of this family; false when it is none.
    pub fn run_subscription(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) -> bool {
        let Some((verb, kind, name)) = meaning(spec.id) else { return false };
        match verb {
            Verb::Subscribe => self.subscribe(id, kind, name, args.from(1)),
            Verb::Unsubscribe => {
                let names = args.iter().skip(1).map(Name::from).collect();
                let step = Step::End { kind, verb: name, names };
                if self.is_first_in_line() { self.take_step(id, step) } else { self.wait_in_line(id, step) }
            }
        }
        if let Some(conn) = self.conns.get(id)
            && conn.reply_mode == ReplyMode::SkipNext
        {
            conn.reply_mode = ReplyMode::On; // this was the next, and is no reply
        }
        true
    }

    /// Whether nothing that was posted to this shard waits: a command of our own would be the next.
    fn is_first_in_line(&self) -> bool {
        self.alone.is_some() || self.holds.is_idle()
    }

    fn subscribe(&mut self, id: ConnId, kind: Kind, verb: &str, names: Args<'_>) {
        if self.exceeds_limit(id, names) {
            let limit = self.settings.client_subscriptions_limit;
            let text = format!("ERR client-subscriptions-limit of {limit} bytes would be exceeded");
            return self.reply(id, |r| r.error(&text));
        }
        let Some(conn) = self.conns.get(id) else { return };
        let (resp, me) = (conn.resp, subscriber(id));
        let (mut confirmations, mut new, mut waits) = (Vec::new(), Vec::new(), false);
        for name in names.iter() {
            if let Some(name) = self.shard.pubsub.announce(kind, name, me) {
                waits |= !self.shard.pubsub.is_active(kind, &name);
                self.shared.subscriptions.join(kind, &name, self.index);
                new.push(name);
            }
            let counts = self.shard.pubsub.counts(me);
            confirm(&mut Reply::new(&mut confirmations, resp), verb, Some(name), kind, counts);
        }
        self.note_subscriptions(id);
        let grace = self.shared.subscriptions.grace();
        let mut announced = Announced { kind, names: new, confirmations, grace, over: false };
        let may_activate = !waits || self.may_activate(&mut announced);
        if may_activate && self.is_first_in_line() {
            return self.take_step(id, Step::Begin(announced));
        }
        if self.alone.is_none() && (!waits || announced.over) {
            return self.wait_in_line(id, Step::Begin(announced));
        }
        self.wait(id, Step::Begin(announced));
        self.subscribing.push(id);
    }

    fn wait(&mut self, id: ConnId, step: Step) {
        let session = self.alone;
        if let Some(conn) = self.conns.get(id) {
            conn.doing = Doing::Subscribing(Box::new(Subscribing { step, session }));
        }
    }

    /// The command goes behind everything that was posted to this shard.
    fn wait_in_line(&mut self, id: ConnId, step: Step) {
        self.wait(id, step);
        self.outbox.ordered(self.index, Ordered::Subscription(id));
    }

    fn exceeds_limit(&self, id: ConnId, names: Args<'_>) -> bool {
        let new: usize = names.iter().map(|name| SUBSCRIPTION_BYTES + name.len()).sum();
        let limit = self.settings.client_subscriptions_limit;
        limit != 0 && (self.shard.pubsub.bytes(subscriber(id)) + new) as u64 > limit
    }

    /// Whether everything that was routed without knowing of the names has run, as far as it is this shard's: it
    /// was posted before the grace was over, and the mailbox is empty, or was drained since.
    fn may_activate(&self, announced: &mut Announced) -> bool {
        if announced.over {
            return true; // in an earlier turn
        }
        announced.over = self.shared.subscriptions.is_over(&mut announced.grace);
        announced.over && !self.shared.mailboxes.pending(self.index)
    }

    /// Looks, once a turn, at subscriptions that wait for others to post. A session's are activated when the mailbox
    /// was drained, since nothing runs here while it holds this shard; others get in line.
    pub fn finish_subscribing(&mut self) {
        for id in std::mem::take(&mut self.subscribing) {
            let Some(conn) = self.conns.get(id) else { continue };
            let Doing::Subscribing(mut waiting) = std::mem::take(&mut conn.doing) else { continue };
            let Step::Begin(announced) = &mut waiting.step else { continue };
            let may_activate = self.may_activate(announced);
            match waiting.session {
                Some(session) if may_activate => {
                    let before = self.reply_len(id);
                    self.take_step(id, waiting.step);
                    self.alone_answered(session, id, before);
                }
                None if announced.over => self.wait_in_line(id, waiting.step),
                _ => {
                    if let Some(conn) = self.conns.get(id) {
                        conn.doing = Doing::Subscribing(waiting);
                    }
                    self.subscribing.push(id);
                }
            }
        }
    }

    /// A command that waited in line has come to its place.
    pub fn finish_subscription(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(id) else { return };
        if let Doing::Subscribing(waiting) = std::mem::take(&mut conn.doing) {
            self.take_step(id, waiting.step);
            self.resume(id);
        }
    }

    fn take_step(&mut self, id: ConnId, step: Step) {
        match step {
            Step::Begin(announced) => {
                for name in &announced.names {
                    self.shard.pubsub.activate(announced.kind, name, subscriber(id));
                }
                self.push(id, |out| out.extend_from_slice(&announced.confirmations));
            }
            Step::End { kind, verb, names } => self.unsubscribe(id, kind, verb, &names),
        }
    }

    fn unsubscribe(&mut self, id: ConnId, kind: Kind, verb: &str, names: &[Name]) {
        let Some(conn) = self.conns.get(id) else { return };
        let resp = conn.resp;
        let mut confirmations = Vec::new();
        let mut confirm = |name: Option<&[u8]>, counts| {
            confirm(&mut Reply::new(&mut confirmations, resp), verb, name, kind, counts);
        };
        for name in names {
            self.end_subscription(id, kind, name);
            confirm(Some(name), self.shard.pubsub.counts(subscriber(id)));
        }
        if names.is_empty() {
            let mut any = false;
            while let Some(name) = self.shard.pubsub.first(kind, subscriber(id)) {
                self.end_subscription(id, kind, &name);
                confirm(Some(&name), self.shard.pubsub.counts(subscriber(id)));
                any = true;
            }
            if !any {
                confirm(None, self.shard.pubsub.counts(subscriber(id)));
            }
        }
        self.note_subscriptions(id);
        self.push(id, |out| out.append(&mut confirmations));
    }

    fn end_subscription(&mut self, id: ConnId, kind: Kind, name: &[u8]) {
        if self.shard.pubsub.unsubscribe(kind, name, subscriber(id)) {
            self.shared.subscriptions.leave(kind, name, self.index);
        }
    }

    /// Appends what is sent whatever CLIENT REPLY says.
    fn push(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(conn) = self.conns.get(id) {
            write(&mut conn.out);
        }
        self.wants_flush(id.slot);
    }

    /// Copies the numbers to where routing, CLIENT LIST and INFO read them.
    fn note_subscriptions(&mut self, id: ConnId) {
        let (counts, bytes) =
            (self.shard.pubsub.counts(subscriber(id)), self.shard.pubsub.bytes(subscriber(id)));
        let Some(conn) = self.conns.get(id) else { return };
        let before = conn.is_subscribed();
        conn.subscriptions = counts.map(|n| n as u32);
        conn.subscription_bytes = bytes;
        let after = conn.is_subscribed();
        self.count_subscriber(before, after);
    }

    fn count_subscriber(&self, before: bool, after: bool) {
        let clients = &self.stats().pubsub_clients;
        clients.set((clients.get() + u64::from(after)).saturating_sub(u64::from(before)));
    }

    /// Ends all subscriptions of a connection that is closed.
    pub fn subscriber_gone(&mut self, id: ConnId) {
        self.shard.pubsub.leave(subscriber(id));
        self.leave_slice(LEAVE_AT_ONCE);
        self.count_subscriber(true, false);
    }

    /// Ends all subscriptions of a connection that goes on (RESET). False: their entries are being removed, and
    /// the connection waits for it; [`Self::finish_leaving`] answers.
    pub fn unsubscribe_all(&mut self, id: ConnId) -> bool {
        self.shard.pubsub.leave(subscriber(id));
        self.note_subscriptions(id);
        self.leave_slice(LEAVE_AT_ONCE);
        if !self.shard.pubsub.is_leaving(subscriber(id)) {
            return true;
        }
        if let Some(conn) = self.conns.get(id) {
            conn.doing = Doing::Leaving;
            self.leaving.push(id);
        }
        false
    }

    /// Removes up to `most` subscriptions of clients that have gone.
    pub fn leave_slice(&mut self, most: usize) {
        let (subscriptions, core) = (&self.shared.subscriptions, self.index);
        self.shard.pubsub.leave_slice(most, |kind, name| subscriptions.leave(kind, name, core));
    }

    /// Answers RESET where all subscriptions are gone.
    pub fn finish_leaving(&mut self) {
        for id in std::mem::take(&mut self.leaving) {
            if self.shard.pubsub.is_leaving(subscriber(id)) {
                self.leaving.push(id);
            } else if self.conns.get(id).is_some() {
                self.reply(id, |r| r.simple("RESET"));
                self.resume(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::command::spec;
    use proto::encode::Resp;

    #[test]
    fn what_a_resp2_subscriber_may_send() {
        let allowed = [CommandId::Subscribe, CommandId::Sunsubscribe, CommandId::Ping, CommandId::Quit];
        assert!(allowed.into_iter().all(is_allowed_while_subscribed));
        assert!(!is_allowed_while_subscribed(CommandId::Publish));
        assert_eq!(
            refusal(spec(CommandId::ConfigGet)),
            "ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
             allowed in this context"
        );
    }

    #[test]
    fn confirmations_count_channels_with_patterns_and_shard_channels_apart() {
        let text = |name, kind, resp| {
            let mut out = Vec::new();
            confirm(&mut Reply::new(&mut out, resp), "v", name, kind, [2, 3, 7]);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Some(b"c"), Kind::Pattern, Resp::V2), "*3\r\n$1\r\nv\r\n$1\r\nc\r\n:5\r\n");
        assert_eq!(text(None, Kind::ShardChannel, Resp::V3), ">3\r\n$1\r\nv\r\n_\r\n:7\r\n");
    }
}
