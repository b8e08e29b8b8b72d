//! A cluster's nodes, and hash tags that lie on each: how a key reaches its owner without a redirection.
//!
//! As in redis-benchmark, `{tag}` in a command becomes a tag of three letters whose slot belongs to the node at the
//! other end of the connection; the connections are spread over the nodes.

use crate::connect::{Address, Control, Greeting};
use crate::template::Tag;
use proto::reply::Value;
use proto::slot::{SLOT_COUNT, crc16};

/// One server that the load connects to.
#[derive(Clone, Debug)]
pub struct Node {
    pub address: Address,
    /// Hash tags of its slots; empty outside a cluster.
    pub tags: Vec<Tag>,
}

impl Node {
    /// A server that is not asked about slots.
    #[must_use]
    pub fn single(address: Address) -> Node {
        Node { address, tags: Vec::new() }
    }
}

/// One range of slots, with its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Range {
    first: usize,
    last: usize,
    host: String,
    port: u16,
}

/// Asks a node for the cluster's nodes.
///
/// # Errors
/// A sentence for the user.
pub fn nodes(address: &Address, greeting: &Greeting) -> Result<Vec<Node>, String> {
    let reply = Control::open(address, greeting)?.words("CLUSTER SLOTS")?;
    if let Value::Error(text) = &reply {
        return Err(format!("CLUSTER SLOTS: {}", String::from_utf8_lossy(text)));
    }
    let ranges = ranges(&reply).ok_or("CLUSTER SLOTS: a reply of another form")?;
    let tags = tags();
    let mut nodes: Vec<Node> = Vec::new();
    for range in &ranges {
        let owner = match (range.host.as_str(), address) {
            // The node does not know what it is called: it is where we have asked.
            ("", Address::Tcp(known)) => Address::Tcp((known.ip(), range.port).into()),
            (host, _) => Address::tcp(host, range.port)?,
        };
        let own = &tags[range.first..=range.last];
        match nodes.iter_mut().find(|node| node.address == owner) {
            Some(node) => node.tags.extend_from_slice(own),
            None => nodes.push(Node { address: owner, tags: own.to_vec() }),
        }
    }
    if nodes.is_empty() { Err("CLUSTER SLOTS: no node owns a slot".to_string()) } else { Ok(nodes) }
}

fn ranges(reply: &Value) -> Option<Vec<Range>> {
    let Value::Array(entries) = reply else { return None };
    entries.iter().map(range).collect()
}

fn range(entry: &Value) -> Option<Range> {
    let Value::Array(parts) = entry else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = parts.as_slice() else {
        return None;
    };
    let [host, Value::Int(port), ..] = owner.as_slice() else { return None };
    let host = match host {
        Value::Bulk(host) => String::from_utf8_lossy(host).into_owned(),
        _ => String::new(),
    };
    let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
    let sound = first <= last && last < SLOT_COUNT;
    sound.then_some(Range { first, last, host, port: u16::try_from(*port).ok()? })
}

/// A tag for every slot.
fn tags() -> Vec<Tag> {
    const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut tags = vec![[0; 3]; SLOT_COUNT];
    for &a in LETTERS {
        for &b in LETTERS {
            for &c in LETTERS {
                tags[usize::from(crc16(&[a, b, c])) % SLOT_COUNT] = [a, b, c];
            }
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_tag() {
        for (slot, tag) in tags().iter().enumerate() {
            assert_eq!(usize::from(crc16(tag)) % SLOT_COUNT, slot);
        }
    }

    #[test]
    fn slots_are_read_with_their_first_node() {
        let node = |host: &[u8], port| {
            Value::Array(vec![Value::Bulk(host.to_vec()), Value::Int(port), Value::Bulk(b"id".to_vec())])
        };
        let entry = |a, b, n| Value::Array(vec![Value::Int(a), Value::Int(b), n, node(b"replica", 9)]);
        let reply = Value::Array(vec![entry(0, 8191, node(b"h", 1)), entry(8192, 16383, node(b"", 2))]);
        let found = ranges(&reply).expect("ranges");
        assert_eq!((found[0].host.as_str(), found[0].port, found[0].last), ("h", 1, 8191));
        assert_eq!((found[1].host.as_str(), found[1].port, found[1].first), ("", 2, 8192));
        assert_eq!(ranges(&Value::Array(vec![entry(5, 16384, node(b"h", 1))])), None);
        assert_eq!(ranges(&Value::Int(1)), None);
    }
}
