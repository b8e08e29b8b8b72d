//! The structure against a model that is a plain set of facts: who has subscribed to what.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 8] = ["a", "ab", "b", "", "a*", "*", "[ab]", "?b"];

#[derive(Clone, Debug)]
enum Step {
    Announce(Kind, usize, u64),
    Activate(Kind, usize, u64),
    Unsubscribe(Kind, usize, u64),
    Leave(u64),
    Slice(usize),
    Publish(Kind, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = || prop::sample::select(Kind::ALL.to_vec());
    let channel = || prop::sample::select(vec![Kind::Channel, Kind::ShardChannel]);
    let (name, id) = (|| 0..NAMES.len(), || 0..6u64);
    let step = prop_oneof![
        6 => (kind(), name(), id()).prop_map(|(k, n, id)| Step::Announce(k, n, id)),
        6 => (kind(), name(), id()).prop_map(|(k, n, id)| Step::Activate(k, n, id)),
        3 => (kind(), name(), id()).prop_map(|(k, n, id)| Step::Unsubscribe(k, n, id)),
        1 => id().prop_map(Step::Leave),
        2 => (0..4usize).prop_map(Step::Slice),
        6 => (channel(), name()).prop_map(|(k, n)| Step::Publish(k, n)),
    ];
    prop::collection::vec(step, 0..120)
}

/// Who is subscribed, and whether it is active.
type Facts = BTreeMap<(Kind, &'static str, Subscriber), bool>;

/// What was delivered, in an order that says nothing.
type Deliveries = Vec<(Kind, Vec<u8>, Vec<u8>, Subscriber)>;

fn expected(facts: &Facts, kind: Kind, channel: &str) -> Deliveries {
    let mut all = Vec::new();
    for ((k, name, id), active) in facts {
        let exact = *k == kind && *name == channel;
        let by_pattern = *k == Kind::Pattern
            && kind == Kind::Channel
            && glob::matches(name.as_bytes(), channel.as_bytes(), Case::Sensitive);
        if *active && (exact || by_pattern) {
            let pattern = if by_pattern { name.as_bytes() } else { b"" };
            all.push((*k, pattern.to_vec(), channel.as_bytes().to_vec(), *id));
        }
    }
    all.sort();
    all
}

fn delivered(pubsub: &mut PubSub) -> Deliveries {
    let outbox = pubsub.take_outbox(Outbox::default());
    let mut all = Vec::new();
    for (m, to) in outbox.iter() {
        assert_eq!(m.payload, b"hello");
        assert!(!to.is_empty(), "a message that nobody gets is not kept");
        all.extend(to.iter().map(|id| (m.kind, m.pattern.to_vec(), m.channel.to_vec(), *id)));
    }
    all.sort();
    all
}

fn run(steps: Vec<Step>) {
    let mut pubsub = PubSub::default();
    let mut facts = Facts::new();
    let mut announced: BTreeMap<(Kind, &str, Subscriber), Name> = BTreeMap::new();
    // A number is never given to another client, so that who comes back has a new one.
    let mut lives = [0u64; 6];
    let mut left: Vec<(Kind, &'static str)> = Vec::new();
    for step in steps {
        let id = |client: u64, lives: &[u64; 6]| Subscriber(client + 100 * lives[client as usize]);
        match step {
            Step::Announce(kind, n, client) => {
                let fact = (kind, NAMES[n], id(client, &lives));
                let name = pubsub.announce(kind, NAMES[n].as_bytes(), fact.2);
                assert_eq!(name.is_some(), !facts.contains_key(&fact));
                if let Some(name) = name {
                    announced.insert(fact, name);
                    facts.insert(fact, false);
                }
            }
            Step::Activate(kind, n, client) => {
                let fact = (kind, NAMES[n], id(client, &lives));
                if let Some(name) = announced.get(&fact) {
                    pubsub.activate(kind, name, fact.2);
                    facts.entry(fact).and_modify(|active| *active = true);
                }
            }
            Step::Unsubscribe(kind, n, client) => {
                let fact = (kind, NAMES[n], id(client, &lives));
                let was = facts.remove(&fact).is_some();
                assert_eq!(pubsub.unsubscribe(kind, NAMES[n].as_bytes(), fact.2), was);
            }
            Step::Leave(client) => {
                let gone = id(client, &lives);
                pubsub.leave(gone);
                left.extend(facts.keys().filter(|f| f.2 == gone).map(|f| (f.0, f.1)));
                facts.retain(|f, _| f.2 != gone);
                lives[client as usize] += 1;
            }
            Step::Slice(most) => pubsub.leave_slice(most, |kind, name| {
                let at = left.iter().position(|(k, n)| *k == kind && n.as_bytes() == &**name);
                left.swap_remove(at.expect("each subscription of who has gone is removed once"));
            }),
            Step::Publish(kind, n) => {
                let sent = pubsub.publish(kind, NAMES[n].as_bytes(), b"hello");
                let expected = expected(&facts, kind, NAMES[n]);
                assert_eq!(sent, expected.len());
                assert_eq!(delivered(&mut pubsub), expected);
            }
        }
        check_counts(&pubsub, &facts, &lives);
    }
    while pubsub.has_leaving() {
        pubsub.leave_slice(3, |_, _| {
            left.pop().expect("no more than there were");
        });
    }
    assert!(left.is_empty() && pubsub.left.is_empty());
    for (kind, name, id) in facts.into_keys() {
        assert!(pubsub.unsubscribe(kind, name.as_bytes(), id));
    }
    assert!(
        pubsub.clients.is_empty() && pubsub.tables.iter().all(BTreeMap::is_empty),
        "nothing is left behind"
    );
}

fn check_counts(pubsub: &PubSub, facts: &Facts, lives: &[u64; 6]) {
    for client in 0..6 {
        let id = Subscriber(client + 100 * lives[client as usize]);
        let of = |kind| facts.keys().filter(move |f| f.2 == id && f.0 == kind);
        assert_eq!(pubsub.counts(id), Kind::ALL.map(|kind| of(kind).count()));
        let bytes: usize = facts.keys().filter(|f| f.2 == id).map(|f| SUBSCRIPTION_BYTES + f.1.len()).sum();
        assert_eq!(pubsub.bytes(id), bytes);
        for kind in Kind::ALL {
            let first = of(kind).map(|f| f.1.as_bytes()).min();
            assert_eq!(pubsub.first(kind, id).as_deref(), first);
        }
    }
}

proptest! {
    #[test]
    fn it_delivers_what_the_facts_say(steps in steps()) {
        run(steps);
    }
}

#[test]
fn the_channel_comes_before_the_patterns() {
    let mut pubsub = PubSub::default();
    for (kind, name) in [(Kind::Pattern, "n*"), (Kind::Channel, "news"), (Kind::Pattern, "*s")] {
        let name = pubsub.announce(kind, name.as_bytes(), Subscriber(1)).unwrap();
        pubsub.activate(kind, &name, Subscriber(1));
    }
    assert_eq!(pubsub.publish(Kind::Channel, b"news", b"x"), 3);
    assert_eq!(pubsub.publish(Kind::ShardChannel, b"news", b"x"), 0);
    let outbox = pubsub.take_outbox(Outbox::default());
    let order: Vec<_> = outbox.iter().map(|(m, _)| (m.kind, m.pattern)).collect();
    assert_eq!(order, [(Kind::Channel, &b""[..]), (Kind::Pattern, b"*s"), (Kind::Pattern, b"n*")]);
    assert!(!pubsub.has_messages() && outbox.emptied().iter().next().is_none());
}

#[test]
fn who_has_gone_gets_nothing_before_its_entries_are_removed() {
    let mut pubsub = PubSub::default();
    for id in [Subscriber(1), Subscriber(2)] {
        let name = pubsub.announce(Kind::Channel, b"c", id).unwrap();
        pubsub.activate(Kind::Channel, &name, id);
    }
    pubsub.leave(Subscriber(1));
    assert!(pubsub.is_leaving(Subscriber(1)) && pubsub.is_active(Kind::Channel, b"c"));
    assert_eq!(pubsub.publish(Kind::Channel, b"c", b"x"), 1);
    pubsub.leave_slice(10, |_, _| {});
    assert!(!pubsub.has_leaving() && !pubsub.is_leaving(Subscriber(1)));
}
