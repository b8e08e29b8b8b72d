//! Settings of the host that would harm, each with the line that says what to do.
//!
//! Redis asks for `vm.overcommit_memory=1`, since its snapshot forks. Percore never forks for a
//! snapshot: only strict accounting (2), which may refuse memory that is there, is warned of.

use crate::config::Settings;
use std::fs;

const OVERCOMMIT: &str = "/proc/sys/vm/overcommit_memory";
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const BACKLOG: &str = "/proc/sys/net/core/somaxconn";
const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// The warnings for this host, without their leading `WARNING`. Turns transparent huge pages off
/// for this process where the settings say so.
#[must_use]
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(read(BACKLOG).and_then(|text| backlog(&text, settings.tcp_backlog)));
    lines.extend(read(OVERCOMMIT).and_then(|text| overcommit(&text)));
    if let Some(line) = read(HUGE_PAGES).and_then(|text| huge_pages(&text)) {
        let off = settings.disable_thp && turn_huge_pages_off();
        lines.extend((!off).then_some(line));
    }
    lines.extend(read(CLOCK).and_then(|text| clock(&text)));
    lines
}

/// What `--check-system` prints, and whether all is well.
#[must_use]
pub fn report() -> (String, bool) {
    let checks: [(&str, Option<String>); 4] = [
        ("xen-clocksource", read(CLOCK).and_then(|text| clock(&text))),
        ("overcommit", read(OVERCOMMIT).and_then(|text| overcommit(&text))),
        ("THP", read(HUGE_PAGES).and_then(|text| huge_pages(&text))),
        ("somaxconn", read(BACKLOG).and_then(|text| backlog(&text, Settings::default().tcp_backlog))),
    ];
    let line = |(name, found): &(&str, Option<String>)| match found {
        None => format!("[{name}]...OK\n"),
        Some(found) => format!("[{name}]...WARNING:\n{found}\n\n"),
    };
    (checks.iter().map(line).collect(), checks.iter().all(|(_, found)| found.is_none()))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn backlog(somaxconn: &str, wanted: i32) -> Option<String> {
    let limit: i32 = somaxconn.trim().parse().ok()?;
    (limit > 0 && limit < wanted).then(|| {
        format!(
            "The TCP backlog setting of {wanted} cannot be enforced because {BACKLOG} is set to the lower \
             value of {limit}."
        )
    })
}

fn overcommit(mode: &str) -> Option<String> {
    (mode.trim() == "2").then(|| {
        "Memory overcommit is strict (vm.overcommit_memory = 2): the kernel may refuse memory that is there. \
         To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf and then reboot or run the command \
         'sysctl vm.overcommit_memory=1' for this to take effect."
            .to_owned()
    })
}

fn huge_pages(enabled: &str) -> Option<String> {
    enabled.contains("[always]").then(|| {
        "You have Transparent Huge Pages (THP) support enabled in your kernel. This will create latency and memory \
         usage issues with Percore. To fix this issue run the command \
         'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' as root, and add it to your /etc/rc.local in \
         order to retain the setting after a reboot."
            .to_owned()
    })
}

fn clock(current: &str) -> Option<String> {
    (current.trim() == "xen").then(|| {
        "Your system is configured to use the 'xen' clocksource which might lead to degraded performance. \
         See /sys/devices/system/clocksource/clocksource0/available_clocksource for others."
            .to_owned()
    })
}

fn turn_huge_pages_off() -> bool {
    rustix::thread::disable_transparent_huge_pages(true).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_somaxconn_is_named() {
        assert_eq!(backlog("4096\n", 511), None);
        assert_eq!(
            backlog("128\n", 511).unwrap(),
            "The TCP backlog setting of 511 cannot be enforced because /proc/sys/net/core/somaxconn is set to \
             the lower value of 128."
        );
    }

    #[test]
    fn only_harmful_settings_are_named() {
        assert!(overcommit("0\n").is_none() && overcommit("1\n").is_none() && overcommit("2\n").is_some());
        assert!(
            huge_pages("always [madvise] never").is_none() && huge_pages("[always] madvise never").is_some()
        );
        assert!(clock("tsc\n").is_none() && clock("xen\n").is_some());
    }

    #[test]
    fn the_report_names_every_check() {
        let (text, _) = report();
        for name in ["xen-clocksource", "overcommit", "THP", "somaxconn"] {
            assert!(text.contains(&format!("[{name}]...")), "{name}");
        }
    }
}
