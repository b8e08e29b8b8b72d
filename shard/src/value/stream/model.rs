//! Streams against a simple model, with thresholds so small that nodes fill, empty and go all the time.

use super::node::{Entry, Node};
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// How far behind the last id, and the entry.
    Add(u64, Vec<(Vec<u8>, Vec<u8>)>),
    /// Which of the ids that ever were.
    Delete(Vec<usize>),
    MaxLen(u64, bool, u64),
    MinId(usize, bool, u64),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"12".to_vec(), vec![]]),
        prop::collection::vec(any::<u8>(), 0..80),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = prop::collection::vec((text(), text()), 1..4);
    prop_oneof![
        6 => (1..5u64, pairs).prop_map(|(by, pairs)| Step::Add(by, pairs)),
        2 => prop::collection::vec(any::<usize>(), 1..4).prop_map(Step::Delete),
        1 => (0..20u64, any::<bool>(), 0..8u64).prop_map(|(n, approximate, limit)| Step::MaxLen(n, approximate, limit)),
        1 => (any::<usize>(), any::<bool>(), 0..8u64).prop_map(|(n, approximate, limit)| Step::MinId(n, approximate, limit)),
    ]
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What a stream should be.
#[derive(Default)]
struct Model {
    entries: BTreeMap<StreamId, Pairs>,
    ever: Vec<StreamId>,
    max_deleted: StreamId,
}

