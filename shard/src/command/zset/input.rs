//! What ZUNION and its kin read: sorted sets, and sets, whose members all have the score 1.

use super::super::Refused;
use crate::collection::view_of;
use crate::db::{Key, Kind, ValueRef};
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use crate::value::set::{Set, SetView};
use crate::value::zset::{Element, ZSet, ZSetView};
use proto::error;
use std::ops::ControlFlow;

/// One input.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// There is no such key.
    Nothing,
    Set(SetView<'a>),
    ZSet(ZSetView<'a>),
}

impl<'a> Input<'a> {
    /// A value as an input, which [`touch`] has accepted.
    fn of(value: ValueRef<'a>) -> Self {
        if let Some(view) = view_of::<ZSet>(value) {
            Self::ZSet(view)
        } else if let Some(view) = view_of::<Set>(value) {
            Self::Set(view)
        } else {
            Self::Nothing
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Set(view) => view.len(),
            Self::ZSet(view) => view.len(),
        }
    }

    /// The score of a member; `text` is its bytes.
    pub(super) fn score(&self, text: &[u8]) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Set(view) => view.contains(Element::Bytes(text)).then_some(1.0),
            Self::ZSet(view) => view.score(text),
        }
    }

    /// Visits every member with its text, until a visit breaks.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&[u8], f64) -> ControlFlow<()>) {
        let mut text = Vec::new();
        let mut with_text = |member: Element<'_>, score| match member {
            Element::Bytes(bytes) => visit(bytes, score),
            Element::Int(_) => {
                text.clear();
                member.push_to(&mut text);
                visit(&text, score)
            }
        };
        // That it was broken off is known to the visitor.
        let _ = match self {
            Self::Nothing => ControlFlow::Continue(()),
            Self::Set(view) => view.try_each(&mut |member| with_text(member, 1.0)),
            Self::ZSet(view) => view.all().try_for_each(|(member, score)| with_text(member, score)),
        };
    }
}

/// Looks all keys up, as a read does, and refuses what is neither a sorted set nor a set.
pub(super) fn touch(shard: &mut Shard, cx: &Cx, keys: &[Key<'_>]) -> Result<(), Refused> {
    for key in keys {
        let kind = shard.read(cx, key, Touch::Normal, |entry| entry.map(|entry| entry.kind()));
        if !matches!(kind, None | Some(Kind::ZSet | Kind::Set)) {
            return Err(error::WRONG_TYPE.into());
        }
    }
    Ok(())
}

/// The values of keys that were [`touch`]ed.
pub(super) fn inputs<'a>(shard: &'a Shard, cx: &Cx, keys: &[Key<'_>]) -> Vec<Input<'a>> {
    let of = |key| shard.dbs[cx.db].get(key).map_or(Input::Nothing, |entry| Input::of(entry.value()));
    keys.iter().map(of).collect()
}
