//! Extended attributes, POSIX ACLs among them.
//!
//! Linux before 6.13 has no call for them relative to an open folder, and the ones on open files want the file opened,
//! which needs more rights and is not possible for symlinks and devices. There `/proc/self/fd/N/name` leads to the
//! entry of the open folder N without following the entry itself. Without `/proc` too, files and folders are opened.

use std::os::fd::{AsRawFd, BorrowedFd};

use holdfast_format::source::Xattr;
use rustix::fs::{Mode, OFlags, fgetxattr, flistxattr, lgetxattr, llistxattr, open as open_path, openat};
use rustix::io::Errno;

use super::attribute_calls as calls;

/// Attributes of the entry `name` of an open folder, sorted by name.
pub(super) fn of_entry(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<Xattr>, Errno> {
    if calls::are_there() {
        let result = collect(
            |names| calls::list(folder, name, names),
            |attribute, value| calls::get(folder, name, attribute, value),
        );
        // Either an old kernel, which is now known, or a file system without attributes.
        if calls::are_there() {
            return result;
        }
    }
    through_proc(folder, name)
}

fn through_proc(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<Xattr>, Errno> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let result =
        collect(|names| llistxattr(&*path, names), |attribute, value| lgetxattr(&*path, attribute, value));
    match result {
        Err(Errno::NOENT) if is_proc_missing() => of_opened(folder, name),
        result => result,
    }
}

/// Attributes of an open folder, sorted by name.
pub(super) fn of_folder(folder: BorrowedFd<'_>) -> Result<Vec<Xattr>, Errno> {
    collect(|names| flistxattr(folder, names), |name, value| fgetxattr(folder, name, value))
}

/// The way without `/proc`: files and folders only; anything else answers with an error rather than with "none".
fn of_opened(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<Xattr>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    of_folder(std::os::fd::AsFd::as_fd(&openat(folder, name, flags, Mode::empty())?))
}

fn is_proc_missing() -> bool {
    open_path("/proc/self/fd", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_err()
}

fn collect(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Vec<Xattr>, Errno> {
    let names = match sized(&list) {
        Ok(names) if names.is_empty() => return Ok(Vec::new()),
        Ok(names) => names,
        // The file system has none, as opposed to an entry without any.
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut xattrs = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        match sized(|value: &mut [u8]| get(name, value)) {
            Ok(value) => xattrs.push(Xattr { name: name.to_vec(), value }),
            // Removed since it was listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    xattrs.sort();
    Ok(xattrs)
}

/// Calls with a buffer that fits most, and with larger ones until it fits.
fn sized(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut small = [0; 512];
    match call(&mut small) {
        Ok(length) => return Ok(small[..length].to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    // The kernel's bounds on lists and on values (XATTR_LIST_MAX, XATTR_SIZE_MAX).
    let mut large = vec![0; 64 << 10];
    let length = call(&mut large)?;
    large.truncate(length);
    large.shrink_to_fit();
    Ok(large)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::{CWD, FileType, XattrFlags, lsetxattr, mknodat};

    use super::*;

    #[test]
    fn every_way_finds_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::fs::write(at("plain"), "").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from(0o644), 0).unwrap();
        let long = vec![b'v'; 5000];
        for (name, attribute, value) in [
            ("file", "user.b", &b""[..]),
            ("file", "user.a", &long[..2000]),
            ("link", "trusted.link", b"l"),
            ("fifo", "trusted.fifo", b"f"),
        ] {
            lsetxattr(at(name), attribute, value, XattrFlags::empty()).unwrap();
        }
        let fd = open_path(folder.path(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        for (name, count) in [("file", 2), ("plain", 0), ("link", 1), ("fifo", 1)] {
            let name = name.as_bytes();
            let through_proc = through_proc(fd.as_fd(), name).unwrap();
            let own = through_proc.iter().filter(|xattr| !xattr.name.starts_with(b"security.")).count();
            assert_eq!(own, count);
            // The fast way, or what it falls back to on this kernel.
            assert_eq!(of_entry(fd.as_fd(), name).unwrap(), through_proc);
            if matches!(name, b"file" | b"plain") {
                assert_eq!(of_opened(fd.as_fd(), name).unwrap(), through_proc);
            }
        }
        assert_eq!(of_entry(fd.as_fd(), b"absent").unwrap_err(), Errno::NOENT);
        assert_eq!(through_proc(fd.as_fd(), b"absent").unwrap_err(), Errno::NOENT);
    }
}
