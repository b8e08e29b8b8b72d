//! What some texts must look like, beyond being a text; the reasons are Redis's own.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest host name that can be announced, in bytes.
const HOST_NAME_MAX: usize = 256;

pub fn anything(_: &[u8]) -> Result<(), String> {
    Ok(())
}

pub fn any_flags(_: u32) -> Result<(), String> {
    Ok(())
}

fn base_name(what: &str, noun: &str, value: &[u8]) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{what} can't be empty"));
    }
    if value.contains(&b'/') || value.contains(&b'\\') {
        return Err(format!("{what} can't be a path, just a {noun}"));
    }
    Ok(())
}

pub fn dbfilename(value: &[u8]) -> Result<(), String> {
    base_name("dbfilename", "filename", value)
}

pub fn appendfilename(value: &[u8]) -> Result<(), String> {
    base_name("appendfilename", "filename", value)
}

pub fn appenddirname(value: &[u8]) -> Result<(), String> {
    base_name("appenddirname", "dirname", value)
}

pub fn cluster_config_file(value: &[u8]) -> Result<(), String> {
    if value.is_empty() { Err("cluster-config-file can't be empty".into()) } else { Ok(()) }
}

pub fn host_name(value: &[u8]) -> Result<(), String> {
    if value.len() >= HOST_NAME_MAX {
        return Err(format!("Hostnames must be less than {HOST_NAME_MAX} characters"));
    }
    if value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
}

pub fn node_name(value: &[u8]) -> Result<(), String> {
    let allowed = |b: &u8| matches!(b, b'!'..=b'~') && !b"!\"#$%&'()*+,/:;<>?@[]{}|~^`=\\".contains(b);
    if value.iter().all(allowed) {
        return Ok(());
    }
    Err("Announced human node name contained invalid character".into())
}

fn address<T: std::str::FromStr>(value: &[u8], what: &str) -> Result<(), String> {
    let parsed = std::str::from_utf8(value).ok().and_then(|s| s.parse::<T>().ok());
    if value.is_empty() || parsed.is_some() { Ok(()) } else { Err(format!("Invalid {what} address")) }
}

pub fn ipv4(value: &[u8]) -> Result<(), String> {
    address::<Ipv4Addr>(value, "IPv4")
}

pub fn ipv6(value: &[u8]) -> Result<(), String> {
    address::<Ipv6Addr>(value, "IPv6")
}

/// The variables that `proc-title-template` may name.
pub const TITLE_VARIABLES: [&str; 7] =
    ["title", "listen-addr", "server-mode", "config-file", "port", "tls-port", "unixsocket"];

pub fn proc_title(value: &[u8]) -> Result<(), String> {
    let filled = std::str::from_utf8(value).ok().and_then(|template| {
        let known = |name: &str| TITLE_VARIABLES.contains(&name).then(|| name.to_owned());
        fill_template(template, known)
    });
    match filled {
        Some(title) if !title.trim().is_empty() => Ok(()),
        _ => Err("template format is invalid or contains unknown variables".into()),
    }
}

/// Replaces each `{name}` by `value(name)`; `{{` is a brace. None if a name is unknown or a
/// brace is left open.
pub fn fill_template(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        let end = rest.find('}')?;
        out.push_str(&value(&rest[..end])?);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

/// The bits of `shutdown-on-sigterm` and `shutdown-on-sigint`.
pub fn shutdown_flags(bits: u32) -> Result<(), String> {
    use super::choices::{SHUTDOWN_NOSAVE, SHUTDOWN_SAVE};
    if bits & SHUTDOWN_SAVE != 0 && bits & SHUTDOWN_NOSAVE != 0 {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(())
}

/// `cpus`: as `taskset -c` takes them, `2-5,7`.
pub fn cpu_list(value: &[u8]) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    let text = std::str::from_utf8(value).map_err(|_| "not a list of CPUs".to_owned())?;
    super::units::cpu_list(text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fill_known_names_only() {
        let value = |name: &str| (name == "port").then(|| "7000".to_owned());
        assert_eq!(fill_template("a {port} {{x", value).as_deref(), Some("a 7000 {x"));
        assert_eq!(fill_template("{nope}", value), None);
        assert_eq!(fill_template("{port", value), None);
        assert!(proc_title(b"{title} {listen-addr} {server-mode}").is_ok());
        assert!(proc_title(b"").is_err());
    }

    #[test]
    fn file_names_are_not_paths() {
        assert_eq!(dbfilename(b"").unwrap_err(), "dbfilename can't be empty");
        assert_eq!(dbfilename(b"a/b").unwrap_err(), "dbfilename can't be a path, just a filename");
        assert_eq!(appenddirname(b"a/b").unwrap_err(), "appenddirname can't be a path, just a dirname");
        assert!(appendfilename(b"x.aof").is_ok());
    }

    #[test]
    fn announced_names_and_addresses() {
        assert!(host_name(b"a-b.c9").is_ok());
        assert!(host_name(b"a_b").is_err());
        assert!(ipv4(b"10.0.0.1").is_ok() && ipv4(b"").is_ok() && ipv4(b"::1").is_err());
        assert!(ipv6(b"::1").is_ok() && ipv6(b"1.2.3.4").is_err());
        assert!(node_name(b"node-1_x.y").is_ok() && node_name(b"a b").is_err());
    }
}
