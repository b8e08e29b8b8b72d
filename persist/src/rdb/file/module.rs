//! What modules have left in a file.
//!
//! ```text
//!   MODULE_AUX  id  2 when  { opcode datum } ...  0
//!   opcode      1, 2 a number   3 a float, 4 bytes   4 a double, 8 bytes   5 a string
//! ```
//! Data beside the keys say themselves where they end, so that they can be passed over: a server without modules has no
//! use for them. A *value* of a module is refused ([`Fault::Module`](crate::rdb::Fault::Module)): a key that silently is not
//! there is a loss.

use crate::rdb::source::MODULE_NAME_BYTES;
use crate::rdb::value::module_name;
use crate::rdb::{Decoder, Error};

const END: u64 = 0;
const SIGNED: u64 = 1;
const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

/// Passes over a module's data behind their opcode; the module's name.
pub(super) fn pass_over(from: &mut Decoder<'_>) -> Result<[u8; MODULE_NAME_BYTES], Error> {
    let id = from.length()?;
    if from.length()? != UNSIGNED {
        return Err(from.corrupt("data of a module that do not begin as such"));
    }
    from.length()?;
    loop {
        match from.length()? {
            END => return Ok(module_name(id)),
            SIGNED | UNSIGNED => drop(from.length()?),
            FLOAT => drop(from.array::<4>()?),
            DOUBLE => drop(from.array::<8>()?),
            STRING => drop(from.text()?),
            _ => return Err(from.corrupt("a datum of a module of no known kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::{Fault, Slice, Writer};

    fn passed(write: impl FnOnce(&mut Writer<'_>)) -> Result<[u8; 9], Fault> {
        let mut bytes = Vec::new();
        write(&mut Writer::new(&mut bytes, true));
        let mut slice = Slice::new(&bytes);
        let mut from = Decoder::new(&mut slice);
        let passed = pass_over(&mut from).map_err(|error| error.fault);
        assert!(passed.is_err() || from.left() == 0);
        passed
    }

    #[test]
    fn all_kinds_of_data_are_passed_over() {
        let data = |w: &mut Writer<'_>| {
            [0, UNSIGNED, 1, SIGNED, 7, UNSIGNED, 70_000, FLOAT].into_iter().for_each(|n| w.length(n));
            w.raw(&[0; 4]);
            w.length(DOUBLE);
            w.double(1.5);
            w.length(STRING);
            w.string(b"text");
            w.length(STRING);
            w.string(&[b'a'; 100]);
            w.length(END);
        };
        assert_eq!(passed(data), Ok(*b"AAAAAAAAA"));
        assert!(matches!(
            passed(|w| [0, UNSIGNED, 1, 6].iter().for_each(|&n| w.length(n))),
            Err(Fault::Corrupt(_))
        ));
        assert!(matches!(passed(|w| [0, 1, 1, 0].iter().for_each(|&n| w.length(n))), Err(Fault::Corrupt(_))));
        assert_eq!(passed(|w| [0, UNSIGNED, 1].iter().for_each(|&n| w.length(n))), Err(Fault::Truncated));
    }
}
