//! Owners, modes, times and extended attributes.
//!
//! The order matters: changing the owner clears setuid, so the mode comes after it; the time comes last, because
//! everything else would move it.

use std::os::fd::{AsFd, AsRawFd};

use holdfast_format::source::{FileTime, Xattr};
use rustix::fs::{self, AtFlags, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::{Errno, Result};

use crate::restore::plan::Attributes;
use crate::restore::reports::Reports;

/// Attributes that the system keeps by itself; removing them because a point does not hold them would be wrong.
const OF_THE_SYSTEM: [&[u8]; 3] = [b"security.selinux", b"security.ima", b"security.evm"];
const SETUID_SETGID: u32 = 0o6000;

/// What an entry is to be given, and whom to tell where that fails.
pub(crate) struct Wanted<'a> {
    pub(crate) attributes: &'a Attributes,
    pub(crate) xattrs: &'a [Xattr],
    /// Whether the entry may have extended attributes already, which are removed where the point has none.
    pub(crate) is_old: bool,
    /// The entry's path.
    pub(crate) path: &'a dyn Fn() -> Vec<u8>,
    pub(crate) reports: &'a Reports<'a>,
}

/// Gives an open file or directory its attributes.
pub(crate) fn apply(file: impl AsFd, wanted: &Wanted<'_>) {
    let (file, attributes) = (file.as_fd(), wanted.attributes);
    let owner = fs::fchown(file, Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)));
    let permissions = allowed(owner, wanted);
    if wanted.is_old || !wanted.xattrs.is_empty() {
        set_xattrs(&format!("/proc/self/fd/{}", file.as_raw_fd()), true, wanted);
    }
    if let Err(error) = fs::fchmod(file, Mode::from_raw_mode(permissions)) {
        alike("set the mode", error, wanted);
    }
    if let Err(error) = fs::futimens(file, &times(attributes.mtime)) {
        alike("set the time", error, wanted);
    }
}

/// Gives an entry that cannot be opened (symlink, pipe, device) its attributes.
pub(crate) fn apply_at(directory: impl AsFd, name: &[u8], is_symlink: bool, wanted: &Wanted<'_>) {
    let (directory, attributes) = (directory.as_fd(), wanted.attributes);
    let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
    let owner = fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
    let permissions = allowed(owner, wanted);
    if wanted.is_old || !wanted.xattrs.is_empty() {
        let mut at = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        at.extend_from_slice(name);
        set_xattrs(&at[..], false, wanted);
    }
    if !is_symlink && let Err(error) = chmod_at(directory, name, permissions) {
        alike("set the mode", error, wanted);
    }
    if let Err(error) = fs::utimensat(directory, name, &times(attributes.mtime), AtFlags::SYMLINK_NOFOLLOW) {
        alike("set the time", error, wanted);
    }
}

/// Whether owner, mode and time are as they should be.
pub(crate) fn agree(stat: &Stat, attributes: &Attributes, is_symlink: bool) -> bool {
    stat.st_uid == attributes.uid
        && stat.st_gid == attributes.gid
        && (is_symlink || stat.st_mode & 0o7777 == attributes.permissions)
        && stat.st_mtime == attributes.mtime.seconds
        && stat.st_mtime_nsec as u32 == attributes.mtime.nanoseconds
}

/// Whether an open file's extended attributes are as they should be.
pub(crate) fn xattrs_agree(file: impl AsFd, xattrs: &[Xattr]) -> bool {
    let at = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let Ok(names) = list(&at, true) else { return xattrs.is_empty() };
    let names: Vec<_> = names.into_iter().filter(|n| !OF_THE_SYSTEM.contains(&&n[..])).collect();
    names.len() == xattrs.iter().filter(|x| !OF_THE_SYSTEM.contains(&&x.name[..])).count()
        && xattrs.iter().all(|x| get(&at, true, &x.name).is_ok_and(|value| value == x.value))
}

/// Removes what a new directory inherited, so that nothing in it inherits in turn.
pub(crate) fn stop_inheritance(directory: impl AsFd) {
    let _ = fs::fremovexattr(directory.as_fd(), c"system.posix_acl_default");
}

/// The mode to set, after an attempt to change the owner. A setuid program must not run as somebody else.
fn allowed(owner: Result<()>, wanted: &Wanted<'_>) -> u32 {
    match owner {
        Ok(()) => wanted.attributes.permissions,
        Err(error) => {
            alike("set the owner", error, wanted);
            wanted.attributes.permissions & !SETUID_SETGID
        }
    }
}

/// Pipes and devices are not opened: that may block or act. An `O_PATH` handle cannot be a symlink's target.
fn chmod_at(directory: impl AsFd, name: &[u8], permissions: u32) -> Result<()> {
    let entry = fs::openat(
        directory,
        name,
        fs::OFlags::PATH | fs::OFlags::NOFOLLOW | fs::OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    if fs::FileType::from_raw_mode(fs::fstat(&entry)?.st_mode) == fs::FileType::Symlink {
        return Err(Errno::LOOP);
    }
    fs::chmod(format!("/proc/self/fd/{}", entry.as_raw_fd()), Mode::from_raw_mode(permissions))
}

fn set_xattrs(at: impl rustix::path::Arg + Copy, follow: bool, wanted: &Wanted<'_>) {
    let xattrs = wanted.xattrs;
    if wanted.is_old {
        for name in list(at, follow).unwrap_or_default() {
            let is_wanted = xattrs.iter().any(|x| x.name == name);
            if is_wanted || OF_THE_SYSTEM.contains(&&name[..]) {
                continue;
            }
            let removed =
                if follow { fs::removexattr(at, &name[..]) } else { fs::lremovexattr(at, &name[..]) };
            if let Err(error) = removed.or_else(|e| if e == Errno::NODATA { Ok(()) } else { Err(e) }) {
                alike(&format!("remove the attribute {}", name.escape_ascii()), error, wanted);
            }
        }
    }
    for Xattr { name, value } in xattrs {
        let flags = XattrFlags::empty();
        let set = if follow {
            fs::setxattr(at, &name[..], value, flags)
        } else {
            fs::lsetxattr(at, &name[..], value, flags)
        };
        if let Err(error) = set {
            alike(&format!("set the attribute {}", name.escape_ascii()), error, wanted);
        }
    }
}

fn list(at: impl rustix::path::Arg + Copy, follow: bool) -> Result<Vec<Vec<u8>>> {
    let mut names = vec![0u8; 64 << 10];
    let length =
        if follow { fs::listxattr(at, &mut names[..])? } else { fs::llistxattr(at, &mut names[..])? };
    names.truncate(length);
    Ok(names.split(|b| *b == 0).filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect())
}

fn get(at: impl rustix::path::Arg + Copy, follow: bool, name: &[u8]) -> Result<Vec<u8>> {
    let mut value = vec![0u8; 64 << 10];
    let length = if follow {
        fs::getxattr(at, name, &mut value[..])?
    } else {
        fs::lgetxattr(at, name, &mut value[..])?
    };
    value.truncate(length);
    Ok(value)
}

/// Access and modification time alike: the point keeps only the latter.
fn times(mtime: FileTime) -> Timestamps {
    let time = Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

fn alike(action: &str, error: Errno, wanted: &Wanted<'_>) {
    let hint = if error == Errno::PERM { " (run as root to restore everything)" } else { "" };
    let message = format!("cannot {action}: {error}{hint}; told once, counted for every entry");
    wanted.reports.failed_alike(format!("{action} {error}"), &(wanted.path)(), message);
}
