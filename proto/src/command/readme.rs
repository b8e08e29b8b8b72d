//! The README's table of commands, generated from the rows so that it cannot lag behind them.

use super::{CommandSpec, Group, all, spec};

/// The lines between which the README holds the table.
pub const BEGIN: &str = "<!-- commands: generated from the command table -->";
pub const END: &str = "<!-- /commands -->";

/// The table in Markdown: a line per family with its commands, those that are answered first.
/// A container is answered when any of its subcommands is, and then shows them one by one.
#[must_use]
pub fn readme_table() -> String {
    let commands = || all().iter().filter(|row| row.parent.is_none());
    let mut text = format!(
        "{} of {} commands are answered; the others reply `command '…' is not supported yet`.\n\n\
         | family | answered ✓ | not yet |\n|---|---|---|\n",
        commands().filter(|row| row.built).count(),
        commands().count(),
    );
    for group in Group::ALL {
        let named = |built: bool| {
            let of_group = commands().filter(|row| row.group == group && row.built == built);
            of_group.map(shown).collect::<Vec<_>>().join(" ")
        };
        text += &format!("| {} | {} | {} |\n", group.name(), named(true), named(false));
    }
    text
}

/// `GET`; of a container that is answered, also what of it: `CONFIG (GET SET; not yet: …)`.
fn shown(row: &CommandSpec) -> String {
    let name = row.name.to_ascii_uppercase();
    if !row.built || !row.is_container() {
        return format!("`{name}`");
    }
    let named = |built: bool| {
        let subs = row.subcommands.iter().map(|&id| spec(id)).filter(|sub| sub.built == built);
        subs.map(|sub| sub.name.to_ascii_uppercase()).collect::<Vec<_>>().join(" ")
    };
    match (named(true), named(false)) {
        (built, missing) if missing.is_empty() => format!("`{name}` ({built})"),
        (built, missing) => format!("`{name}` ({built}; not yet: {missing})"),
    }
}

/// Whether `readme` holds the table as it is now, between [`BEGIN`] and [`END`].
#[must_use]
pub fn is_current(readme: &str) -> bool {
    let inside = readme.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    inside.is_some_and(|(table, _)| table.trim() == readme_table().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_the_table_once() {
        let table = readme_table();
        for row in all().iter().filter(|row| row.parent.is_none()) {
            let cell = format!("`{}`", row.name.to_ascii_uppercase());
            assert_eq!(table.matches(&cell).count(), 1, "{cell}");
        }
        assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count(), 1 + Group::ALL.len());
        assert!(table.contains("`CLIENT` (GETNAME GETREDIR HELP "), "{table}");
    }

    #[test]
    fn a_stale_table_is_noticed() {
        let readme = format!("# x\n{BEGIN}\n\n{}\n{END}\nmore", readme_table());
        assert!(is_current(&readme));
        assert!(!is_current(&readme.replace("`GET`", "")) && !is_current("# x"));
    }
}
