//! What a [`Visitor`](super::Visitor) takes the elements of a collection from, one at a time.
//!
//! Each is a count of what is still to come and the decoder, lent. A text that is handed out is lent until the next
//! one. The visitor takes all there is, or ends with an error; what it finds wrong itself (a duplicate) it makes
//! an error with `corrupt`, which knows the place.

use super::check::{self, FIELD_EXPIRY_MAX};
use super::decode::Decoder;
use super::old::ziplist;
use super::opcode::{NODE_PACKED, NODE_PLAIN, Type};
use super::source::{Error, Fault};
use crate::listpack::{At, Corrupt, Element, Listpack};

/// Puts the place into a fault of a string that has just been read.
pub(super) fn within<T>(from: &Decoder<'_>, checked: Result<T, Corrupt>) -> Result<T, Error> {
    checked.map_err(|found| from.corrupt(found.why))
}

/// What all of them have in common.
macro_rules! items {
    ($($name:ident),*) => {$(
        impl $name<'_, '_> {
            /// How many are still to come. It was compared with the bytes that are left, but is a claim all the same:
            /// for choosing a form, not for reserving memory.
            #[must_use]
            pub fn left(&self) -> u64 {
                self.left
            }

            /// The error for what the visitor finds wrong.
            #[must_use]
            pub fn corrupt(&self, why: &'static str) -> Error {
                self.from.corrupt(why)
            }
        }
    )*};
}

items!(Members, Scored, Fields);

/// Members of a set.
pub struct Members<'d, 's> {
    from: &'d mut Decoder<'s>,
    left: u64,
}

impl<'d, 's> Members<'d, 's> {
    pub(super) fn begin(from: &'d mut Decoder<'s>) -> Result<Self, Error> {
        let left = from.count(1)?;
        Ok(Self { from, left })
    }

    /// The next one.
    pub fn pull(&mut self) -> Result<Option<Element<'_>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.from.text().map(Some)
    }
}

/// Members of a sorted set with their scores, which are numbers; in any order, Redis's is from the greatest down.
pub struct Scored<'d, 's> {
    from: &'d mut Decoder<'s>,
    left: u64,
    is_text: bool,
    member: Vec<u8>,
}

impl<'d, 's> Scored<'d, 's> {
    pub(super) fn begin(from: &'d mut Decoder<'s>, is_text: bool) -> Result<Self, Error> {
        let left = from.count(if is_text { 2 } else { 9 })?;
        Ok(Self { from, left, is_text, member: Vec::new() })
    }

    /// The next one.
    pub fn pull(&mut self) -> Result<Option<(&[u8], f64)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.member.clear();
        self.from.text()?.push_to(&mut self.member);
        let score = if self.is_text { self.from.double_text()? } else { self.from.double()? };
        if score.is_nan() {
            return Err(self.from.corrupt("a score that is no number"));
        }
        Ok(Some((&self.member, score)))
    }
}

/// A field of a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashField<'a> {
    pub name: &'a [u8],
    pub value: Element<'a>,
    /// Unix milliseconds; only of a hash whose fields may have one.
    pub expire_at: Option<i64>,
}

/// How the expiry of a field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expiries {
    None,
    /// As it is; 0 is none.
    Absolute,
    /// From this time on, plus one; 0 is none.
    From(i64),
}

/// Fields of a hash.
pub struct Fields<'d, 's> {
    from: &'d mut Decoder<'s>,
    left: u64,
    expiries: Expiries,
    name: Vec<u8>,
}

impl<'d, 's> Fields<'d, 's> {
    pub(super) fn begin(from: &'d mut Decoder<'s>, what: Type) -> Result<Self, Error> {
        let expiries = match what {
            Type::HashTimed => Expiries::From(first_deadline(from)?),
            Type::HashTimedEarly => Expiries::Absolute,
            _ => Expiries::None,
        };
        let left = from.count(if expiries == Expiries::None { 2 } else { 3 })?;
        Ok(Self { from, left, expiries, name: Vec::new() })
    }

