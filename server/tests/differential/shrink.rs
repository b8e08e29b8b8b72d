//! Makes a failing stream short: leaves out ever smaller parts of it and keeps what still
//! fails (delta debugging; Zeller 2002), first whole steps, then commands of pipelines.

use crate::run::Pair;
use crate::stream::Step;
use std::time::{Duration, Instant};

/// How long it may look for a shorter stream.
const LIMIT: Duration = Duration::from_secs(30);

/// The shortest failing stream found, and how it fails; `None` when the stream does not fail on
/// empty servers, as then nothing can be left out with certainty.
pub fn shrink(pair: &mut Pair<'_>, stream: &[Step]) -> Option<(Vec<Step>, String)> {
    let deadline = Instant::now() + LIMIT;
    let (end, failure) = fails(pair, stream)?;
    let mut best = (stream[..=end].to_vec(), failure);
    // A walk that failed fails without the others, and a pipeline can fail in a shorter form.
    leave_out(pair, &mut best, deadline);
    best.0 = best.0.iter().flat_map(apart).collect();
    if fails(pair, &best.0).is_none() {
        // It takes the pipelines as they were: one write, several commands.
        best.0 = stream[..=end].to_vec();
    }
    leave_out(pair, &mut best, deadline);
    Some(best)
}

/// A pipeline as single commands.
fn apart(step: &Step) -> Vec<Step> {
    match step {
        Step::Pipeline(commands) => commands.iter().cloned().map(Step::one).collect(),
        other => vec![other.clone()],
    }
}

/// Where the stream fails on empty servers, and how.
fn fails(pair: &mut Pair<'_>, stream: &[Step]) -> Option<(usize, String)> {
    pair.reset();
    stream.iter().enumerate().find_map(|(i, step)| pair.run(step).err().map(|e| (i, e)))
}

fn leave_out(pair: &mut Pair<'_>, best: &mut (Vec<Step>, String), deadline: Instant) {
    let mut size = best.0.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.0.len() {
            if Instant::now() > deadline {
                return;
            }
            let mut shorter = best.0.clone();
            shorter.drain(at..(at + size).min(shorter.len()));
            match fails(pair, &shorter) {
                Some((end, failure)) => {
                    shorter.truncate(end + 1);
                    *best = (shorter, failure);
                }
                None => at += size,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}
