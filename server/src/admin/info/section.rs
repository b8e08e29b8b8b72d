//! The sections of INFO, and which of them a command asks for.

use proto::args::Args;

/// A section, in the order in which they are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    Server,
    Clients,
    Memory,
    Persistence,
    Stats,
    Replication,
    Cpu,
    Modules,
    Commandstats,
    Errorstats,
    Latencystats,
    Cluster,
    Keyspace,
    Shards,
    Internals,
}

use Section::{
    Clients, Cluster, Commandstats, Cpu, Errorstats, Internals, Keyspace, Latencystats, Memory, Modules,
    Persistence, Replication, Server, Shards, Stats,
};

const ALL: [Section; 15] = [
    Server,
    Clients,
    Memory,
    Persistence,
    Stats,
    Replication,
    Cpu,
    Modules,
    Commandstats,
    Errorstats,
    Latencystats,
    Cluster,
    Keyspace,
    Shards,
    Internals,
];

impl Section {
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Server => "Server",
            Clients => "Clients",
            Memory => "Memory",
            Persistence => "Persistence",
            Stats => "Stats",
            Replication => "Replication",
            Cpu => "CPU",
            Modules => "Modules",
            Commandstats => "Commandstats",
            Errorstats => "Errorstats",
            Latencystats => "Latencystats",
            Cluster => "Cluster",
            Keyspace => "Keyspace",
            Shards => "Shards",
            Internals => "Debug",
        }
    }

    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.title().as_bytes())
            || (self == Modules && name.eq_ignore_ascii_case(b"module_list"))
    }

    /// Shown when none is named. As in Redis, but for Shards: a line a core is what an operator of
    /// this server looks for first, and the default asks all cores anyway, for Keyspace.
    fn by_default(self) -> bool {
        !matches!(self, Commandstats | Latencystats | Internals)
    }

    /// Shows figures that only the cores themselves have.
    fn asks_cores(self) -> bool {
        matches!(self, Memory | Stats | Cpu | Latencystats | Keyspace | Shards)
    }
}

/// The sections that one INFO shows.
#[derive(Debug)]
pub struct Selection(Vec<Section>);

impl Selection {
    /// By the names given; names of nothing are left out, as in Redis.
    #[must_use]
    pub fn new(names: Args<'_>) -> Self {
        let given = |word: &[u8]| names.iter().any(|n| n.eq_ignore_ascii_case(word));
        let all = given(b"all") || given(b"everything");
        let default = names.len() == 0 || given(b"default");
        let wanted = |s: &Section| {
            (all && *s != Internals) || (default && s.by_default()) || names.iter().any(|n| s.is_named(n))
        };
        Self(ALL.into_iter().filter(wanted).collect())
    }

    #[must_use]
    pub fn has(&self, section: Section) -> bool {
        self.0.contains(&section)
    }

    pub fn sections(&self) -> impl Iterator<Item = Section> {
        self.0.iter().copied()
    }

    #[must_use]
    pub fn asks_cores(&self) -> bool {
        self.0.iter().any(|s| s.asks_cores())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;

    fn chosen(names: &[&str]) -> Vec<Section> {
        Selection::new(OwnedArgs::of(names).args()).0
    }

    #[test]
    fn sections_by_name() {
        assert_eq!(chosen(&["CPU", "nonsense", "server", "cpu"]), [Server, Cpu]);
        assert_eq!(chosen(&["module_list"]), [Modules]);
        assert!(chosen(&["sentinel"]).is_empty());
    }

    #[test]
    fn groups_of_sections() {
        let default = chosen(&[]);
        assert!(default.contains(&Keyspace) && default.contains(&Shards) && !default.contains(&Commandstats));
        assert_eq!(chosen(&["default"]), default);
        assert_eq!(chosen(&["cpu", "default"]), default);
        assert_eq!(chosen(&["all"]), ALL[..14]);
        assert_eq!(chosen(&["cpu", "everything"]), ALL[..14]);
        assert_eq!(chosen(&["debug"]), [Internals]);
        assert_eq!(chosen(&["default", "commandstats"]).len(), default.len() + 1);
    }

    #[test]
    fn cores_are_asked_only_for_what_they_alone_know() {
        let asks = |names: &[&str]| Selection::new(OwnedArgs::of(names).args()).asks_cores();
        assert!(asks(&[]) && asks(&["keyspace"]));
        assert!(!asks(&["server", "clients", "commandstats", "errorstats", "replication", "persistence"]));
    }
}
