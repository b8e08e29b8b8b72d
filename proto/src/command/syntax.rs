//! The notation in which rows state their arguments, and its parser to the tree of COMMAND DOCS.
//!
//! ```text
//! key value [condition<NX | XX>] [GET@6.2.0] [expiration<EX seconds | PX milliseconds | KEEPTTL>]
//! numkeys key... [WEIGHTS weight...] [aggregate<SUM | MIN | MAX>]
//! ```
//!
//! | written | means |
//! |---|---|
//! | `name` | an argument; its type follows from its name |
//! | `TOKEN` | a word to be typed as it is; its argument name is the word in lower case |
//! | `` `*` `` | such a word that is not made of capitals |
//! | `name=TOKEN` | such a word with another argument name |
//! | `TOKEN name` | an argument that the word introduces |
//! | `name<a \| b>` | one of several |
//! | `name(a b)` | several together |
//! | `[…]` | may be left out |
//! | `name...` | may be repeated |
//! | `TOKEN... name...` | repeated with its word |
//!
//! Remarks follow an argument without a space: `'text'` how it is shown when not by its name, `:type` a
//! type other than its name says, `#n` the key spec it belongs to (`#-` none) when that is not the next
//! one, `@version` since, `~version` deprecated since.
//!
//! Types by name: names of keys (`key`, `source`, `destkey`…, see [`KEY_NAMES`]) are keys,
//! `…pattern` patterns, `unix-time…` Unix times, those in [`INTEGER_NAMES`] and [`DOUBLE_NAMES`]
//! numbers, and all others strings. The n-th key argument belongs to the n-th key spec, or to the last.
//!
//! Rows are parsed when COMMAND DOCS asks for them: some microseconds each, in the slowest of
//! answers, for a table that a person can read. A test parses all of them.

use std::fmt;

/// What kind of value an argument takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    fn by_name(name: &str) -> Option<Kind> {
        [Kind::String, Kind::Integer, Kind::Double, Kind::Key].into_iter().find(|k| k.name() == name)
    }
}

/// Arguments of these names are keys.
pub const KEY_NAMES: &[&str] = &[
    "key",
    "key1",
    "key2",
    "keys",
    "newkey",
    "source",
    "sourcekey",
    "src",
    "destination",
    "destkey",
    "dst",
    "storekey",
    "storedistkey",
];

/// Arguments of these names are integers.
#[rustfmt::skip]
pub const INTEGER_NAMES: &[&str] = &[
    "bit", "bits", "client-id", "cluster-bus-port", "config-epoch", "count", "cursor", "db", "decrement",
    "destination-db", "end", "end-slot", "entries-added", "entries-read", "entriesread", "frequency",
    "increment", "index", "index1", "index2", "len", "limit", "milliseconds", "min-match-len", "ms",
    "num-matches", "numkeys", "numlocal", "numreplicas", "offset", "port", "protover", "rank", "seconds",
    "slot", "start", "start-slot", "stop", "ttl", "version", "weight",
];

/// Arguments of these names are floating point numbers.
pub const DOUBLE_NAMES: &[&str] = &["height", "latitude", "longitude", "radius", "score", "timeout", "width"];

fn kind_by_convention(name: &str) -> Kind {
    if KEY_NAMES.contains(&name) {
        Kind::Key
    } else if INTEGER_NAMES.contains(&name) {
        Kind::Integer
    } else if DOUBLE_NAMES.contains(&name) {
        Kind::Double
    } else if name.ends_with("pattern") {
        Kind::Pattern
    } else if name.starts_with("unix-time") {
        Kind::UnixTime
    } else {
        Kind::String
    }
}

/// One argument of a command, with those inside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    pub name: String,
    pub kind: Kind,
    /// The word to be typed: itself (a pure token), or what introduces it.
    pub token: Option<&'static str>,
    /// How to show it when not by its name.
    pub display: Option<&'static str>,
    /// Index among the command's key specs.
    pub key_spec: Option<usize>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    pub optional: bool,
    pub multiple: bool,
    pub multiple_token: bool,
    pub arguments: Vec<Argument>,
}

/// Where a row's notation is wrong; a mistake in the table, which a test finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    /// Offset in bytes.
    pub at: usize,
    pub expected: &'static str,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected at byte {}", self.expected, self.at)
    }
}

impl std::error::Error for SyntaxError {}

