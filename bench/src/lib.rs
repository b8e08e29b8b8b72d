//! percore-bench.
