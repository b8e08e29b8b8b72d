//! Resident memory a key with mimalloc.
#[path = "rss/report.rs"]
mod report;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    report::run("mimalloc");
}
