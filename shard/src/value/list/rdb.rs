//! Lists in RDB: nodes as they lie, but raw; a packed list is one node, a listpack in any case. For servers that do not
//! know listpacks, element by element.
//!
//! What is loaded keeps the nodes that it has, whatever limit they were made under, as in Redis: changes bring
//! them to today's.

use super::{Direction, End, Limits, List, ListView, NodeBytes, Quicklist};
use persist::dense::{Element, to_listpack};
use persist::rdb::{Error, ListNode, Nodes, Target, Type, Writer};

pub(in crate::value) fn type_of(target: Target) -> Type {
    if target.has(Type::ListQuicklist2) { Type::ListQuicklist2 } else { Type::List }
}

pub(in crate::value) fn save(view: ListView<'_>, what: Type, w: &mut Writer<'_>) {
    match view {
        _ if what == Type::List => {
            w.count(view.len());
            view.walk(0, Direction::Forward, |element| {
                w.element(element);
                true
            });
        }
        ListView::Short(pack) => {
            w.count(1);
            w.packed_node(&to_listpack(pack));
        }
        ListView::Packed(list) => {
            w.count(1);
            w.packed_node(list.bytes());
        }
        ListView::Quick(quick) => {
            w.count(quick.nodes());
            quick.each_node(&mut |node| match node {
                NodeBytes::Listpack(bytes) => w.packed_node(bytes),
                NodeBytes::Plain(text) => w.plain_node(text),
            });
        }
    }
}

impl List {
    /// A list of what comes node by node, or one element after the other.
    pub(in crate::value) fn load(nodes: &mut Nodes<'_, '_>, limits: &Limits) -> Result<Self, Error> {
        let mut quick = Quicklist::new(limits);
        while let Some(node) = nodes.pull()? {
            match node {
                ListNode::Packed(bytes) => quick.push_listpack(bytes),
                ListNode::Plain(text) => quick.push_plain(text),
                ListNode::Element(Element::Bytes(text)) => quick.push(End::Right, text, limits),
                ListNode::Element(Element::Int(n)) => {
                    quick.push(End::Right, itoa::Buffer::new().format(n).as_bytes(), limits);
                }
            }
        }
        let mut list = Self::Quick(quick);
        list.settle(limits);
        Ok(list)
    }
}
