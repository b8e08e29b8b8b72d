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
use crate::db::{Detached, EntryMut, Key, Kind, ValueRef};
use crate::lookup::Touch;
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
        if self.kind_for_write(cx, key, C::KIND)? {
            return Ok(self.edit_found(cx, key, edit));
        }
        Ok(None)
    }

    /// Changes a collection, a new one if there is none.
    pub(crate) fn upsert<C: Collection, R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        edit: impl FnOnce(&mut C, &mut Env<'_>) -> R,
    ) -> Result<Edited<R>, Refused> {
        if self.kind_for_write(cx, key, C::KIND)? {
            let mut edit = Some(edit);
            let edited = self.edit_found(cx, key, |c: &mut C, env| edit.take().map(|edit| edit(c, env)));
            if let Some(Edited { result: Some(result), emptied }) = edited {
                return Ok(Edited { result, emptied });
            }
            unreachable!("the key was found just now");
        }
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
            self.add(cx, key, collection.into_value());
        }
        there
    }

    /// What edits within a value need.
    pub(crate) fn env(&mut self, cx: &Cx) -> Env<'_> {
        let seed = self.seed();
        Env { settings: &self.settings, random: &mut self.random, now_ms: cx.now_ms, seed }
    }

    /// Whether the key is there; refused when it is of another kind.
    fn kind_for_write(&mut self, cx: &Cx, key: &Key<'_>, kind: Kind) -> Result<bool, Refused> {
        match self.write(cx, key, |entry| entry.map(|e| e.entry().kind())) {
            None => Ok(false),
            Some(found) if found == kind => Ok(true),
            Some(_) => Err(error::WRONG_TYPE.into()),
        }
    }

    fn edit_found<C: Collection, R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        edit: impl FnOnce(&mut C, &mut Env<'_>) -> R,
    ) -> Option<Edited<R>> {
        let seed = self.seed();
        let mut env = Env { settings: &self.settings, random: &mut self.random, now_ms: cx.now_ms, seed };
        let mut entry: EntryMut<'_> = self.dbs[cx.db].get_mut(key)?;
        let (result, emptied) = entry.edit_collection(|c: &mut C| edit(c, &mut env));
        if emptied {
            self.dbs[cx.db].discard(key);
        }
        Some(Edited { result, emptied })
    }

    /// Puts back a value that was taken out or made elsewhere, with its expiry; the access bits are those of
    /// a new key.
    pub(crate) fn put_value(&mut self, cx: &Cx, db: usize, key: &Key<'_>, mut value: Detached) {
        value.lru = lru::fresh(&self.settings, cx.now_ms);
        self.delete(cx, db, key);
        self.dbs[db].insert(key, value);
    }
}
