//! How far a group is behind, without counting.
//!
//! A stream knows how many entries were ever added, and so the number that its last entry had: *entries added*.
//! The number of the first live entry is *entries added - length + 1*, as long as XDEL has left no hole behind
//! it: trimming takes from the front and leaves none. A group that has read up to an entry whose number is known
//! lags by *entries added* less that number. Where a hole may lie ahead, the answer is "unknown",
//! until the group has read past it.
//!
//! The rules are those of Redis 7.2, guesses included, since clients see the numbers.

use super::{Group, Log, StreamId};

impl Log {
    /// Whether XDEL may have left a hole from `start` on.
    pub(crate) fn has_hole_from(&self, start: StreamId) -> bool {
        self.len > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// The number of the entry with this id, counted from the first that ever was in; of an id between two
    /// entries, that of the entry before. `None` where it is not known.
    pub(crate) fn number_of(&self, id: StreamId) -> Option<i64> {
        let (added, len) = (self.entries_added as i64, self.len as i64);
        if added == 0 {
            return Some(0);
        }
        if id == self.last_id || self.len == 0 && id < self.last_id {
            return Some(added);
        }
        if id > self.last_id || self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id {
            return None;
        }
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(added.wrapping_sub(len)),
            std::cmp::Ordering::Equal => Some(added.wrapping_sub(len).wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Entries that the group has not been given; `None` where it is not known.
    #[must_use]
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        let known = group.entries_read.filter(|_| !self.has_hole_from(group.last_id));
        let read = known.or_else(|| self.number_of(group.last_id))?;
        Some(added.wrapping_sub(read))
    }

    /// The count of a group that is just given the entry `id`, the next for it.
    pub(crate) fn count_read(&self, before: Option<i64>, id: StreamId) -> Option<i64> {
        match before {
            Some(read) if !self.has_hole_from(id) => Some(read.wrapping_add(1)),
            _ if self.entries_added > 0 => self.number_of(id),
            _ => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId::new(ms, 0)
    }

    /// Entries 3 to 5 of five that were added.
    fn trimmed() -> Log {
        Log { len: 3, entries_added: 5, first_id: id(3), last_id: id(5), ..Log::new() }
    }

    #[test]
    fn numbers_at_both_ends_are_known() {
        let log = trimmed();
        let numbers = [0, 2, 3, 4, 5, 6].map(|ms| log.number_of(id(ms)));
        assert_eq!(numbers, [Some(2), Some(2), Some(3), None, Some(5), None]);
        assert_eq!(Log::new().number_of(id(7)), Some(0));
        let emptied = Log { len: 0, first_id: id(0), ..trimmed() };
        assert_eq!([4, 5, 6].map(|ms| emptied.number_of(id(ms))), [Some(5), Some(5), None]);
    }

    #[test]
    fn a_hole_hides_what_lies_before() {
        let holed = Log { len: 2, max_deleted_id: id(4), ..trimmed() };
        assert_eq!([2, 3, 5].map(|ms| holed.number_of(id(ms))), [None, None, Some(5)]);
        assert_eq!([3, 4, 5].map(|ms| holed.has_hole_from(id(ms))), [true, true, false]);
        let before = Log { max_deleted_id: id(2), ..trimmed() };
        assert!(!before.has_hole_from(id(1)));
        assert_eq!(before.number_of(id(1)), Some(2));
    }

    #[test]
    fn a_group_counts_or_looks() {
        let log = trimmed();
        let mut group = Group::new(id(4), Some(4));
        assert_eq!(log.lag(&group), Some(1));
        group.entries_read = None;
        assert_eq!(log.lag(&group), None);
        group.last_id = id(3);
        assert_eq!(log.lag(&group), Some(2));
        assert_eq!(log.count_read(Some(3), id(4)), Some(4));
        assert_eq!(log.count_read(None, id(4)), None);
        assert_eq!(log.count_read(None, id(5)), Some(5));
        assert_eq!(Log::new().lag(&group), Some(0));
    }
}
