//! What the server says of itself.

/// The version of Redis whose behaviour this server has; client libraries decide by it.
pub const REDIS: &str = "7.2.4";

/// Percore's own version.
pub const PERCORE: &str = env!("CARGO_PKG_VERSION");

/// How the server is called in INFO's `server_name` and HELLO's `server`.
pub const NAME: &str = "percore";
