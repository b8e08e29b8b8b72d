//! Resident memory a key with jemalloc.
#[path = "rss/report.rs"]
mod report;

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    report::run("jemalloc");
}
