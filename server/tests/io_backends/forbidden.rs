//! Where io_uring is forbidden: by a seccomp filter, as containers have it, on one thread.
#![allow(unsafe_code)] // Installing a filter is a raw call.

use server::io::{Backend, probe_uring};

/// Makes the system call `number` fail with `errno` on this thread, for good.
fn forbid(number: libc::c_long, errno: i32) {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0), // The call's number.
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: both calls change this thread only; the program and its steps live through the second.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program),
        ]
    };
    assert_eq!(results, [0, 0], "{}", std::io::Error::last_os_error());
}

#[test]
fn epoll_is_chosen_with_the_reason() {
    for (call, errno, reason) in [
        (libc::SYS_io_uring_setup, libc::EPERM, "io_uring is forbidden"),
        (libc::SYS_io_uring_setup, libc::ENOSYS, "no io_uring"),
        (libc::SYS_io_uring_setup, libc::ENOMEM, "locked memory"),
        (libc::SYS_io_uring_register, libc::EINVAL, "too old"),
        (libc::SYS_io_uring_enter, libc::EACCES, "io_uring is forbidden"),
    ] {
        let thread = std::thread::spawn(move || {
            forbid(call, errno);
            let why = probe_uring().expect_err("it is forbidden");
            assert_eq!(Backend::choose(), (Backend::Epoll, Some(why.clone())));
            why
        });
        let why = thread.join().expect("chosen");
        // Where io_uring is forbidden anyway, its own reason may come first.
        assert!(why.contains(reason) || !crate::permitted(), "{why}");
        assert!(!why.ends_with('.') && why.lines().count() == 1, "one sentence: {why}");
    }
}
