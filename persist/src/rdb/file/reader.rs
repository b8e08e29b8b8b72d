//! A file's records, told to a visitor one by one.
//!
//! ```text
//!   Reader::file -> head: magic, version      then as below, to EOF and the checksum
//!   Reader::part -> step, step, ... -> End    records of a part, which ends where its bytes end
//!
//!   step   opcodes that belong to the next key, then that key          -> FileVisitor::key
//!          or one other record: a database, a field, a function ...    -> its method
//! ```
//! As Redis does it: a key whose value is empty is passed over and counted; fields and data of modules that nobody knows
//! are passed over; anything else that is not as it should be ends the reading, and [`Failure`] says where, what,
//! and in which key. What stands behind the end (an AOF, behind its preamble) is not looked at.

use super::module;
use super::{MAGIC, MAGIC_BYTES};
use crate::rdb::skim::Skim;
use crate::rdb::source::MODULE_NAME_BYTES;
use crate::rdb::{Decoder, Error, Fault, Opcode, Source, Type, VERSION_MAX, Visitor, decode};
use std::fmt;

/// The first version that ends with a checksum.
const VERSION_SUMMED: u16 = 5;
/// How many bytes of a key an error shows.
const SHOWN_BYTES: usize = 64;

/// What is asked of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// `rdbchecksum`: the checksum must be right, unless it is 0, which says that there is none.
    pub checksum: bool,
    /// No string is longer, bytes.
    pub string_bytes_max: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { checksum: true, string_bytes_max: u64::MAX }
    }
}

/// What a visitor says of something that it will not have; it becomes an error with a place.
pub type Refused = &'static str;

/// A key, and what stands about it before its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    pub db: u64,
    pub key: &'a [u8],
    /// How its value is written.
    pub what: Type,
    /// Where in the file its type stands, bytes.
    pub at: u64,
    /// Unix milliseconds.
    pub expire_at: Option<i64>,
    /// Seconds since it was used.
    pub idle_seconds: Option<u64>,
    /// The counter of how often it was used.
    pub frequency: Option<u8>,
}

/// A value that has not been read yet. One that is left unread is passed over, and checked all the same.
pub struct Unread<'d, 's> {
    what: Type,
    from: &'d mut Decoder<'s>,
    is_read: &'d mut bool,
}

impl Unread<'_, '_> {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it; hand it on.
    pub fn decode<V: Visitor>(self, visitor: &mut V) -> Result<V::Value, Error> {
        *self.is_read = true;
        decode(self.what, self.from, visitor)
    }

    /// The error for what the visitor finds wrong with the key.
    #[must_use]
    pub fn corrupt(&self, why: &'static str) -> Error {
        self.from.corrupt(why)
    }
}

/// Who is told what stands in a file. Of parts that many threads read, each has its own.
pub trait FileVisitor {
    /// A field about the file.
    ///
    /// # Errors
    /// Refused: the reading ends; so below.
    fn aux(&mut self, _name: &[u8], _value: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// The database of the keys that follow.
    fn select(&mut self, _db: u64) -> Result<(), Refused> {
        Ok(())
    }

    /// How many keys, and how many with an expiry, the database has: a hint, and no promise.
    fn resize(&mut self, _db: u64, _keys: u64, _expires: u64) {}

    /// The source of a library of functions.
    fn function(&mut self, _source: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// Data of a module, which have been passed over.
    fn module_data(&mut self, _name: [u8; MODULE_NAME_BYTES]) {}

    /// A key. One that has expired is told as any other.
    ///
    /// # Errors
    /// What decoding says, or [`Unread::corrupt`].
    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error>;

    /// A key whose value is empty, which is passed over.
    fn empty_key(&mut self, _record: &Record<'_>) {}
}

/// What became of a file's checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verified {
    /// It is right.
    Right,
    /// The file has none: it is too old, or says so by a zero.
    Absent,
    /// It was not to be looked at.
    Ignored,
}

/// What has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    pub version: u16,
    /// Keys that were told.
    pub keys: u64,
    /// Keys that were passed over because they are empty.
    pub empty: u64,
    /// Where in the source the end is: behind the last byte that belongs to it.
    pub end: u64,
    pub verified: Verified,
}

/// Whether there is more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A record has been told.
    Told,
    /// There is nothing more.
    End,
}

