//! What a simulated machine and network are like: delays, buffer sizes, faults. A test takes the
//! default, or changes a field to lean on what it is about.

use std::ops::Range;

/// The ranges from which a run draws. Times are nanoseconds of simulated time.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One-way delay, drawn once per direction of a connection.
    pub latency_ns: Range<u64>,
    /// Added to it, drawn per segment. Segments of one direction never overtake each other.
    pub jitter_ns: Range<u64>,
    /// Bytes that one direction of a connection holds between its writer's call and its reader's
    /// (both socket buffers and the wire). Magnitudes are uniform.
    pub buffer_bytes: Range<u64>,
    /// From a wake's submission until it reaches the sleeper.
    pub wake_ns: Range<u64>,
    /// How long one turn keeps its core busy.
    pub turn_ns: Range<u64>,
    /// One turn in so many is followed by a stall, as of a thread that lost its CPU; 0: none.
    pub stall_one_in: u64,
    pub stall_ns: Range<u64>,
    /// One write of a client in so many resets its connection instead; 0: none.
    pub reset_one_in: u64,
    /// How long an operation on a file takes. Those under way at once overtake each other.
    pub disk_ns: Range<u64>,
    /// One write to a file in so many is short: its rest follows as long after; 0: none.
    pub disk_short_one_in: u64,
    /// One operation on a file in so many fails with EIO; 0: none.
    pub disk_error_one_in: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            latency_ns: 5_000..200_000,
            jitter_ns: 0..20_000,
            buffer_bytes: 4 << 10..256 << 10,
            wake_ns: 500..15_000,
            turn_ns: 300..5_000,
            stall_one_in: 200,
            stall_ns: 10_000..2_000_000,
            reset_one_in: 0,
            disk_ns: 2_000..8_000_000,
            disk_short_one_in: 8,
            disk_error_one_in: 0,
        }
    }
}
