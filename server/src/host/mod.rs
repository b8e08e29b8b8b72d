//! The machine beneath: which CPUs there are, what limits the kernel sets, and which of its
//! settings would harm. The decisions are pure functions of numbers; a thin layer around them reads
//! the numbers and acts.

pub mod checks;
pub mod cpus;
pub mod limits;
pub mod oom;

/// `--check-system`: prints what each check found.
#[must_use]
pub fn check_system() -> std::process::ExitCode {
    let (report, well) = checks::report();
    print!("{report}");
    std::process::ExitCode::from(u8::from(!well))
}
