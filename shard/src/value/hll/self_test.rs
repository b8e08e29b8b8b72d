//! What PFSELFTEST checks: that registers keep what they are given and leave their neighbours alone, that
//! dense and sparse values agree, and that counts are as exact as they should be.
//!
//! Redis adds ten million elements, which takes seconds. This adds a hundred thousand, some milliseconds: the
//! server goes on serving.

use super::{Encoding, HEADER, Hll, HllMut, REGISTERS, Registers, dense, empty};

/// Rounds of filling all registers with random numbers.
const ROUNDS: usize = 8;
const ELEMENTS: u64 = 100_000;
/// Where the test switches from sparse to dense, whatever the server is set to.
const SPARSE_BYTES_MAX: u64 = 3000;
/// Counts may be wrong by so many standard errors.
const ERRORS_MAX: f64 = 6.0;

/// `draw` gives random numbers. The error is the text of the reply.
pub(crate) fn run(mut draw: impl FnMut() -> u64) -> Result<(), String> {
    registers(&mut draw)?;
    counts(draw())
}

fn registers(draw: &mut impl FnMut() -> u64) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let mut body = vec![0; dense::BYTES];
        let mut expected: Registers = [0; REGISTERS];
        for (index, register) in expected.iter_mut().enumerate() {
            *register = draw() as u8 & dense::REGISTER_MAX;
            dense::raise(&mut body, index, *register);
        }
        for (index, (found, &expected)) in dense::registers(&body).zip(&expected).enumerate() {
            if found != expected {
                return Err(format!("TESTFAILED Register {index} should be {expected} but is {found}"));
            }
        }
    }
    Ok(())
}

fn counts(seed: u64) -> Result<(), String> {
    let (mut one, mut other) = (empty(), empty());
    let corrupt = |_| "TESTFAILED corrupted".to_string();
    let not_one = || "TESTFAILED not a HyperLogLog".to_string();
    HllMut::of(&mut one, 0).ok_or_else(not_one)?.make_dense().map_err(corrupt)?;
    let mut checkpoint = 1;
    for n in 1..=ELEMENTS {
        let element = (n ^ seed).to_le_bytes();
        for bytes in [&mut one, &mut other] {
            let mut hll = HllMut::of(bytes, SPARSE_BYTES_MAX).ok_or_else(not_one)?;
            hll.add(&element).map_err(corrupt)?;
        }
        if n != checkpoint {
            continue;
        }
        let (dense, sparse) = (Hll::of(&one).ok_or_else(not_one)?, Hll::of(&other).ok_or_else(not_one)?);
        if n < SPARSE_BYTES_MAX / 2 && sparse.encoding != Encoding::Sparse {
            return Err("TESTFAILED sparse encoding not used".into());
        }
        let count = dense.count().map_err(corrupt)?;
        if sparse.count().map_err(corrupt)? != count {
            return Err("TESTFAILED dense/sparse disagree".into());
        }
        check_error(n, count)?;
        checkpoint *= 10;
    }
    debug_assert_eq!(one.len(), HEADER + dense::BYTES);
    Ok(())
}

fn check_error(n: u64, count: u64) -> Result<(), String> {
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let allowed = (standard_error * ERRORS_MAX * n as f64).ceil() as u64;
    let error = n.abs_diff(count);
    if error <= allowed {
        return Ok(());
    }
    Err(format!("TESTFAILED Too big error. card:{n} abserr:{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_passes() {
        for seed in 0..5 {
            let mut random = Random::new(seed);
            assert_eq!(run(|| random.draw()), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn a_wrong_count_fails() {
        assert!(check_error(1000, 1000).is_ok() && check_error(1000, 1049).is_ok());
        assert_eq!(check_error(1000, 900), Err("TESTFAILED Too big error. card:1000 abserr:100".into()));
    }
}
