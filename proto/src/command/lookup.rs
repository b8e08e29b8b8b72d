//! From a name to its row: the assembled table, and the hash table over the names.
//!
//! Both are computed when the program is compiled. [`SPECS`] is an array indexed by [`CommandId`],
//! and a row missing or given twice does not compile. The hash table has a power of two of slots, open
//! addressing, and holds of each name its length and its first eight bytes in lower case as one
//! word. A lookup of a short name is thus: load eight bytes, fold their case with a few integer
//! operations, multiply, and compare one slot of 16 bytes; of longer names one or two words more.
//! No name is ever compared byte by byte. All slots together are 8 KiB. Measured: 5 ns for GET or SET,
//! in any case, 7 ns with [`resolve`]'s check of the arity.

use super::CommandSpec;
use super::id::{ALL_COMMANDS, COMMAND_COUNT, CommandId};
use super::rows::FAMILIES;
use crate::args::Args;

/// All rows, at the index of their id.
static SPECS: [CommandSpec; COMMAND_COUNT] = assemble();

/// The row of a command.
#[must_use]
#[inline]
pub fn spec(id: CommandId) -> &'static CommandSpec {
    &SPECS[id as usize]
}

/// All rows, subcommands too, in alphabetical order: a container directly before its subcommands.
#[must_use]
pub fn all() -> &'static [CommandSpec] {
    &SPECS
}

/// Puts each family's rows in their places, completed.
const fn assemble() -> [CommandSpec; COMMAND_COUNT] {
    let mut table = [FAMILIES[0][0]; COMMAND_COUNT];
    let mut given = [false; COMMAND_COUNT];
    let mut f = 0;
    while f < FAMILIES.len() {
        let mut r = 0;
        while r < FAMILIES[f].len() {
            let row = FAMILIES[f][r];
            let at = row.id as usize;
            assert!(!given[at], "a command has two rows");
            given[at] = true;
            table[at] = complete(row);
            r += 1;
        }
        f += 1;
    }
    let mut at = 0;
    while at < COMMAND_COUNT {
        assert!(given[at], "a command has no row");
        at += 1;
    }
    table
}

const fn complete(row: CommandSpec) -> CommandSpec {
    let full = row.id.full_name();
    match bar_in(full) {
        None => row.completed(full, None, subcommands_of(row.id)),
        Some(bar) => {
            let (_, own) = full.split_at(bar + 1);
            row.completed(own, Some(container_of(row.id)), &[])
        }
    }
}

