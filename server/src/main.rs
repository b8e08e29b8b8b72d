//! `percore-server`.

fn main() {}