/// Where in a file an error is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    Head,
    /// Between keys.
    Between,
    /// A key of a database, or its value of that type.
    Key {
        db: u64,
        key: Vec<u8>,
        what: Type,
    },
    Tail,
}

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub error: Error,
    pub place: Place,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        let Place::Key { db, key, what } = &self.place else { return Ok(()) };
        let shown = key.get(..SHOWN_BYTES).unwrap_or(key);
        let more = if shown.len() < key.len() { "..." } else { "" };
        let kind = *what as u8;
        write!(
            f,
            ", in key '{}'{more} of database {db}, whose type is {kind} ({what:?})",
            shown.escape_ascii()
        )
    }
}

impl std::error::Error for Failure {}

/// Reads a file, or a part of one.
pub struct Reader<'s> {
    from: Decoder<'s>,
    rules: Rules,
    version: u16,
    is_part: bool,
    db: u64,
    key: Vec<u8>,
    place: Place,
    keys: u64,
    empty: u64,
    verified: Verified,
}

/// What the opcodes before a key have said of it.
#[derive(Default)]
struct About {
    expire_at: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl<'s> Reader<'s> {
    /// Begins a file.
    ///
    /// # Errors
    /// It is none, or of a version that is not read.
    pub fn file(source: &'s mut dyn Source, rules: Rules) -> Result<Self, Failure> {
        let mut reader = Self::part(source, rules, 0);
        reader.is_part = false;
        reader.version = reader.head().map_err(|error| Failure { error, place: Place::Head })?;
        Ok(reader)
    }

    /// Begins a part of a file of this version ([`super::Parts`]).
    pub fn part(source: &'s mut dyn Source, rules: Rules, version: u16) -> Self {
        let from = Decoder::new(source).with_string_max(rules.string_bytes_max);
        Self {
            from,
            rules,
            version,
            is_part: true,
            db: 0,
            key: Vec::new(),
            place: Place::Between,
            keys: 0,
            empty: 0,
            verified: Verified::Ignored,
        }
    }

    fn head(&mut self) -> Result<u16, Error> {
        let none = Error { at: self.from.offset(), fault: Fault::NotRdb };
        let head = self.from.array::<MAGIC_BYTES>();
        let head = head.map_err(|error| Error { fault: none_if_short(error.fault), ..error })?;
        let digits = head.strip_prefix(MAGIC).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let version = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()).ok_or(none)?;
        if !(1..=VERSION_MAX).contains(&version) {
            return Err(Error { fault: Fault::Version(version), ..none });
        }
        Ok(version)
    }

    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Where in the source the next record begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.from.offset()
    }

    /// The checksum of what has been read, if the source keeps it.
    pub fn sum(&mut self) -> Option<u64> {
        self.from.sum()
    }

    /// What has been read so far; the verdict on the checksum is there at the end.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (version, end) = (self.version, self.from.offset());
        Summary { version, keys: self.keys, empty: self.empty, end, verified: self.verified }
    }

    /// Reads one record, and tells it.
    ///
    /// # Errors
    /// What is wrong. Nothing can be read behind it.
    pub fn step<V: FileVisitor>(&mut self, visitor: &mut V) -> Result<Step, Failure> {
        self.place = Place::Between;
        self.record(visitor).map_err(|error| {
            let place = match &mut self.place {
                Place::Key { key, .. } => {
                    std::mem::swap(key, &mut self.key);
                    std::mem::replace(&mut self.place, Place::Between)
                }
                place => place.clone(),
            };
            Failure { error, place }
        })
    }

    fn record<V: FileVisitor>(&mut self, visitor: &mut V) -> Result<Step, Error> {
        let mut about = About::default();
        if self.is_part && self.from.left() == 0 {
            return Ok(Step::End);
        }
        loop {
            let at = self.from.offset();
            let byte = self.from.byte()?;
            match Opcode::of(byte) {
                None => {
                    let what = Type::of(byte).ok_or(Error { at, fault: Fault::UnknownType(byte) })?;
                    return self.key(what, at, &about, visitor).map(|()| Step::Told);
                }
                Some(Opcode::ExpireMs) => about.expire_at = expiry(self.from.time_ms()?),
                Some(Opcode::ExpireSeconds) => {
                    let seconds = i32::from_le_bytes(self.from.array()?);
                    about.expire_at = expiry(i64::from(seconds) * 1000);
                }
                Some(Opcode::Idle) => about.idle_seconds = Some(self.from.length()?),
                Some(Opcode::Freq) => about.frequency = Some(self.from.byte()?),
                Some(Opcode::Eof) if self.is_part => {
                    return Err(self.from.corrupt("the file's end within it"));
                }
                Some(Opcode::Eof) => return self.tail().map(|()| Step::End),
                Some(other) => return self.other(other, visitor).map(|()| Step::Told),
            }
        }
    }

    /// A record that is no key's.
    fn other<V: FileVisitor>(&mut self, opcode: Opcode, visitor: &mut V) -> Result<(), Error> {
        let said = match opcode {
            Opcode::SelectDb => {
                self.db = self.from.length()?;
                visitor.select(self.db)
            }
            Opcode::ResizeDb => {
                let (keys, expires) = (self.from.length()?, self.from.length()?);
                visitor.resize(self.db, keys, expires);
                Ok(())
            }
            Opcode::SlotInfo => {
                // The slot, its keys, those with an expiry: of use to who has a table a slot.
                for _ in 0..3 {
                    self.from.length()?;
                }
                Ok(())
            }
            Opcode::Aux => {
                let name = self.from.string()?;
                visitor.aux(&name, &self.from.string()?)
            }
            Opcode::Function2 => visitor.function(&self.from.string()?),
            Opcode::FunctionEarly => Err("a function in the format of a release candidate"),
            Opcode::ModuleAux => {
                let name = module::pass_over(&mut self.from)?;
                visitor.module_data(name);
                Ok(())
            }
            Opcode::Idle | Opcode::Freq | Opcode::ExpireMs | Opcode::ExpireSeconds | Opcode::Eof => Ok(()),
        };
        said.map_err(|why| self.from.corrupt(why))
    }

    fn key<V: FileVisitor>(
        &mut self,
        what: Type,
        at: u64,
        about: &About,
        visitor: &mut V,
    ) -> Result<(), Error> {
        self.key.clear();
        self.place = Place::Key { db: self.db, key: Vec::new(), what };
        self.from.text()?.push_to(&mut self.key);
        let record = Record {
            db: self.db,
            key: &self.key,
            what,
            at,
            expire_at: about.expire_at,
            idle_seconds: about.idle_seconds,
            frequency: about.frequency,
        };
        let mut is_read = false;
        let value = Unread { what, from: &mut self.from, is_read: &mut is_read };
        let mut told = visitor.key(&record, value);
        if told.is_ok() && !is_read {
            told = decode(what, &mut self.from, &mut Skim);
        }
        match told {
            Ok(()) => self.keys += 1,
            Err(Error { fault: Fault::Empty, .. }) => {
                self.empty += 1;
                visitor.empty_key(&record);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What stands behind the end.
    fn tail(&mut self) -> Result<(), Error> {
        self.place = Place::Tail;
        if self.version < VERSION_SUMMED {
            self.verified = Verified::Absent;
            return Ok(());
        }
        let (is, at) = (self.from.sum(), self.from.offset());
        let stands = u64::from_le_bytes(self.from.array()?);
        self.verified = verdict(is.filter(|_| self.rules.checksum), stands, at)?;
        Ok(())
    }

    /// Reads all records.
    ///
    /// # Errors
    /// As [`Reader::step`].
    pub fn read<V: FileVisitor>(&mut self, visitor: &mut V) -> Result<Summary, Failure> {
        while self.step(visitor)? == Step::Told {}
        Ok(self.summary())
    }
}

/// Reads a whole file.
///
/// # Errors
/// What is wrong with it.
pub fn read<V: FileVisitor>(
    source: &mut dyn Source,
    rules: Rules,
    visitor: &mut V,
) -> Result<Summary, Failure> {
    Reader::file(source, rules)?.read(visitor)
}

/// -1 is how old versions say "never".
fn expiry(ms: i64) -> Option<i64> {
    (ms != -1).then_some(ms)
}

/// What ends before its magic is no file; what cannot be read may be one.
fn none_if_short(fault: Fault) -> Fault {
    if fault == Fault::Truncated { Fault::NotRdb } else { fault }
}

/// Judges a file's checksum: the one that it has, if anybody looked, and the one that stands at `at`.
pub(super) fn verdict(is: Option<u64>, stands: u64, at: u64) -> Result<Verified, Error> {
    match is {
        None => Ok(Verified::Ignored),
        Some(_) if stands == 0 => Ok(Verified::Absent),
        Some(is) if is == stands => Ok(Verified::Right),
        Some(is) => Err(Error { at, fault: Fault::Checksum { is, stands } }),
    }
}
