//! The directives whose value is one word of a list, as Rust enums; the words and their enum are
//! written once, here, and the rows refer to them.

/// Declares an enum with the words that name its values, in the order Redis lists them.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident $words:ident { $first:ident = $first_word:literal $(, $variant:ident = $word:literal)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum $name { #[default] $first $(, $variant)* }

        pub const $words: &[(&str, u32)] =
            &[($first_word, $name::$first as u32) $(, ($word, $name::$variant as u32))*];

        impl $name {
            /// The value whose number a row of the table holds.
            #[must_use]
            pub fn from_number(number: u32) -> Self {
                match number {
                    $(n if n == Self::$variant as u32 => Self::$variant,)*
                    _ => Self::$first,
                }
            }

            /// The word for it in the configuration.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word
                    $(, Self::$variant => $word)*
                }
            }
        }
    )*};
}

choices! {
    /// `maxmemory-policy`.
    EvictionPolicy EVICTION_POLICIES {
        VolatileLru = "volatile-lru", VolatileLfu = "volatile-lfu", VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl", AllkeysLru = "allkeys-lru", AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random", NoEviction = "noeviction"
    }
    /// `syslog-facility`.
    SyslogFacility SYSLOG_FACILITIES {
        User = "user", Local0 = "local0", Local1 = "local1", Local2 = "local2", Local3 = "local3",
        Local4 = "local4", Local5 = "local5", Local6 = "local6", Local7 = "local7"
    }
    /// `loglevel`: the least urgent lines that are written.
    LogLevel LOG_LEVELS {
        Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing"
    }
    /// `supervised`.
    Supervised SUPERVISORS { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" }
    /// `rdb-version`.
    RdbVersion RDB_VERSIONS { Auto = "auto", V9 = "9", V10 = "10", V11 = "11", V12 = "12" }
    /// `appendfsync`.
    AppendFsync APPENDFSYNC { EverySecond = "everysec", Always = "always", No = "no" }
    /// `repl-diskless-load`.
    DisklessLoad DISKLESS_LOADS {
        Disabled = "disabled", OnEmptyDb = "on-empty-db", SwapDb = "swapdb"
    }
    /// `tls-auth-clients`.
    TlsAuthClients TLS_AUTH_CLIENTS { No = "no", Yes = "yes", Optional = "optional" }
    /// `acl-pubsub-default`.
    PubsubDefault PUBSUB_DEFAULTS { AllChannels = "allchannels", ResetChannels = "resetchannels" }
    /// `sanitize-dump-payload`.
    SanitizePayload SANITIZE_PAYLOADS { No = "no", Yes = "yes", Clients = "clients" }
    /// Who may use a protected command or directive.
    ProtectedAction PROTECTED_ACTIONS { No = "no", Yes = "yes", Local = "local" }
    /// `cluster-preferred-endpoint-type`.
    EndpointType ENDPOINT_TYPES {
        Ip = "ip", Hostname = "hostname", Unknown = "unknown-endpoint"
    }
    /// `propagation-error-behavior`.
    PropagationError PROPAGATION_ERRORS {
        Ignore = "ignore", Panic = "panic", PanicOnReplicas = "panic-on-replicas"
    }
    /// `io`: which I/O backend serves the cores.
    IoBackend IO_BACKENDS { Auto = "auto", Uring = "uring", Epoll = "epoll" }
}

/// `oom-score-adj`: `yes` is another word for `relative`.
pub const OOM_SCORE_ADJ: &[(&str, u32)] = &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)];

pub const SHUTDOWN_SAVE: u32 = 1;
pub const SHUTDOWN_NOSAVE: u32 = 2;
pub const SHUTDOWN_NOW: u32 = 4;
pub const SHUTDOWN_FORCE: u32 = 8;

/// `shutdown-on-sigterm`, `shutdown-on-sigint`.
pub const SHUTDOWN_FLAGS: &[(&str, u32)] = &[
    ("default", 0),
    ("save", SHUTDOWN_SAVE),
    ("nosave", SHUTDOWN_NOSAVE),
    ("now", SHUTDOWN_NOW),
    ("force", SHUTDOWN_FORCE),
];