    /// Whether fields may have an expiry.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.expiries != Expiries::None
    }

    fn expiry(&mut self) -> Result<Option<i64>, Error> {
        let offset = match self.expiries {
            Expiries::None => return Ok(None),
            Expiries::Absolute => 0,
            Expiries::From(first) => first - 1,
        };
        let written = self.from.length()?;
        if written == 0 {
            return Ok(None);
        }
        let ms = offset.checked_add_unsigned(written).filter(|ms| (1..=FIELD_EXPIRY_MAX).contains(ms));
        ms.map(Some).ok_or_else(|| self.from.corrupt("an expiry beyond what fields have"))
    }

    /// The next one.
    pub fn pull(&mut self) -> Result<Option<HashField<'_>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let expire_at = self.expiry()?;
        self.name.clear();
        self.from.text()?.push_to(&mut self.name);
        Ok(Some(HashField { name: &self.name, value: self.from.text()?, expire_at }))
    }
}

/// When the first field of a hash expires, as it stands before its fields; 0 of one that has none.
pub(super) fn first_deadline(from: &mut Decoder<'_>) -> Result<i64, Error> {
    let ms = from.time_ms()?;
    if (0..=FIELD_EXPIRY_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(from.corrupt("an expiry beyond what fields have"))
    }
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListNode<'a> {
    /// A node as it was: a listpack with elements.
    Packed(Vec<u8>),
    /// A node as it was: one element, not empty.
    Plain(Vec<u8>),
    /// One element of a list that has no nodes.
    Element(Element<'a>),
}

/// How a list is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Elements,
    Ziplists,
    Nodes,
}

/// Parts of a list, first to last.
pub struct Nodes<'d, 's> {
    from: &'d mut Decoder<'s>,
    left: u64,
    written: Written,
    /// A listpack whose elements are to be handed out, and where the next one is.
    loose: Vec<u8>,
    at: Option<At>,
    /// Whether anything has been handed out.
    pub(super) has_any: bool,
}

impl<'d, 's> Nodes<'d, 's> {
    pub(super) fn begin(from: &'d mut Decoder<'s>, what: Type) -> Result<Self, Error> {
        let mut loose = Vec::new();
        let (written, left) = match what {
            Type::ListZiplist => {
                let bytes = from.string()?;
                loose = within(from, ziplist::to_listpack(&bytes))?;
                (Written::Elements, 0)
            }
            Type::ListQuicklist => (Written::Ziplists, from.count(1)?),
            Type::ListQuicklist2 => (Written::Nodes, from.count(2)?),
            _ => (Written::Elements, from.count(1)?),
        };
        let at = if loose.is_empty() { None } else { Listpack::new(&loose).first() };
        Ok(Self { from, left, written, loose, at, has_any: false })
    }

    /// The error for what the visitor finds wrong.
    #[must_use]
    pub fn corrupt(&self, why: &'static str) -> Error {
        self.from.corrupt(why)
    }

    /// The next one.
    pub fn pull(&mut self) -> Result<Option<ListNode<'_>>, Error> {
        if let Some(at) = self.at {
            let lp = Listpack::new(&self.loose);
            self.at = lp.next(at);
            self.has_any = true;
            return Ok(Some(ListNode::Element(lp.get(at))));
        }
        while self.left > 0 {
            self.left -= 1;
            if self.written == Written::Elements {
                self.has_any = true;
                return Ok(Some(ListNode::Element(self.from.text()?)));
            }
            if let Some(node) = self.node()? {
                self.has_any = true;
                return Ok(Some(node));
            }
        }
        Ok(None)
    }

    /// A node, unless it has no elements: some versions wrote such.
    fn node(&mut self) -> Result<Option<ListNode<'static>>, Error> {
        let is_plain = self.written == Written::Nodes
            && match self.from.length()? {
                NODE_PLAIN => true,
                NODE_PACKED => false,
                _ => return Err(self.from.corrupt("a node of no known kind")),
            };
        let bytes = self.from.string()?;
        if bytes.is_empty() {
            return Err(self.from.corrupt("a node without bytes"));
        }
        if is_plain {
            return Ok(Some(ListNode::Plain(bytes)));
        }
        let packed = if self.written == Written::Ziplists {
            within(self.from, ziplist::to_listpack(&bytes))?
        } else {
            bytes
        };
        let elements = within(self.from, check::list(&packed))?;
        Ok((elements > 0).then_some(ListNode::Packed(packed)))
    }
}

/// The error for a collection without elements.
pub(super) fn empty(from: &Decoder<'_>) -> Error {
    Error { at: from.offset(), fault: Fault::Empty }
}
