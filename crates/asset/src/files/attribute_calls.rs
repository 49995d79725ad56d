//! `listxattrat` and `getxattrat` (Linux 6.13), which take an open folder and a name. On a first backup they are
//! asked once for every entry, and cost a quarter of the way through `/proc`.
#![allow(
    unsafe_code,
    reason = "rustix, nix and libc have no wrapper yet; pointers to slices that outlive the call"
)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

/// The same numbers on every architecture.
const SYS_GETXATTRAT: libc::c_long = 464;
const SYS_LISTXATTRAT: libc::c_long = 465;

/// Set once the kernel said that it does not know them (or a sandbox that it does not allow them).
static UNKNOWN: AtomicBool = AtomicBool::new(false);

/// `struct xattr_args` of the kernel.
#[repr(C, align(8))]
struct XattrArgs {
    value: u64,
    size: u32,
    flags: u32,
}

/// Whether this kernel has the calls, as far as it is known.
pub(super) fn are_there() -> bool {
    !UNKNOWN.load(Ordering::Relaxed)
}

/// Lists the attributes of the entry `name`, not following it: names, each with a NUL after it.
pub(super) fn list(folder: BorrowedFd<'_>, name: &[u8], names: &mut [u8]) -> Result<usize, Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    // SAFETY: the name ends with NUL, and the kernel writes at most `names.len()` bytes to `names`.
    let length = unsafe {
        libc::syscall(
            SYS_LISTXATTRAT,
            folder.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
            names.as_mut_ptr(),
            names.len(),
        )
    };
    outcome(length)
}

/// Reads one attribute of the entry `name`, not following it.
pub(super) fn get(
    folder: BorrowedFd<'_>,
    name: &[u8],
    attribute: &[u8],
    value: &mut [u8],
) -> Result<usize, Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    let attribute = CString::new(attribute).map_err(|_| Errno::INVAL)?;
    let size = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let arguments = XattrArgs { value: value.as_mut_ptr() as u64, size, flags: 0 };
    // SAFETY: both names end with NUL, `arguments` has the kernel's layout and lives through the call, and the kernel
    // writes at most `size` bytes to `value`.
    let length = unsafe {
        libc::syscall(
            SYS_GETXATTRAT,
            folder.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
            attribute.as_ptr(),
            &raw const arguments,
            size_of::<XattrArgs>(),
        )
    };
    outcome(length)
}

fn outcome(length: libc::c_long) -> Result<usize, Errno> {
    usize::try_from(length).map_err(|_| {
        let error = std::io::Error::last_os_error();
        let error = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        // Reading attributes is never forbidden with EPERM; sandboxes answer so to calls that they do not know.
        if matches!(error, Errno::NOSYS | Errno::PERM) {
            UNKNOWN.store(true, Ordering::Relaxed);
        }
        error
    })
}
