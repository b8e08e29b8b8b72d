//! What a simulation did, event by event: folded into one running hash always, kept as lines on
//! request. Two runs of one seed must have equal hashes; where they do not, the lines of both,
//! compared, name the first event that differs.

/// What happened. The order of the names is part of the hash: append, never insert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Connect,
    Accept,
    AcceptFailed,
    ClientSend,
    CoreReceive,
    CoreSend,
    ClientReceive,
    ClientEnd,
    CoreEnd,
    CoreClose,
    ClientClose,
    Reset,
    Wake,
    Turn,
    Park,
    Stall,
    FileWrite,
    FileSync,
    FileDone,
    PowerLoss,
}

/// No core, or no connection, is part of the event.
pub const NONE: u64 = u64::MAX;

/// The record of one run.
#[derive(Default)]
pub struct Trace {
    hash: u64,
    events: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Also keeps a line per event from here on.
    pub fn keep_lines(&mut self) {
        self.lines.get_or_insert_default();
    }

    /// The events so far, as one number.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The lines kept; empty unless asked for.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    pub(super) fn event(&mut self, at: u64, kind: Kind, core: u64, conn: u64, bytes: &[u8]) {
        let content = fold(FNV_OFFSET, bytes);
        let mut hash = self.hash;
        for field in [at, kind as u64, core, conn, bytes.len() as u64, content] {
            hash = mix(hash, field);
        }
        self.hash = hash;
        self.events += 1;
        let Some(lines) = &mut self.lines else { return };
        let name = |n: u64| if n == NONE { "-".to_owned() } else { n.to_string() };
        lines.push(format!(
            "{at:>12} core {:>2} conn {:>4} {kind:?} {} {content:016x}",
            name(core),
            name(conn),
            bytes.len()
        ));
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over words instead of bytes: not strong, but the same for ever, and quick in tests that
/// are not optimised. A seed's two runs are no adversaries.
fn fold(mut hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    for byte in rest {
        hash = mix(hash, u64::from(*byte));
    }
    hash
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x0000_0100_0000_01B3)
}
