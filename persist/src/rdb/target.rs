//! Which version of the format to write: the directive `rdb-version`.
//!
//! | target | read by             | what the values are, where that differs                                       |
//! |--------|---------------------|-------------------------------------------------------------------------------|
//! | auto   | what the data need  | as 11; as 12 if a hash has an expiry of a field                                |
//! | 12     | Redis 7.4           | as auto                                                                        |
//! | 11     | Redis 7.2, Valkey 8 | hashes without the expiries of their fields                                    |
//! | 10     | Redis 7.0           | ... and small sets as members, streams without when consumers were last active |
//! | 9      | Redis 5, 6          | ... and lists, hashes, sorted sets element by element, streams without counts |
//!
//! Whoever writes a value asks [`Target::has`] for the type that it would like, and takes a plainer one otherwise.
//! What is lost so is for the caller to tell. Functions came with version 10.

use super::opcode::{Type, VERSION_MAX, VERSION_OLDEST};

/// What is written unless the data need more.
const VERSION_USUAL: u16 = 11;
/// The first one with functions.
const VERSION_FUNCTIONS: u16 = 10;

/// The version to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Target(Option<u16>);

impl Target {
    /// The usual one, or a later one if the data need it.
    pub const AUTO: Self = Self(None);

    /// This version and no other, 9 to 12.
    #[must_use]
    pub fn version(version: u16) -> Option<Self> {
        (VERSION_OLDEST..=VERSION_MAX).contains(&version).then_some(Self(Some(version)))
    }

    /// Whether a value may be written as this type.
    #[must_use]
    pub fn has(self, what: Type) -> bool {
        what.since() <= self.0.unwrap_or(VERSION_MAX)
    }

    #[must_use]
    pub fn has_functions(self) -> bool {
        self.0.is_none_or(|version| version >= VERSION_FUNCTIONS)
    }

    /// The version of a file whose values need at least `needs`.
    #[must_use]
    pub fn of_file(self, needs: u16) -> u16 {
        self.0.unwrap_or(needs.max(VERSION_USUAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_have_fewer_types() {
        let has = |version, what| Target::version(version).is_some_and(|target| target.has(what));
        for (what, since) in [
            (Type::Hash, 9),
            (Type::StreamListpacks, 9),
            (Type::HashListpack, 10),
            (Type::ListQuicklist2, 10),
            (Type::SetListpack, 11),
            (Type::HashTimed, 12),
        ] {
            (9..=12).for_each(|version| assert_eq!(has(version, what), version >= since, "{what:?}"));
            assert!(Target::AUTO.has(what));
        }
        assert_eq!((Target::version(8), Target::version(13)), (None, None));
    }

    #[test]
    fn a_file_is_of_the_version_that_its_data_need() {
        assert_eq!((Target::AUTO.of_file(9), Target::AUTO.of_file(12)), (11, 12));
        assert_eq!(Target::version(10).map(|target| target.of_file(9)), Some(10));
        assert_eq!(Target::version(12).map(|target| target.of_file(9)), Some(12));
        assert_eq!(Target::version(9).map(Target::has_functions), Some(false));
    }
}
