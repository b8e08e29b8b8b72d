//! Encrypted connections.

use crate::config::choices::TLS_AUTH_CLIENTS;
use crate::config::row::*;

const NOT_BUILT: &str = "TLS is not built yet";

pub const ROWS: &[Directive] = &[
    int("tls-port", 0, 65535, "0", "TCP port for TLS connections. 0 listens on none.").no_effect(NOT_BUILT),
    optional("tls-cert-file", "Certificate of the server, in PEM form.").volatile().no_effect(NOT_BUILT),
    optional("tls-key-file", "Private key of the certificate, in PEM form.").volatile().no_effect(NOT_BUILT),
    optional("tls-key-file-pass", "Password of the private key.").sensitive().no_effect(NOT_BUILT),
    optional("tls-client-cert-file", "Certificate to show when connecting to other servers.")
        .volatile()
        .no_effect(NOT_BUILT),
    optional("tls-client-key-file", "Private key of the client certificate.").volatile().no_effect(NOT_BUILT),
    optional("tls-client-key-file-pass", "Password of the client key.").sensitive().no_effect(NOT_BUILT),
    optional("tls-dh-params-file", "Diffie-Hellman parameters, for old clients.")
        .volatile()
        .no_effect(NOT_BUILT),
    optional("tls-ca-cert-file", "Authorities that are trusted, one file in PEM form.")
        .volatile()
        .no_effect(NOT_BUILT),
    optional("tls-ca-cert-dir", "Authorities that are trusted, a directory of certificates.")
        .volatile()
        .no_effect(NOT_BUILT),
    choice(
        "tls-auth-clients",
        TLS_AUTH_CLIENTS,
        "yes",
        "Whether clients must show a certificate. optional checks one that is shown.",
    )
    .no_effect(NOT_BUILT),
    yes_no("tls-replication", "no", "Encrypt the link to the primary.").no_effect(NOT_BUILT),
    yes_no("tls-cluster", "no", "Encrypt the cluster bus.").no_effect(NOT_BUILT),
    optional("tls-protocols", "Versions of TLS to speak, such as TLSv1.2 TLSv1.3.").no_effect(NOT_BUILT),
    optional("tls-ciphers", "Ciphers for TLS 1.2 and older.").no_effect(NOT_BUILT),
    optional("tls-ciphersuites", "Cipher suites for TLS 1.3.").no_effect(NOT_BUILT),
    yes_no("tls-prefer-server-ciphers", "no", "Follow the server's order of ciphers, not the client's.")
        .no_effect(NOT_BUILT),
    yes_no("tls-session-caching", "yes", "Let clients resume a session.").no_effect(NOT_BUILT),
    int("tls-session-cache-size", 0, INT_MAX, "20480", "Sessions kept for resuming. 0 sets no limit.")
        .no_effect(NOT_BUILT),
    int("tls-session-cache-timeout", 0, INT_MAX, "300", "Seconds that a session can be resumed.")
        .no_effect(NOT_BUILT),
];