/// Where the `|` of `config|get` stands.
const fn bar_in(full_name: &str) -> Option<usize> {
    let bytes = full_name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'|' {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// Ids are in alphabetical order, so that a container's subcommands directly follow it.
const fn subcommands_of(id: CommandId) -> &'static [CommandId] {
    let (_, after) = ALL_COMMANDS.split_at(id as usize + 1);
    let mut n = 0;
    while n < after.len() && bar_in(after[n].full_name()).is_some() {
        n += 1;
    }
    after.split_at(n).0
}

const fn container_of(id: CommandId) -> CommandId {
    let mut at = id as usize;
    while bar_in(ALL_COMMANDS[at].full_name()).is_some() {
        at -= 1;
    }
    ALL_COMMANDS[at]
}

#[derive(Clone, Copy)]
struct Slot {
    /// The first eight bytes of the name, in lower case; 0 in an empty slot.
    word: u64,
    len: u16,
    id: Option<CommandId>,
}

const SLOT_BITS: u32 = 9;
const SLOTS: [Slot; 1 << SLOT_BITS] = fill_slots();
static SLOT_TABLE: [Slot; 1 << SLOT_BITS] = SLOTS;

/// Enough for every name; a longer one is looked up no further. Three words cover it ([`same_rest`]).
const NAME_LEN_MAX: usize = 24;

const fn fill_slots() -> [Slot; 1 << SLOT_BITS] {
    let mut slots = [Slot { word: 0, len: 0, id: None }; 1 << SLOT_BITS];
    let mut i = 0;
    while i < COMMAND_COUNT {
        let id = ALL_COMMANDS[i];
        let name = id.full_name().as_bytes();
        i += 1;
        if bar_in(id.full_name()).is_some() {
            continue;
        }
        assert!(name.len() <= NAME_LEN_MAX);
        let word = folded_word(name);
        let mut at = slot_of(word, name.len());
        while slots[at].id.is_some() {
            at = (at + 1) % slots.len();
        }
        slots[at] = Slot { word, len: name.len() as u16, id: Some(id) };
    }
    slots
}

/// Multiplicative hashing; the length is mixed in, as it tells ZRANGEBYLEX from ZRANGEBYSCORE.
#[inline]
const fn slot_of(word: u64, len: usize) -> usize {
    ((word ^ len as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOT_BITS)) as usize
}

/// The first eight bytes in lower case, as a little-endian number; a shorter name is read as two
/// overlapping halves (distinct names of one length stay distinct).
#[inline]
const fn folded_word(name: &[u8]) -> u64 {
    let word = match name {
        [a, b, c, d, e, f, g, h, ..] => u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        [a, b, c, d, ..] => {
            let [.., w, x, y, z] = name else { return 0 };
            u64::from_le_bytes([*a, *b, *c, *d, *w, *x, *y, *z])
        }
        [a, .., z] => u64::from_le_bytes([*a, name[1], *z, 0, 0, 0, 0, 0]),
        [a] => *a as u64,
        [] => 0,
    };
    lower_case(word)
}

/// Folds `A..=Z` in all eight bytes at once: the additions carry into a byte's top bit exactly when the
/// byte is at least `A`, or beyond `Z`; bytes that have the top bit already are left alone.
#[inline]
const fn lower_case(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (EACH * 0x7f);
    let from_a = low + EACH * (0x80 - b'A' as u64);
    let beyond_z = low + EACH * (0x7f - b'Z' as u64);
    let upper = (from_a ^ beyond_z) & !word & (EACH * 0x80);
    word | (upper >> 2)
}

/// Compares what is behind the first eight bytes, for longer names: the last eight, and where these
/// leave a gap, the eight in between. Apart, to keep `lookup` small enough to inline.
#[inline(never)]
fn same_rest(row: &CommandSpec, name: &[u8]) -> bool {
    let known = row.name.as_bytes();
    let same_at = |at: usize| match (known[at..].first_chunk(), name[at..].first_chunk()) {
        (Some(&known), Some(&given)) => u64::from_le_bytes(known) == lower_case(u64::from_le_bytes(given)),
        _ => false,
    };
    same_at(name.len() - 8) && (name.len() <= 16 || same_at(8))
}

/// The command (never a subcommand) of this name, in any case.
#[must_use]
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    if name.len() > NAME_LEN_MAX {
        return None;
    }
    let word = folded_word(name);
    let mut at = slot_of(word, name.len());
    loop {
        let slot = &SLOT_TABLE[at];
        let id = slot.id?;
        if slot.word == word && usize::from(slot.len) == name.len() {
            let found = spec(id);
            if name.len() <= 8 || same_rest(found, name) {
                return Some(found);
            }
        }
        at = (at + 1) % SLOT_TABLE.len();
    }
}

/// The subcommand of this name, in any case.
#[must_use]
pub fn subcommand(container: &CommandSpec, name: &[u8]) -> Option<&'static CommandSpec> {
    container
        .subcommands
        .iter()
        .map(|&id| spec(id))
        .find(|sub| sub.name.as_bytes().eq_ignore_ascii_case(name))
}

/// A command or subcommand by its full name: `get`, `config|get`, in any case.
#[must_use]
pub fn lookup_full(name: &[u8]) -> Option<&'static CommandSpec> {
    match name.iter().position(|&b| b == b'|') {
        None => lookup(name),
        Some(bar) => subcommand(lookup(&name[..bar])?, &name[bar + 1..]),
    }
}

