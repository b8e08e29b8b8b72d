//! The bit sets of a row: what a command does ([`Flags`]), which ACL categories hold it
//! ([`AclCategories`]), and remarks for its documentation ([`DocFlags`]).
//!
//! Each set is declared once as a list of names, in the order in which COMMAND INFO lists them;
//! constants, iteration and parsing come from that list. A flag without a name is one that
//! Redis keeps to itself.

/// Declares a bit set: one constant per name, `of`, `contains`, `names`.
macro_rules! bit_set {
    ($(#[$doc:meta])* $set:ident: $bits:ty { $($(#[$flag_doc:meta])* $flag:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default)]
        pub struct $set($bits);

        impl $set {
            bit_set!(@consts $bits, 0; $($(#[$flag_doc])* $flag,)*);

            const NAMED: &'static [($set, &'static str)] = &[$(($set::$flag, $name),)*];

            /// The empty set.
            pub const NONE: $set = $set(0);

            /// The union of `parts`.
            #[must_use]
            pub const fn of(parts: &[$set]) -> $set {
                let mut all = $set(0);
                let mut i = 0;
                while i < parts.len() {
                    all.0 |= parts[i].0;
                    i += 1;
                }
                all
            }

            /// Whether all of `other` is in the set.
            #[must_use]
            #[inline]
            pub const fn contains(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether the two sets share anything.
            #[must_use]
            #[inline]
            pub const fn intersects(self, other: $set) -> bool {
                self.0 & other.0 != 0
            }

            #[must_use]
            pub const fn with(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            #[must_use]
            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The names that clients see, in Redis's order.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::NAMED
                    .iter()
                    .filter(move |(flag, name)| self.contains(*flag) && !name.is_empty())
                    .map(|(_, name)| *name)
            }

            /// The set of one name, in any case; `None` when there is no such name.
            #[must_use]
            pub fn by_name(name: &[u8]) -> Option<$set> {
                let mut named = Self::NAMED.iter().filter(|(_, known)| !known.is_empty());
                named.find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(flag, _)| *flag)
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.names()).finish()
            }
        }
    };
    (@consts $bits:ty, $at:expr;) => {};
    (@consts $bits:ty, $at:expr; $(#[$doc:meta])* $flag:ident, $($rest:tt)*) => {
        $(#[$doc])*
        pub const $flag: Self = Self(1 << ($at));
        bit_set!(@consts $bits, $at + 1; $($rest)*);
    };
}
pub(crate) use bit_set;

bit_set! {
    /// What a command does and where it may be called.
    Flags: u64 {
        /// May change the data set.
        WRITE = "write",
        /// Reads the data set and never changes it.
        READONLY = "readonly",
        /// Refused when memory is above `maxmemory`.
        DENYOOM = "denyoom",
        /// Administration of the server.
        ADMIN = "admin",
        /// Publishes or subscribes.
        PUBSUB = "pubsub",
        /// Refused inside scripts.
        NOSCRIPT = "noscript",
        /// May block the client.
        BLOCKING = "blocking",
        /// Allowed while the data set loads.
        LOADING = "loading",
        /// Allowed on a replica whose data are stale.
        STALE = "stale",
        /// Not shown by MONITOR.
        SKIP_MONITOR = "skip_monitor",
        /// Not logged by SLOWLOG.
        SKIP_SLOWLOG = "skip_slowlog",
        /// In cluster mode behaves as if ASKING had come before.
        ASKING = "asking",
        /// Constant or logarithmic time.
        FAST = "fast",
        /// Allowed before AUTH.
        NO_AUTH = "no_auth",
        /// May need to be sent to replicas though it is no write (EVAL, PUBLISH).
        MAY_REPLICATE = "",
        /// Correct without any key (EVAL with `numkeys` 0).
        NO_MANDATORY_KEYS = "no_mandatory_keys",
        /// Off unless a directive (`enable-debug-command`) allows it.
        PROTECTED = "",
        /// Refused during an asynchronous load of a replica's data set.
        NO_ASYNC_LOADING = "no_async_loading",
        /// Refused inside MULTI.
        NO_MULTI = "no_multi",
        /// First key, last key and step do not tell all its keys.
        MOVABLEKEYS = "movablekeys",
        /// Allowed while a script runs too long.
        ALLOW_BUSY = "allow_busy",
        /// May touch keys that it does not name (RANDOMKEY, SCAN).
        TOUCHES_ARBITRARY_KEYS = "",
    }
}

bit_set! {
    /// The ACL categories of a command.
    AclCategories: u32 {
        KEYSPACE = "keyspace",
        READ = "read",
        WRITE = "write",
        SET = "set",
        SORTEDSET = "sortedset",
        LIST = "list",
        HASH = "hash",
        STRING = "string",
        BITMAP = "bitmap",
        HYPERLOGLOG = "hyperloglog",
        GEO = "geo",
        STREAM = "stream",
        PUBSUB = "pubsub",
        ADMIN = "admin",
        FAST = "fast",
        SLOW = "slow",
        BLOCKING = "blocking",
        DANGEROUS = "dangerous",
        CONNECTION = "connection",
        TRANSACTION = "transaction",
        SCRIPTING = "scripting",
    }
}

impl AclCategories {
    /// The categories that follow from `flags`, beside those a row names itself.
    #[must_use]
    pub const fn implied_by(self, flags: Flags) -> AclCategories {
        let mut all = self;
        if flags.contains(Flags::WRITE) {
            all = all.with(Self::WRITE);
        }
        if flags.contains(Flags::READONLY) && !self.contains(Self::SCRIPTING) {
            all = all.with(Self::READ);
        }
        if flags.contains(Flags::ADMIN) {
            all = all.with(Self::ADMIN).with(Self::DANGEROUS);
        }
        if flags.contains(Flags::PUBSUB) {
            all = all.with(Self::PUBSUB);
        }
        if flags.contains(Flags::BLOCKING) {
            all = all.with(Self::BLOCKING);
        }
        if flags.contains(Flags::FAST) {
            all = all.with(Self::FAST);
        }
        if all.contains(Self::FAST) { all } else { all.with(Self::SLOW) }
    }

    /// All categories in the order of ACL CAT.
    pub fn all() -> impl Iterator<Item = (AclCategories, &'static str)> {
        Self::NAMED.iter().copied()
    }
}

bit_set! {
    /// Remarks of COMMAND DOCS.
    DocFlags: u8 {
        DEPRECATED = "deprecated",
        /// Meant for servers, not for clients.
        SYSCMD = "syscmd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_they_were_given() {
        let set = Flags::of(&[Flags::WRITE, Flags::FAST]);
        assert!(set.contains(Flags::WRITE) && set.contains(Flags::FAST) && !set.contains(Flags::READONLY));
        assert!(set.intersects(Flags::of(&[Flags::FAST, Flags::ADMIN])) && !set.contains(Flags::ADMIN));
        assert_eq!(set.without(Flags::FAST), Flags::WRITE);
        assert_eq!(set.names().collect::<Vec<_>>(), ["write", "fast"]);
        assert_eq!(format!("{set:?}"), r#"{"write", "fast"}"#);
    }

    #[test]
    fn names_lead_back_to_the_flag_and_hidden_ones_have_none() {
        assert_eq!(AclCategories::by_name(b"SortedSet"), Some(AclCategories::SORTEDSET));
        assert_eq!(AclCategories::by_name(b"nope"), None);
        assert_eq!(Flags::by_name(b""), None);
        assert_eq!(Flags::MAY_REPLICATE.names().count(), 0);
        assert_eq!(AclCategories::all().count(), 21);
    }

    #[test]
    fn categories_follow_from_flags() {
        let read = AclCategories::STRING.implied_by(Flags::of(&[Flags::READONLY, Flags::FAST]));
        assert_eq!(read.names().collect::<Vec<_>>(), ["read", "string", "fast"]);
        let script = AclCategories::SCRIPTING.implied_by(Flags::READONLY);
        assert_eq!(script.names().collect::<Vec<_>>(), ["slow", "scripting"]);
        let admin = AclCategories::NONE.implied_by(Flags::ADMIN);
        assert_eq!(admin.names().collect::<Vec<_>>(), ["admin", "slow", "dangerous"]);
    }
}
