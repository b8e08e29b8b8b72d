//! The disk as a trait, so that every fault can be injected.