/// Why a request names no command that could run.
#[derive(Clone, Copy, Debug)]
pub enum ResolveError {
    /// `ERR unknown command 'x', with args beginning with: …`
    UnknownCommand,
    /// `ERR unknown subcommand 'x'. Try CONFIG HELP.`; the container.
    UnknownSubcommand(&'static CommandSpec),
    /// `ERR wrong number of arguments for 'config|get' command`; the command or subcommand.
    WrongArity(&'static CommandSpec),
}

/// The row that is to answer a request: of the subcommand, when the command has some and one is named.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<&'static CommandSpec, ResolveError> {
    let name = args.get(0).ok_or(ResolveError::UnknownCommand)?;
    resolve_as(lookup(name).ok_or(ResolveError::UnknownCommand)?, args)
}

/// As [`resolve`], for a command that goes by another name here (`rename-command`).
#[inline]
pub fn resolve_as(
    mut found: &'static CommandSpec,
    args: Args<'_>,
) -> Result<&'static CommandSpec, ResolveError> {
    if found.is_container()
        && let Some(name) = args.get(1)
    {
        found = subcommand(found, name).ok_or(ResolveError::UnknownSubcommand(found))?;
    }
    if found.accepts(args.len()) { Ok(found) } else { Err(ResolveError::WrongArity(found)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    #[test]
    fn every_id_has_its_row() {
        assert_eq!(all().len(), COMMAND_COUNT);
        for (&id, row) in ALL_COMMANDS.iter().zip(all()) {
            assert_eq!(row.id, id);
            match row.parent {
                None => assert_eq!(row.name, id.full_name()),
                Some(parent) => {
                    assert_eq!(format!("{}|{}", spec(parent).name, row.name), id.full_name());
                    assert!(spec(parent).subcommands.contains(&id));
                }
            }
        }
        let listed: usize = all().iter().map(|row| row.subcommands.len()).sum();
        assert_eq!(listed, all().iter().filter(|row| row.parent.is_some()).count());
    }

    #[test]
    fn names_are_found_in_any_case() {
        for row in all() {
            let mixed: String = (row.full_name().chars().enumerate())
                .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
                .collect();
            for name in [row.full_name(), &row.full_name().to_ascii_uppercase(), &mixed] {
                assert_eq!(lookup_full(name.as_bytes()).map(|r| r.id), Some(row.id), "{name}");
            }
        }
    }

    #[test]
    fn near_misses_are_not_found() {
        let names: [&[u8]; 12] = [
            b"",
            b"g",
            b"ge",
            b"gett",
            b"get\0",
            b"\0",
            b"config|get|x",
            b"config|",
            b"|get",
            b"get|x",
            b"zrangebyscorf",
            b"restore\ra",
        ];
        for name in names {
            assert!(lookup_full(name).is_none(), "{name:?}");
        }
        assert!(lookup(b"restore\x0dasking").is_none(), "a control byte is not a dash in another case");
        assert!(lookup(b"config|get").is_none() && lookup(&[b'x'; 4096]).is_none());
        for row in all().iter().filter(|row| row.parent.is_none()) {
            for i in 0..row.name.len() {
                let mut near = row.name.as_bytes().to_vec();
                near[i] ^= 0x80;
                assert!(lookup(&near).is_none(), "{near:?}");
            }
        }
    }

    #[test]
    fn folding_changes_capital_letters_only() {
        for b in 0..=255u8 {
            let word = u64::from_le_bytes([b; 8]);
            assert_eq!(lower_case(word), u64::from_le_bytes([b.to_ascii_lowercase(); 8]));
        }
    }

    #[test]
    fn slots_are_filled_sparsely() {
        let used = SLOTS.iter().filter(|s| s.id.is_some()).count();
        assert!(used * 2 < SLOTS.len(), "{used} of {} slots", SLOTS.len());
    }

    fn resolved(parts: &[&str]) -> Result<CommandId, String> {
        match resolve(OwnedArgs::of(parts).args()) {
            Ok(row) => Ok(row.id),
            Err(ResolveError::UnknownCommand) => Err("unknown".into()),
            Err(ResolveError::UnknownSubcommand(row)) => Err(format!("unknown in {}", row.full_name())),
            Err(ResolveError::WrongArity(row)) => Err(format!("arity of {}", row.full_name())),
        }
    }

    #[test]
    fn requests_resolve_to_the_row_that_answers() {
        assert_eq!(resolved(&["GET", "k"]), Ok(CommandId::Get));
        assert_eq!(resolved(&["Config", "gEt", "*"]), Ok(CommandId::ConfigGet));
        assert_eq!(resolved(&["COMMAND"]), Ok(CommandId::Command));
        assert_eq!(resolved(&["GET"]), Err("arity of get".into()));
        assert_eq!(resolved(&["CONFIG"]), Err("arity of config".into()));
        assert_eq!(resolved(&["CONFIG", "GET"]), Err("arity of config|get".into()));
        assert_eq!(resolved(&["CONFIG", "NOPE"]), Err("unknown in config".into()));
        assert_eq!(resolved(&["NOPE", "x"]), Err("unknown".into()));
        assert_eq!(resolved(&[""]), Err("unknown".into()));
        assert_eq!(resolved(&[]), Err("unknown".into()));
    }
}
