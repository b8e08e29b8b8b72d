//! Resident memory a key with the C library's malloc.
#[path = "rss/report.rs"]
mod report;

fn main() {
    report::run("system");
}