/// The arguments that `syntax` describes, of a command with `key_specs` key specs.
pub fn parse(syntax: &'static str, key_specs: usize) -> Result<Vec<Argument>, SyntaxError> {
    let mut reader = Reader { text: syntax, at: 0, keys_seen: 0, key_specs };
    let arguments = reader.sequence()?;
    if reader.at == syntax.len() { Ok(arguments) } else { Err(reader.wrong("end")) }
}

struct Reader {
    text: &'static str,
    at: usize,
    keys_seen: usize,
    key_specs: usize,
}

impl Reader {
    fn wrong(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, expected }
    }

    fn rest(&self) -> &'static str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes `what` if it comes next.
    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'static str {
        let rest = self.rest();
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Items separated by spaces, up to the end or a closing bracket.
    fn sequence(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.take_while(|c| c == ' ');
            if matches!(self.peek(), None | Some(')' | '>' | ']' | '|')) {
                return Ok(items);
            }
            items.push(self.item()?);
        }
    }

    fn item(&mut self) -> Result<Argument, SyntaxError> {
        if !self.take("[") {
            return self.argument();
        }
        let mut inner = self.argument()?;
        inner.optional = true;
        if self.take("]") { Ok(inner) } else { Err(self.wrong("]")) }
    }

    /// A word, a named argument, or one that a word introduces.
    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        if self.peek().is_some_and(|c| c.is_ascii_lowercase()) {
            return self.named(None);
        }
        let token = self.token()?;
        let repeated = self.take("...");
        let introduces = self.rest().strip_prefix(' ').is_some_and(|next| {
            let name = next.split(|c: char| !is_name(c)).next().unwrap_or("");
            name.starts_with(|c: char| c.is_ascii_lowercase()) && !next[name.len()..].starts_with('=')
        });
        if introduces {
            self.at += 1;
            let mut argument = self.named(Some(token))?;
            argument.multiple_token = repeated;
            return Ok(argument);
        }
        self.remarks(bare(token.to_ascii_lowercase(), Kind::PureToken, Some(token)))
    }

    fn token(&mut self) -> Result<&'static str, SyntaxError> {
        if !self.take("`") {
            let word =
                self.take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_');
            return if word.is_empty() { Err(self.wrong("word")) } else { Ok(word) };
        }
        let word = self.take_while(|c| c != '`');
        if self.take("`") { Ok(word) } else { Err(self.wrong("`")) }
    }

    fn named(&mut self, token: Option<&'static str>) -> Result<Argument, SyntaxError> {
        let name = self.take_while(is_name);
        if name.is_empty() {
            return Err(self.wrong("name"));
        }
        if token.is_none() && self.take("=") {
            let token = self.token()?;
            return self.remarks(bare(name.to_owned(), Kind::PureToken, Some(token)));
        }
        let mut argument = bare(name.to_owned(), kind_by_convention(name), token);
        if self.take("'") {
            argument.display = Some(self.take_while(|c| c != '\''));
            self.at += 1;
        }
        if self.take("(") {
            argument.kind = Kind::Block;
            argument.arguments = self.sequence()?;
            if !self.take(")") {
                return Err(self.wrong(")"));
            }
        } else if self.take("<") {
            argument.kind = Kind::OneOf;
            argument.arguments = self.alternatives()?;
        }
        self.remarks(argument)
    }

    fn alternatives(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        let mut all = Vec::new();
        loop {
            self.take_while(|c| c == ' ');
            all.push(self.item()?);
            self.take_while(|c| c == ' ');
            if self.take(">") {
                return Ok(all);
            }
            if !self.take("|") {
                return Err(self.wrong("| or >"));
            }
        }
    }

    fn remarks(&mut self, mut argument: Argument) -> Result<Argument, SyntaxError> {
        let mut key_spec = None;
        loop {
            if self.take("...") {
                argument.multiple = true;
            } else if self.take(":") {
                let name = self.take_while(is_name);
                argument.kind = Kind::by_name(name).ok_or_else(|| self.wrong("type"))?;
            } else if self.take("#") {
                key_spec = Some(self.take_while(|c| c == '-' || c.is_ascii_digit()));
            } else if self.take("@") {
                argument.since = Some(self.version());
            } else if self.take("~") {
                argument.deprecated_since = Some(self.version());
            } else {
                break;
            }
        }
        let next = self.keys_seen.min(self.key_specs.saturating_sub(1));
        let is_key = argument.kind == Kind::Key;
        self.keys_seen += usize::from(is_key);
        argument.key_spec = match key_spec {
            Some(stated) => stated.parse().ok(), // "-" is none
            None => is_key.then_some(next),
        };
        Ok(argument)
    }

    fn version(&mut self) -> &'static str {
        self.take_while(|c| c.is_ascii_digit() || c == '.')
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn bare(name: String, kind: Kind, token: Option<&'static str>) -> Argument {
    Argument {
        name,
        kind,
        token,
        display: None,
        key_spec: None,
        since: None,
        deprecated_since: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        arguments: Vec::new(),
    }
}

