//! How commands read and change collections: the look-ups of [`mod@crate::lookup`], with the type checked.
//!
//! | method            | the key is not there       | of another type | it is empty after     |
//! |-------------------|----------------------------|-----------------|-----------------------|
//! | [`Shard::view`]   | `None`                     | WRONGTYPE       | -                     |
//! | [`Shard::edit`]   | `None`                     | WRONGTYPE       | the key is removed    |
//! | [`Shard::upsert`] | an empty one is made first | WRONGTYPE       | the key is removed    |
//! | [`Shard::store`]  | is made                    | is replaced     | the key is removed    |
//!
//! None of them tells anybody: the command knows what to call the change ([`Shard::changed`]), and says so
//! after the edit. `view` counts a hit or a miss and marks the access, as a read does; the others
//! mark the access only.

use crate::command::Refused;
use crate::db::{Detached, Key, ValueRef};
use crate::event::Class;
use crate::lookup::{Touch, is_expired};
use crate::lru;
use crate::random::Random;
use crate::settings::Settings;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use proto::error;

/// What an edit may need besides the collection.
pub(crate) struct Env<'a> {
    pub settings: &'a Settings,
    pub random: &'a mut Random,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// What the shard hashes keys with: tables within a value use it, too.
    pub seed: u64,
}

/// The result of an edit, and whether it has emptied (and so removed) the collection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edited<R> {
    pub result: R,
    pub emptied: bool,
}

/// How a value of the type `C` is read; `None` when it is of another.
pub(crate) fn view_of<C: Collection>(value: ValueRef<'_>) -> Option<C::View<'_>> {
    match value {
        ValueRef::Packed(p) if p.kind == C::KIND => Some(C::view_packed(p.bytes, p.flag)),
        ValueRef::Object(object) => C::of(object).map(C::view),
        _ => None,
    }
}

impl Shard {
    /// Reads a collection.
    pub(crate) fn view<C: Collection, R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        then: impl FnOnce(Option<C::View<'_>>) -> R,
    ) -> Result<R, Refused> {
        self.read(cx, key, Touch::Normal, |entry| match entry {
            None => Ok(then(None)),
            Some(entry) => match view_of::<C>(entry.value()) {
                Some(view) => Ok(then(Some(view))),
                None => Err(error::WRONG_TYPE.into()),
            },
        })
    }

    /// Changes a collection that is there.
    pub(crate) fn edit<C: Collection, R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        edit: impl FnOnce(&mut C, &mut Env<'_>) -> R,
    ) -> Result<Option<Edited<R>>, Refused> {
        Ok(self.edit_found(cx, key, edit)?.ok())
    }

    /// Changes a collection, a new one if there is none.
    pub(crate) fn upsert<C: Collection, R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        edit: impl FnOnce(&mut C, &mut Env<'_>) -> R,
    ) -> Result<Edited<R>, Refused> {
        let edit = match self.edit_found(cx, key, edit)? {
            Ok(edited) => return Ok(edited),
            Err(edit) => edit,
        };
        let mut collection = C::default();
        let result = edit(&mut collection, &mut self.env(cx));
        let emptied = collection.is_empty();
        if !emptied {
            self.add(cx, key, collection.into_value());
        }
        Ok(Edited { result, emptied })
    }

    /// Puts a collection in the place of whatever is there, without an expiry; an empty one removes the
    /// key. True when there was something.
    pub(crate) fn store<C: Collection>(&mut self, cx: &Cx, key: &Key<'_>, collection: C) -> bool {
        let there = self.delete(cx, cx.db, key);
        if !collection.is_empty() {
            let (value, lru) = (collection.into_value(), lru::fresh(&self.settings, cx.now_ms));
            self.dbs[cx.db].insert(key, Detached { value, expire_at: None, lru });
            if !there {
                self.notify(cx.db, key.bytes, Class::NEW, "new");
            }
        }
        there
    }

    /// What edits within a value need.
    pub(crate) fn env(&mut self, cx: &Cx) -> Env<'_> {
        let seed = self.seed();
        Env { settings: &self.settings, random: &mut self.random, now_ms: cx.now_ms, seed }
    }

    /// Changes the collection under a key, in one look-up: `edit` comes back when there is none.
    #[inline]
    fn edit_found<C: Collection, R, F: FnOnce(&mut C, &mut Env<'_>) -> R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        edit: F,
    ) -> Result<Result<Edited<R>, F>, Refused> {
        let seed = self.seed();
        let Some(mut entry) = self.dbs[cx.db].get_mut(key) else { return Ok(Err(edit)) };
        if is_expired(entry.entry().expire_at(), cx.now_ms) {
            self.reap(cx.db, key);
            return Ok(Err(edit));
        }
        if entry.entry().kind() != C::KIND {
            return Err(error::WRONG_TYPE.into());
        }
        if !cx.no_touch {
            entry.touch(|bits| lru::touched(bits, &self.settings, cx.now_ms, &mut self.random));
        }
        let mut env = Env { settings: &self.settings, random: &mut self.random, now_ms: cx.now_ms, seed };
        let (result, emptied) = entry.edit_collection(|c: &mut C| edit(c, &mut env));
        if emptied {
            self.dbs[cx.db].discard(key);
        }
        Ok(Ok(Edited { result, emptied }))
    }
}
