//! The large form of a hash: a [`Dict`] of fields, and an index of those that expire.
//!
//! ```text
//!   dict       field -> value [, Unix ms]     one allocation each; 8 bytes more with an expiry
//!   deadlines  (Unix ms, place) -> count      only of fields with an expiry
//! ```
//!
//! Invariant: every field with an expiry has its deadline in the index, and nothing else has one. So finding
//! what is due costs what is due, however large the hash is, and as long as no field expires the index costs an
//! `if`. Setting, removing and expiring a field each take O(log n) steps at most.

use super::{Field, Was};
use crate::db::{Deadlines, Entry, StrRef};
use crate::lookup::is_expired;
use crate::value::dict::Dict;

/// What forgetting a deadline counts for when a hash is freed, beside an element: a B-tree's node holds several.
const DEADLINES_PER_ALLOCATION: usize = 8;

/// Fields of a large hash.
#[derive(Clone, Debug)]
pub struct Fields {
    dict: Dict,
    deadlines: Deadlines,
}

fn field_of(entry: &Entry) -> Field<'_> {
    Field {
        name: StrRef::Bytes(entry.key()),
        value: entry.string().unwrap_or(StrRef::Bytes(b"")),
        expire_at: entry.expire_at(),
    }
}

impl Fields {
    /// `seed` is the shard's ([`crate::collection::Env`]).
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { dict: Dict::new(seed), deadlines: Deadlines::default() }
    }

    /// Fields, those that are due but still there among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dict.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// The value and the expiry of a field.
    #[inline]
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<(StrRef<'_>, Option<i64>)> {
        let entry = self.dict.get(name)?;
        Some((entry.string()?, entry.expire_at()))
    }

    /// When the first field expires.
    #[must_use]
    pub fn first_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(ms, _)| ms)
    }

    /// How many fields are due. A field lives through its last millisecond.
    #[must_use]
    pub fn due(&self, now_ms: i64) -> usize {
        self.deadlines.before(now_ms)
    }

    /// Sets a field; what expiry it has had stays if `keep` says so, unless it is due.
    #[inline]
    pub fn set(&mut self, name: &[u8], value: &[u8], keep: bool, now_ms: i64) -> Was {
        let before = self.expiry_of(name);
        let is_due = is_expired(before, now_ms);
        let after = before.filter(|_| keep && !is_due);
        self.move_deadline(name, before, after);
        match self.dict.put_until(name, value, after) {
            true if is_due => Was::Due,
            true => Was::There,
            false => Was::Absent,
        }
    }

    /// Adds a field with its expiry, when the hash becomes large.
    pub fn insert(&mut self, name: &[u8], value: &[u8], expire_at: Option<i64>) {
        self.move_deadline(name, self.expiry_of(name), expire_at);
        self.dict.put_until(name, value, expire_at);
    }

    /// Removes a field.
    pub fn remove(&mut self, name: &[u8], now_ms: i64) -> Was {
        let before = self.expiry_of(name);
        self.move_deadline(name, before, None);
        match self.dict.remove(name) {
            true if is_expired(before, now_ms) => Was::Due,
            true => Was::There,
            false => Was::Absent,
        }
    }

    /// Sets or clears the expiry of a field that is there.
    pub fn set_expiry(&mut self, name: &[u8], expire_at: Option<i64>) {
        let before = self.expiry_of(name);
        if self.dict.set_expire(name, expire_at) {
            self.move_deadline(name, before, expire_at);
        }
    }

    /// Removes up to `max` fields that are due; how many.
    pub fn reap(&mut self, now_ms: i64, max: usize) -> usize {
        let mut reaped = 0;
        while reaped < max
            && let Some((ms, place)) = self.deadlines.first()
            && is_expired(Some(ms), now_ms)
        {
            let mut due = Vec::new();
            self.dict.scan(place.into(), &mut |entry| {
                if entry.expire_at() == Some(ms) && self.dict.place(entry.key()) == place {
                    due.push(entry.key().to_vec());
                }
            });
            debug_assert!(!due.is_empty(), "a deadline has its field");
            if due.is_empty() {
                self.deadlines.remove(ms, place);
            }
            for name in &due {
                self.remove(name, now_ms);
            }
            reaped += due.len();
        }
        reaped
    }

    #[inline]
    fn expiry_of(&self, name: &[u8]) -> Option<i64> {
        if self.deadlines.is_empty() { None } else { self.dict.get(name)?.expire_at() }
    }

    #[inline]
    fn move_deadline(&mut self, name: &[u8], before: Option<i64>, after: Option<i64>) {
        if before == after {
            return;
        }
        let place = self.dict.place(name);
        if let Some(ms) = before {
            self.deadlines.remove(ms, place);
        }
        if let Some(ms) = after {
            self.deadlines.add(ms, place);
        }
    }

    /// Visits every field.
    pub fn each(&self, visit: &mut dyn FnMut(Field<'_>)) {
        self.dict.each(&mut |entry| visit(field_of(entry)));
    }

    /// Visits the fields of one step, as [`Dict::scan`].
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Field<'_>)) -> u64 {
        self.dict.scan(cursor, &mut |entry| visit(field_of(entry)))
    }

    /// A random field, each as likely as any other, due or not.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Field<'_>> {
        self.dict.random(random).map(field_of)
    }

    /// The first field that is not due, in the order of scans from about where this one lies.
    #[must_use]
    pub fn next_live(&self, from: Field<'_>, now_ms: i64) -> Option<Field<'_>> {
        let StrRef::Bytes(name) = from.name else { return None };
        let start = u64::from(self.dict.place(name));
        let (mut cursor, mut has_wrapped, mut found) = (start, false, None);
        while found.is_none() && !(has_wrapped && cursor > start) {
            cursor = self.dict.scan(cursor, &mut |entry| {
                if !is_expired(entry.expire_at(), now_ms) {
                    found = Some(entry);
                }
            });
            if cursor == 0 {
                if has_wrapped {
                    break;
                }
                has_wrapped = true;
            }
        }
        found.map(field_of)
    }

    /// Heap bytes, as [`Dict::memory`].
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        self.dict.memory(samples) + self.deadlines.memory()
    }

    /// About how many allocations it takes to free it.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.dict.len() + self.deadlines.len() / DEADLINES_PER_ALLOCATION
    }

    /// Frees about `budget` allocations; true when none is left.
    pub fn free_slice(&mut self, budget: usize) -> bool {
        let freed = self.deadlines.free_slice(budget.saturating_mul(DEADLINES_PER_ALLOCATION));
        let left = budget.saturating_sub(freed / DEADLINES_PER_ALLOCATION);
        left > 0 && self.dict.free_slice(left) && self.deadlines.is_empty()
    }

    /// Panics if the index is not that of the fields.
    #[cfg(test)]
    pub fn check(&self) {
        let mut expected = Deadlines::default();
        self.dict.each(&mut |entry| {
            if let Some(ms) = entry.expire_at() {
                expected.add(ms, self.dict.place(entry.key()));
            }
        });
        assert_eq!(expected, self.deadlines);
        assert_eq!(self.dict.expires_len(), self.deadlines.len());
    }
}