fn owned(entry: &Entry<'_>) -> (StreamId, Pairs) {
    (entry.id, entry.pairs().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
}

impl Model {
    fn run(&mut self, log: &mut Log, step: Step, limits: NodeLimits) {
        match step {
            Step::Add(by, pairs) => {
                // Both halves of the id move, and the second also backwards.
                let last = log.last_id;
                let id = if by == 4 {
                    StreamId::new(last.ms + 1, 0)
                } else {
                    StreamId::new(last.ms, last.seq + by)
                };
                let words = pairs.iter().map(|(field, value)| (&field[..], &value[..]));
                assert_eq!(log.append(NewId::Exact(id), 0, words, limits), Ok(id));
                self.entries.insert(id, pairs);
                self.ever.push(id);
            }
            Step::Delete(which) => {
                let ids: Vec<_> = which.iter().filter_map(|&n| self.pick(n)).collect();
                let there = ids.iter().filter(|id| self.entries.remove(id).is_some()).inspect(|&&id| {
                    self.max_deleted = self.max_deleted.max(id);
                });
                let there = there.count() as u64;
                assert_eq!(log.delete(&ids), there);
            }
            Step::MaxLen(max, approximate, limit) => {
                let trimming = Trimming { trim: Trim::MaxLen(max), approximate, limit };
                let should = (self.entries.len() as u64).saturating_sub(max);
                self.trimmed(log, trimming, should);
            }
            Step::MinId(n, approximate, limit) => {
                let Some(min) = self.pick(n) else { return };
                let trimming = Trimming { trim: Trim::MinId(min), approximate, limit };
                let should = self.entries.range(..min).count() as u64;
                self.trimmed(log, trimming, should);
            }
        }
    }

    fn pick(&self, n: usize) -> Option<StreamId> {
        self.ever.get(n.checked_rem(self.ever.len())?).copied()
    }

    /// Trims; exactly `should` entries unless the trimming is a limited one, which may remove fewer.
    fn trimmed(&mut self, log: &mut Log, trimming: Trimming, should: u64) {
        let gone = log.trim(trimming);
        assert!(gone <= should);
        assert!(trimming.approximate || trimming.limit > 0 || gone == should);
        for _ in 0..gone {
            self.entries.pop_first();
        }
    }

    fn check(&self, log: &Log, limits: NodeLimits) {
        let expected: Vec<_> = self.entries.iter().map(|(&id, pairs)| (id, pairs.clone())).collect();
        let found: Vec<_> = log.range(StreamId::MIN, StreamId::MAX).map(|e| owned(&e)).collect();
        assert_eq!(found, expected);
        let mut backwards: Vec<_> = log.range_rev(StreamId::MIN, StreamId::MAX).map(|e| owned(&e)).collect();
        backwards.reverse();
        assert_eq!(backwards, expected);
        assert_eq!(log.len(), expected.len() as u64);
        assert_eq!(log.first_id, expected.first().map_or(StreamId::MIN, |(id, _)| *id));
        assert_eq!(log.last_live_id(), expected.last().map(|(id, _)| *id));
        assert_eq!(log.last_id, self.ever.last().copied().unwrap_or_default());
        assert_eq!(log.max_deleted_id, self.max_deleted);
        assert_eq!(log.entries_added, self.ever.len() as u64);
        for (base, bytes) in log.nodes() {
            assert_eq!(check_node(base, bytes), Ok(()));
            let (live, deleted) = node::counts(bytes);
            assert!(live + deleted <= limits.entries as u64);
            let entries: Vec<_> = Node::new(base, bytes).entries().collect();
            assert_eq!(entries.len() as u64, live + deleted);
            assert_eq!(entries.iter().filter(|e| e.is_deleted()).count() as u64, deleted);
            assert_eq!(entries.first().map(|e| e.id), Some(base));
        }
    }

    fn check_ranges(&self, log: &Log, from: usize, to: usize) {
        let (Some(from), Some(to)) = (self.pick(from), self.pick(to)) else { return };
        let expected: Vec<_> =
            if from <= to { self.entries.range(from..=to).map(|(&id, _)| id).collect() } else { vec![] };
        assert_eq!(log.range(from, to).map(|e| e.id).collect::<Vec<_>>(), expected);
        let backwards = log.range_rev(from, to).map(|e| e.id).collect::<Vec<_>>();
        assert!(backwards.iter().rev().eq(&expected));
        assert_eq!(log.get(from).map(|e| e.id), self.entries.contains_key(&from).then_some(from));
    }
}

proptest! {
    #[test]
    fn a_stream_is_a_map_of_entries(
        steps in prop::collection::vec((step(), any::<usize>(), any::<usize>()), 1..80),
        entries in 1..6usize,
        bytes in prop::sample::select(vec![0, 100, 400]),
    ) {
        let limits = NodeLimits { bytes, entries };
        let (mut log, mut model) = (Log::default(), Model::default());
        for (step, from, to) in steps {
            model.run(&mut log, step, limits);
            model.check(&log, limits);
            model.check_ranges(&log, from, to);
        }
    }

    /// Groups keep their invariant whatever is given to whom.
    #[test]
    fn groups_hold_together(steps in prop::collection::vec((0..4u8, 0..12u64, 0..4u8), 1..120)) {
        let mut group = Group::new(StreamId::MIN, None);
        for (what, id, who) in steps {
            let (id, name) = (StreamId::new(id, 0), [who]);
            match what {
                0 | 1 => {
                    let (consumer, _) = group.find_or_create(&name, 1);
                    group.assign(id, Nack { consumer, delivered_ms: 1, count: 1 });
                    prop_assert_eq!(&*group.consumer(group.pending()[&id].consumer).name, &name);
                }
                2 => {
                    let was = group.pending().contains_key(&id);
                    prop_assert_eq!(group.acknowledge(id), was);
                }
                _ => {
                    let had = group.find(&name).map(|at| group.consumer(at).pending().len());
                    prop_assert_eq!(group.remove_consumer(&name), had);
                }
            }
            group.check();
        }
    }
}

fn filled(entries: u64) -> Stream {
    let mut stream = Stream::new();
    let log = &mut stream.log;
    let limits = NodeLimits { bytes: 4096, entries: 100 };
    for n in 1..=entries {
        let pair = std::iter::once((&b"field"[..], &b"value"[..]));
        let id = NewId::Exact(StreamId::new(n, 0));
        assert!(log.append(id, 0, pair, limits).is_ok());
    }
    stream
}

#[test]
fn large_streams_are_freed_in_slices() {
    let mut stream = filled(20_000);
    let mut group = Group::new(StreamId::MIN, None);
    for n in 1..=1000 {
        let (consumer, _) = group.find_or_create(format!("{}", n % 50).as_bytes(), 0);
        group.assign(StreamId::new(n, 0), Nack { consumer, delivered_ms: 0, count: 1 });
    }
    stream.groups.insert(b"g"[..].into(), group);
    let weight = stream.weight();
    assert!((500..1000).contains(&weight), "{weight}");
    let mut slices = 0;
    while !stream.free_slice(64) {
        slices += 1;
    }
    assert!((5..30).contains(&slices), "{slices} slices");
    assert_eq!(stream.log.nodes.len() + stream.groups.len(), 0);
}

#[test]
fn full_nodes_waste_no_memory() {
    let stream = filled(1000);
    for bytes in stream.log.nodes.values() {
        assert_eq!(bytes.capacity(), persist::listpack::size_class(bytes.len()));
    }
    assert!(stream.memory(0) < 1000 * 16 + 10 * 200, "{}", stream.memory(0));
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut log = filled(3).log;
    let limits = NodeLimits { bytes: 0, entries: 0 };
    let pair = || std::iter::once((&b"f"[..], &b"v"[..]));
    let add = |log: &mut Log, id| log.append(id, 2, pair(), limits);
    assert_eq!(add(&mut log, NewId::Exact(StreamId::new(3, 0))), Err(Refusal::NotGreater));
    assert_eq!(add(&mut log, NewId::Ms(2)), Err(Refusal::NotGreater));
    assert_eq!(log.len(), 3);
    assert_eq!(add(&mut log, NewId::Ms(3)), Ok(StreamId::new(3, 1)));
    assert_eq!(add(&mut log, NewId::Auto), Ok(StreamId::new(3, 2)));
    log.last_id = StreamId::new(3, u64::MAX);
    assert_eq!(add(&mut log, NewId::Ms(3)), Err(Refusal::NotGreater));
    assert_eq!(add(&mut log, NewId::Auto), Ok(StreamId::new(4, 0)));
    log.last_id = StreamId::MAX;
    assert_eq!(add(&mut log, NewId::Auto), Err(Refusal::Exhausted));
}

/// What DUMP of redis-server 7.0.15 holds after the same commands.
#[test]
fn nodes_are_those_of_redis() {
    const DUMPED: &str = "790000002a0004010101020181610281620200010201000100010101817802050101010101dff702020181620201\
        01816102dffb02080102010101dffa02f27011010481790205010001dff902dff8020201816302f4141a99be1c00000009816402d44802\
        08010201dff902dff902800183303037040501ff";
    let far = u64::MAX - 1;
    let entries = [
        (5, 9, [("a", "1"), ("b", "x")]),
        (6, 0, [("b", "1"), ("a", "-5")]),
        (6, 3, [("a", "70000"), ("b", "y")]),
        (far, 1, [("c", "123456789012"), ("d", "-3000")]),
        (far, 2, [("a", ""), ("b", "007")]),
    ];
    let mut log = Log::default();
    for (ms, seq, pairs) in entries {
        let pairs = pairs.iter().map(|(field, value)| (field.as_bytes(), value.as_bytes()));
        let limits = NodeLimits { bytes: 4096, entries: 100 };
        assert!(log.append(NewId::Exact(StreamId::new(ms, seq)), 0, pairs, limits).is_ok());
    }
    assert_eq!(log.delete(&[StreamId::new(6, 0)]), 1);
    let nodes: Vec<_> = log.nodes().collect();
    let hex: String = nodes[0].1.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((nodes.len(), nodes[0].0), (1, StreamId::new(5, 9)));
    assert_eq!(hex, DUMPED);
}
