//! The title that `ps` and `top` show in place of the command line.
//!
//! The kernel reads it from where it put the arguments when the process started, so the title is
//! written over them; there is no other way without privileges. The environment lies behind them, and
//! the kernel reads on into it if the arguments' last zero is gone; so at the start the environment
//! is moved to the heap, and a title may be as long as both. One that is longer is not set. After it
//! is set, the process's arguments can no longer be read, so they must have been read before.

#![allow(unsafe_code)] // The argument area is memory that Rust knows nothing of.

use crate::config::Settings;
use crate::config::check::fill_template;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether nothing refers to the environment's old place any more.
static ENVIRONMENT_MOVED: AtomicBool = AtomicBool::new(false);

/// Moves the environment out of the way of a long title. To be called before threads are started:
/// where there are others already, or a variable has a name that cannot be set, nothing is moved.
pub fn make_room_for_title() {
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    let variables: Vec<_> = std::env::vars_os().collect();
    let can_be_set = |name: &OsStr| !name.is_empty() && !name.as_bytes().contains(&b'=');
    if !alone || !variables.iter().all(|(name, _)| can_be_set(name)) {
        return;
    }
    for (name, value) in variables {
        // SAFETY: this is the only thread. The C library puts a copy in the old text's place.
        unsafe { std::env::set_var(name, value) };
    }
    ENVIRONMENT_MOVED.store(true, Ordering::Release);
}

/// The title that the settings' template makes; `program` is how the server was called.
#[must_use]
pub fn title(settings: &Settings, program: &str, config_file: Option<&Path>) -> Option<String> {
    let socket = || settings.unixsocket.as_ref().map_or(String::new(), |path| path.display().to_string());
    let value = |name: &str| match name {
        "title" => Some(program.to_owned()),
        "listen-addr" if settings.port == 0 => Some(format!("unixsocket:{}", socket())),
        "listen-addr" => {
            Some(format!("{}:{}", settings.bind.first().map_or("*", String::as_str), settings.port))
        }
        "server-mode" => Some(String::new()),
        "config-file" => Some(config_file.map_or("-".to_owned(), |path| path.display().to_string())),
        "port" => Some(settings.port.to_string()),
        "tls-port" => Some("0".to_owned()),
        "unixsocket" => Some(socket()),
        _ => None,
    };
    Some(fill_template(&settings.proc_title_template, value)?.trim().to_owned())
}

/// Shows this title, if it fits. Returns whether it did. To be called from one thread at a time,
/// and not before the arguments have been read for good.
pub fn set_title(title: &str) -> bool {
    let moved = ENVIRONMENT_MOVED.load(Ordering::Acquire);
    let Some((start, end)) =
        std::fs::read_to_string("/proc/self/stat").ok().and_then(|s| title_area(&s, moved))
    else {
        return false;
    };
    if title.len() >= end - start {
        return false;
    }
    let area = start as *mut u8;
    // SAFETY: the kernel says that the arguments, and right behind them the environment that nothing refers to any
    // more, lie in start..end, which belongs to this process and is writable; the title and the zeros
    // after it end before `end`.
    unsafe {
        std::ptr::copy_nonoverlapping(title.as_ptr(), area, title.len());
        std::ptr::write_bytes(area.add(title.len()), 0, end - start - title.len());
    }
    true
}

/// Fields 48 to 51 of /proc/self/stat: where the arguments start and end, and the environment, which
/// belongs to the area if it was moved and lies right behind. None where the kernel does not tell
/// (they are 0 then).
fn title_area(stat: &str, environment_moved: bool) -> Option<(usize, usize)> {
    // The second field is the program's name in parentheses, and may itself hold spaces.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace().skip(45).map(|field| field.parse::<usize>().ok());
    let (start, end) = (fields.next()??, fields.next()??);
    let (env_start, env_end) = (fields.next()??, fields.next()??);
    let end = if environment_moved && env_start == end { end.max(env_end) } else { end };
    (start != 0 && end > start).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_from_the_template() {
        let settings = Settings::default();
        assert_eq!(title(&settings, "percore-server", None).unwrap(), "percore-server *:6379");
        let template = "{title} {port} {config-file}".to_owned();
        let settings = Settings { proc_title_template: template, port: 0, ..settings };
        assert_eq!(title(&settings, "p", Some(Path::new("/a.conf"))).unwrap(), "p 0 /a.conf");
    }

    #[test]
    fn the_argument_area_is_found_behind_any_program_name() {
        let fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
        let stat = format!("1 (a b) c) {}", fields.join(" "));
        assert_eq!(title_area(&stat, false), Some((48, 49)));
        assert_eq!(title_area(&stat, true), Some((48, 49)), "the environment lies elsewhere");
        assert_eq!(title_area(&stat.replace("49 50 51", "49 49 51"), true), Some((48, 51)));
        assert_eq!(title_area("1 (x) S 0", true), None);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let (start, end) = title_area(&stat, false).unwrap();
        let arguments = std::fs::read("/proc/self/cmdline").unwrap();
        assert_eq!(end - start, arguments.len());
    }
}
