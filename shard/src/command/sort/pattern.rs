//! The patterns of BY and GET: `weight_*`, `object_*->name`, `#`.
//!
//! ```text
//!   weight_ * :v1          the string at "weight_" element ":v1"
//!   object_ * -> name      the field "name" of the hash at "object_" element
//!   #                      the element itself (GET only)
//!   nosort                 without a star: nothing, for every element
//! ```
//! The first star counts, and the first `->` behind it, unless nothing follows that.
//! A key is looked up as any other is read; what is there of another type is as good as nothing.

use super::text;
use crate::collection::view_of;
use crate::db::{StrRef, ValueRef};
use crate::lookup::{Touch, is_expired};
use crate::shard::{Cx, Shard};
use crate::value::hash::{Hash, HashView};

/// How an element names a value.
pub(super) enum Pattern<'a> {
    Element,
    Constant,
    Key { prefix: &'a [u8], postfix: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let Some(star) = text.iter().position(|&b| b == b'*') else {
            return if text == b"#" { Self::Element } else { Self::Constant };
        };
        let (prefix, rest) = (&text[..star], &text[star + 1..]);
        let arrow = rest.windows(2).position(|two| two == b"->").filter(|&at| at + 2 < rest.len());
        let (postfix, field) = match arrow {
            Some(at) => (&rest[..at], Some(&rest[at + 2..])),
            None => (rest, None),
        };
        Self::Key { prefix, postfix, field }
    }

    /// Whether it makes another key of every element.
    pub(super) fn names_keys(&self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// The key that it makes of an element.
    pub(super) fn key(&self, element: &[u8]) -> Option<Box<[u8]>> {
        match self {
            Self::Key { prefix, postfix, .. } => Some([*prefix, element, *postfix].concat().into()),
            _ => None,
        }
    }

    /// Looks up what it means for an element.
    pub(super) fn value<R>(
        &self,
        shard: &mut Shard,
        cx: &Cx,
        element: &[u8],
        then: impl FnOnce(Option<&[u8]>) -> R,
    ) -> R {
        let (Self::Key { field, .. }, Some(key)) = (self, self.key(element)) else {
            return then(matches!(self, Self::Element).then_some(element));
        };
        let (key, now_ms) = (shard.key(&key), cx.now_ms);
        shard.read(cx, &key, Touch::Normal, |entry| {
            let value = entry.and_then(|entry| match (entry.value(), field) {
                (ValueRef::String(value), None) => Some(value),
                (value, Some(name)) => view_of::<Hash>(value).and_then(|hash| field_of(hash, name, now_ms)),
                _ => None,
            });
            then(value.map(text).as_deref())
        })
    }
}

/// The value of a field that has not expired.
fn field_of<'a>(hash: HashView<'a>, name: &[u8], now_ms: i64) -> Option<StrRef<'a>> {
    let (value, expire_at) = hash.get(name)?;
    (!is_expired(expire_at, now_ms)).then_some(value)
}
