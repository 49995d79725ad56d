//! Manners on a production machine: a backup that starves the web server it protects does harm every day to prevent
//! harm on a rare one. Nice and the idle I/O class make the kernel prefer everybody else.
#![allow(unsafe_code, reason = "ioprio_set has no wrapper in rustix, nix or libc; it takes three integers")]

use std::io;

/// Gives this process the lowest CPU weight and the idle I/O class. To be called before threads are started: both
/// are inherited by new threads and not applied to running ones. Neither can be undone without privileges.
///
/// # Errors
/// What the system said; whatever was applied before stays.
pub fn yield_to_production() -> io::Result<()> {
    rustix::process::setpriority_process(None, NICE_LOWEST)?;
    set_idle_io()
}

const NICE_LOWEST: i32 = 19;

/// `IOPRIO_WHO_PROCESS`, with number 0 for the calling thread.
const WHO_PROCESS: libc::c_int = 1;
/// `IOPRIO_CLASS_IDLE` in the class bits of the value.
const CLASS_IDLE: libc::c_int = 3 << 13;

fn set_idle_io() -> io::Result<()> {
    // SAFETY: the call takes three integers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_yields_is_nice_and_idle() {
        // In a thread of its own: on Linux both are properties of threads, so the test runner keeps its weight.
        let (nice, class) = std::thread::spawn(|| {
            yield_to_production().unwrap();
            // SAFETY: as above.
            let class = unsafe { libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, 0) };
            (rustix::process::getpriority_process(None).unwrap(), class)
        })
        .join()
        .unwrap();
        assert_eq!(nice, NICE_LOWEST);
        assert_eq!(class >> 13, 3);
    }
}
