//! All directives, by section, in the order that the commented configuration lists them.

mod clients;
mod cluster;
mod compat;
mod data;
mod diagnostics;
mod general;
mod memory;
mod network;
mod percore;
mod persistence;
mod replication;
mod security;
mod tls;

use super::row::{Directive, Section};
use std::sync::LazyLock;

pub const SECTIONS: &[Section] = &[
    Section { title: "PERCORE", rows: percore::ROWS },
    Section { title: "INCLUDES AND MODULES", rows: general::FILES },
    Section { title: "NETWORK", rows: network::ROWS },
    Section { title: "TLS", rows: tls::ROWS },
    Section { title: "GENERAL", rows: general::ROWS },
    Section { title: "LOG", rows: general::LOG },
    Section { title: "SNAPSHOTS", rows: persistence::SNAPSHOTS },
    Section { title: "APPEND ONLY FILE", rows: persistence::APPEND_ONLY },
    Section { title: "SHUTDOWN", rows: persistence::SHUTDOWN },
    Section { title: "REPLICATION", rows: replication::ROWS },
    Section { title: "SECURITY", rows: security::ROWS },
    Section { title: "CLIENTS", rows: clients::ROWS },
    Section { title: "MEMORY", rows: memory::ROWS },
    Section { title: "FREEING AND EXPIRY", rows: memory::FREEING },
    Section { title: "DATA TYPES", rows: data::ROWS },
    Section { title: "CLUSTER", rows: cluster::ROWS },
    Section { title: "SLOW LOG AND LATENCY", rows: diagnostics::ROWS },
    Section { title: "PROCESS", rows: diagnostics::PROCESS },
    Section { title: "FOR TESTS", rows: diagnostics::TESTING },
    Section { title: "OTHER SERVERS", rows: compat::ROWS },
];

/// A directive's place in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(u16);

impl Id {
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    #[must_use]
    pub fn row(self) -> &'static Directive {
        ALL[self.index()]
    }
}

static ALL: LazyLock<Vec<&'static Directive>> =
    LazyLock::new(|| SECTIONS.iter().flat_map(|section| section.rows).collect());

/// Every row, in order.
#[must_use]
pub fn all() -> &'static [&'static Directive] {
    &ALL
}

/// Every row's id, in order.
pub fn ids() -> impl Iterator<Item = Id> {
    (0..ALL.len() as u16).map(Id)
}

/// The row that goes by this name, whatever its case, with the name as the table spells it.
#[must_use]
pub fn find(name: &[u8]) -> Option<(Id, &'static str)> {
    ids().find_map(|id| {
        let row = id.row();
        let names = std::iter::once(&row.name).chain(row.aliases).chain(row.also);
        names.copied().find(|n| n.as_bytes().eq_ignore_ascii_case(name)).map(|n| (id, n))
    })
}

/// The row of this name, at compile time.
///
/// # Panics
/// If there is none: as a build error, since it is only called in constants.
#[must_use]
pub const fn id_of(name: &str) -> Id {
    let mut index = 0;
    let mut s = 0;
    while s < SECTIONS.len() {
        let rows = SECTIONS[s].rows;
        let mut r = 0;
        while r < rows.len() {
            if same(rows[r].name.as_bytes(), name.as_bytes()) {
                return Id(index);
            }
            index += 1;
            r += 1;
        }
        s += 1;
    }
    panic!("no directive has this name")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The [`Id`] of the directive named by the literal, found at compile time.
#[macro_export]
macro_rules! id {
    ($name:literal) => {
        const { $crate::config::id_of($name) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_lower_case_and_found() {
        let mut seen = HashSet::new();
        for id in ids() {
            let row = id.row();
            for name in std::iter::once(&row.name).chain(row.aliases).chain(row.also) {
                assert!(seen.insert(*name), "{name} twice");
                assert_eq!(*name, name.to_ascii_lowercase());
                assert_eq!(find(name.to_ascii_uppercase().as_bytes()), Some((id, *name)));
            }
        }
        assert!(find(b"nope").is_none());
        assert_eq!(id!("port").row().name, "port");
    }

    #[test]
    fn every_row_is_documented() {
        for row in all() {
            assert!(row.doc.len() > 10 && row.doc.ends_with('.'), "{}: {:?}", row.name, row.doc);
        }
    }
}
