//! How much goes where: the directives of lists, and what they decide.
//!
//! `list-max-listpack-size` bounds a packed list and each node of a quicklist, in one of two ways:
//!
//! | value        | a node holds at most                                             |
//! |--------------|------------------------------------------------------------------|
//! | -1 ... -5    | 4, 8, 16, 32, 64 KiB                                             |
//! | 0, 1 ...     | that many elements (0 is 1, 32767 the most), and 8 KiB           |
//!
//! A single element may be larger than that: it is alone in a node of its own, *plain*, without a listpack
//! around it, so that it can be replaced without a copy of its neighbours. DEBUG QUICKLIST-PACKED-THRESHOLD puts
//! another size in the place of that border, for tests.

use crate::settings::Settings;

/// Bytes of a node for the values -1 to -5.
const CLASSES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// Bytes of a node that is bounded by its count.
const COUNTED_BYTES_MAX: usize = 8 << 10;
/// The most elements a node may be asked to hold.
const COUNT_MAX: i32 = (1 << 15) - 1;
/// What an element is taken to need beside its text, bytes: enough for all that have neighbours.
const OVERHEAD: usize = 8;

/// `list-max-listpack-size`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fill(i32);

impl Default for Fill {
    fn default() -> Self {
        Self(-2)
    }
}

impl Fill {
    /// Of the directive's value; beyond the bounds of the table it is the nearest one.
    #[must_use]
    pub fn new(directive: i64) -> Self {
        Self(directive.clamp(-(CLASSES.len() as i64), i64::from(COUNT_MAX)) as i32)
    }

    /// The value, within its bounds.
    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }

    /// Bytes of a node, listpack and all; `None` where the count is the bound.
    fn class(self) -> Option<usize> {
        let index = usize::try_from(self.0.checked_neg()? - 1).ok()?;
        CLASSES.get(index).copied()
    }

    /// Whether a listpack of `bytes` bytes and `count` elements is too large for a node.
    #[must_use]
    pub(super) fn is_exceeded(self, bytes: usize, count: usize) -> bool {
        match self.class() {
            Some(max) => bytes > max,
            None => bytes > COUNTED_BYTES_MAX || count > self.0.max(1) as usize,
        }
    }

    /// Whether a node of `bytes` bytes and `count` elements has room for a text of `len` bytes.
    pub(super) fn has_room(self, bytes: usize, count: usize, len: usize) -> bool {
        !self.is_exceeded(bytes + len + OVERHEAD, count + 1)
    }

    /// Whether a quicklist of one listpack like this is to be packed again: at once or, if it is `shrinking`, from
    /// half the limit on, so that a list that goes up and down around it is not converted each time.
    pub(super) fn wants_packed(self, bytes: usize, count: usize, shrinking: bool) -> bool {
        let share = if shrinking { 2 } else { 1 };
        match self.class() {
            Some(max) => bytes <= max / share,
            None => count <= self.0.max(1) as usize / share,
        }
    }

    /// Texts longer than this are alone in a node, bytes.
    fn element_max(self) -> usize {
        self.class().unwrap_or(COUNTED_BYTES_MAX)
    }
}

/// The directives of lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    pub fill: Fill,
    /// `list-compress-depth`: how many nodes at each end are not compressed; 0 compresses none.
    pub compress_depth: u32,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD, in bytes: texts of this length are alone in a node; 0 leaves it to `fill`.
    pub packed_threshold: usize,
}

/// A depth beyond this is this.
const COMPRESS_DEPTH_MAX: usize = (1 << 16) - 1;

impl Limits {
    /// Those that are in force.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let thresholds = &settings.thresholds;
        Self {
            fill: Fill::new(i64::from(thresholds.list_max_listpack_size)),
            compress_depth: thresholds.list_compress_depth.min(COMPRESS_DEPTH_MAX) as u32,
            packed_threshold: settings.list_packed_threshold,
        }
    }

    /// Whether a text of `len` bytes is to be alone, in a quicklist of this fill.
    pub(super) fn is_large(&self, fill: Fill, len: usize) -> bool {
        if self.packed_threshold == 0 { len > fill.element_max() } else { len >= self.packed_threshold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_bounds_are_the_nearest() {
        for (directive, value) in
            [(i64::MIN, -5), (-6, -5), (-5, -5), (0, 0), (32_767, 32_767), (40_000, 32_767)]
        {
            assert_eq!(Fill::new(directive).get(), value);
        }
    }

    #[test]
    fn bounds_are_those_of_the_table() {
        for (directive, bytes) in
            [(-1, 4096), (-2, 8192), (-3, 16_384), (-4, 32_768), (-5, 65_536), (-9, 65_536)]
        {
            let fill = Fill::new(directive);
            assert!(!fill.is_exceeded(bytes, 60_000) && fill.is_exceeded(bytes + 1, 1), "{directive}");
            assert!(fill.wants_packed(bytes / 2, 60_000, true) && !fill.wants_packed(bytes / 2 + 1, 1, true));
            assert!(fill.wants_packed(bytes, 60_000, false) && !fill.wants_packed(bytes + 1, 1, false));
        }
        for (directive, count) in [(0, 1), (1, 1), (100, 100)] {
            let fill = Fill::new(directive);
            assert!(!fill.is_exceeded(8192, count) && fill.is_exceeded(8, count + 1), "{directive}");
            assert!(fill.is_exceeded(8193, 1));
            assert!(fill.wants_packed(8192, count / 2, true) && !fill.wants_packed(8, count / 2 + 1, true));
        }
    }

    #[test]
    fn large_texts_are_those_beyond_a_node() {
        let limits = Limits::default();
        assert!(!limits.is_large(limits.fill, 8192) && limits.is_large(limits.fill, 8193));
        assert!(!limits.is_large(Fill::new(5), 8192) && limits.is_large(Fill::new(5), 8193));
        let tiny = Limits { packed_threshold: 5, ..limits };
        assert!(!tiny.is_large(limits.fill, 4) && tiny.is_large(limits.fill, 5));
    }
}