/// The arguments as manuals show them: `key [NX | XX] [EX seconds | KEEPTTL]`.
#[must_use]
pub fn usage(arguments: &[Argument]) -> String {
    let parts: Vec<String> = arguments.iter().map(usage_of).collect();
    parts.join(" ")
}

fn usage_of(argument: &Argument) -> String {
    let inside = match argument.kind {
        Kind::PureToken => return optional(argument, argument.token.unwrap_or_default().to_owned()),
        Kind::OneOf => {
            let choices: Vec<String> = argument.arguments.iter().map(usage_of).collect();
            let choices = choices.join(" | ");
            if argument.optional && argument.token.is_none() && !argument.multiple {
                choices
            } else {
                format!("<{choices}>")
            }
        }
        Kind::Block => usage(&argument.arguments),
        _ => argument.display.unwrap_or(&argument.name).to_owned(),
    };
    let word = argument.token.map(|token| format!("{token} ")).unwrap_or_default();
    let text = match (argument.multiple, argument.multiple_token) {
        (false, _) => format!("{word}{inside}"),
        (true, false) => format!("{word}{inside} [{inside} ...]"),
        (true, true) => format!("{word}{inside} [{word}{inside} ...]"),
    };
    optional(argument, text)
}

fn optional(argument: &Argument, text: String) -> String {
    if argument.optional { format!("[{text}]") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn every_row_parses() {
        for row in command::all() {
            let arguments = parse(row.syntax, row.keys.len());
            assert!(arguments.is_ok(), "{}: {}: {:?}", row.full_name(), row.syntax, arguments);
        }
    }

    #[test]
    fn every_key_spec_has_an_argument() {
        fn collect(arguments: &[Argument], seen: &mut Vec<usize>) {
            for a in arguments {
                seen.extend(a.key_spec);
                collect(&a.arguments, seen);
            }
        }
        for row in command::all().iter().filter(|row| row.may_have_keys()) {
            let mut seen = Vec::new();
            collect(&parse(row.syntax, row.keys.len()).unwrap(), &mut seen);
            for spec in 0..row.keys.len() {
                assert!(seen.contains(&spec), "{}: no argument for key spec {spec}", row.full_name());
            }
            assert!(seen.iter().all(|&spec| spec < row.keys.len()), "{}", row.full_name());
        }
    }

    #[test]
    fn tree_of_an_example() {
        let tree = parse("key [c<NX | XX>@2.6.12] [EX seconds] (", 1);
        assert_eq!(tree, Err(SyntaxError { at: 37, expected: "word" }));
        let tree = parse("key [c<NX | change=CH>@2.6.12] [GET... pat-pattern#1...] t:integer", 2).unwrap();
        assert_eq!(tree.len(), 4);
        assert_eq!((tree[0].kind, tree[0].key_spec), (Kind::Key, Some(0)));
        assert_eq!((tree[1].kind, tree[1].optional, tree[1].since), (Kind::OneOf, true, Some("2.6.12")));
        assert_eq!((&*tree[1].arguments[0].name, tree[1].arguments[0].token), ("nx", Some("NX")));
        assert_eq!((&*tree[1].arguments[1].name, tree[1].arguments[1].token), ("change", Some("CH")));
        assert_eq!((tree[2].kind, tree[2].token, tree[2].key_spec), (Kind::Pattern, Some("GET"), Some(1)));
        assert!(tree[2].multiple && tree[2].multiple_token && tree[2].optional);
        assert_eq!(tree[3].kind, Kind::Integer);
    }

    #[test]
    fn mistakes_are_located() {
        for (text, at) in
            [("key [NX", 7), ("a<B | C", 7), ("a(b", 3), ("a:colour", 8), ("a)", 1), ("=", 0), ("`x", 2)]
        {
            assert_eq!(parse(text, 0).map_err(|e| e.at), Err(at), "{text}");
        }
    }

    #[test]
    fn usage_as_manuals_write_it() {
        let shown = |id| usage(&parse(command::spec(id).syntax, 3).unwrap());
        use crate::command::CommandId as Id;
        assert_eq!(shown(Id::Mset), "key value [key value ...]");
        assert_eq!(
            shown(Id::Set),
            "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]"
        );
        assert_eq!(
            shown(Id::SortRo),
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]"
        );
    }
}
