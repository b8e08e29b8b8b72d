//! Dense registers: 6 bits each, the first in the lowest bits of the first byte.
//!
//! ```text
//!   byte    0        1        2          four registers are three bytes,
//!           11000000 22221111 33333322   a 24-bit little-endian word with the first one lowest
//! ```
//!
//! Groups of three bytes are read whole, so that no register has a special place, the last one neither. Any
//! bytes of the right length are valid; numbers above 51 cannot come from a hash, and count for nothing.

use super::estimate::{Histogram, NOTHING};
use super::{REGISTERS, Registers};

/// Bits of a register.
const BITS: usize = 6;
pub(crate) const REGISTER_MAX: u8 = (1 << BITS) - 1;
/// Bytes of all registers.
pub(crate) const BYTES: usize = REGISTERS * BITS / 8;
/// Registers in a group, and their bytes.
const GROUP: usize = 4;
const GROUP_BYTES: usize = 3;

fn unpack([a, b, c]: [u8; GROUP_BYTES]) -> [u8; GROUP] {
    let word = u32::from_le_bytes([a, b, c, 0]);
    [0, 1, 2, 3].map(|i| (word >> (BITS * i)) as u8 & REGISTER_MAX)
}

fn groups(body: &[u8]) -> impl Iterator<Item = [u8; GROUP]> {
    body.as_chunks::<GROUP_BYTES>().0.iter().map(|group| unpack(*group))
}

/// The registers in turn.
pub(crate) fn registers(body: &[u8]) -> impl Iterator<Item = u8> {
    groups(body).flatten()
}

/// Raises one register to at least `count`; true when it was below.
pub(crate) fn raise(body: &mut [u8], index: usize, count: u8) -> bool {
    let group = &mut body.as_chunks_mut::<GROUP_BYTES>().0[index / GROUP];
    let shift = BITS * (index % GROUP);
    let word = u32::from_le_bytes([group[0], group[1], group[2], 0]);
    let old = (word >> shift) as u8 & REGISTER_MAX;
    if count <= old {
        return false;
    }
    let word = word & !(u32::from(REGISTER_MAX) << shift) | u32::from(count) << shift;
    let [a, b, c, _] = word.to_le_bytes();
    *group = [a, b, c];
    true
}

pub(crate) fn histogram(body: &[u8], histogram: &mut Histogram) {
    // Neighbours often hold the same number: counted in one table they would wait for each other.
    let mut lanes = [NOTHING; GROUP];
    for group in groups(body) {
        for (lane, register) in lanes.iter_mut().zip(group) {
            lane[usize::from(register)] += 1;
        }
    }
    for lane in lanes {
        histogram.iter_mut().zip(lane).for_each(|(sum, n)| *sum += n);
    }
}

/// Raises `registers` to those in `body`.
pub(crate) fn merge_into(body: &[u8], registers: &mut Registers) {
    let quads = registers.as_chunks_mut::<GROUP>().0;
    for (quad, group) in quads.iter_mut().zip(groups(body)) {
        quad.iter_mut().zip(group).for_each(|(register, other)| *register = other.max(*register));
    }
}
