//! Symlinks, pipes, devices and hard links.

use std::path::Path;
use std::sync::atomic::Ordering;

use holdfast_format::source::EntryKind;
use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::{Errno, Result};

use crate::cancel::Cancel;
use crate::error::{self, Error};
use crate::restore::attributes::{self, Wanted};
use crate::restore::directories::Directories;
use crate::restore::files::{put_in_place, state, temporary};
use crate::restore::plan::{Leader, Link, Name, Plan, Special};
use crate::restore::reports::{Reports, show};

/// Makes all symlinks, pipes and devices of the plan; gives how many are there now.
pub(crate) fn make(
    plan: &mut Plan,
    directories: &Directories,
    overwrite: bool,
    reports: &Reports<'_>,
    cancel: &Cancel,
) -> error::Result<u64> {
    let mut specials = std::mem::take(&mut plan.specials);
    let mut count = 0;
    for special in &mut specials {
        cancel.check()?;
        match make_one(plan, directories, special, overwrite, reports) {
            Ok(()) => {
                special.is_done = true;
                count += 1;
            }
            Err(error) => judge(plan, special.directory, special.name, error, reports)?,
        }
    }
    plan.specials = specials;
    Ok(count)
}

/// Gives files and specials their further names; gives how many are there now.
pub(crate) fn link(
    plan: &Plan,
    directories: &Directories,
    overwrite: bool,
    reports: &Reports<'_>,
    cancel: &Cancel,
) -> error::Result<u64> {
    let mut count = 0;
    for link in &plan.links {
        cancel.check()?;
        let (directory, name, is_there) = match link.leader {
            Leader::File(number) => {
                let file = &plan.files[number as usize];
                let is_there = matches!(file.state.load(Ordering::Acquire), state::DONE | state::UNCHANGED);
                (file.directory, file.name, is_there)
            }
            Leader::Special(number) => {
                let special = &plan.specials[number as usize];
                (special.directory, special.name, special.is_done)
            }
        };
        if !is_there {
            let first = show(&plan.path(directory, name));
            let path = plan.path(link.directory, link.name);
            reports.failed(&path, format!("left out: it is a hard link of {first}, which was left out"));
            continue;
        }
        match link_one(plan, directories, link, directory, name, overwrite) {
            Ok(()) => count += 1,
            Err(error) => judge(plan, link.directory, link.name, error, reports)?,
        }
    }
    Ok(count)
}

fn make_one(
    plan: &Plan,
    directories: &Directories,
    special: &Special,
    overwrite: bool,
    reports: &Reports<'_>,
) -> Result<()> {
    let directory = directories.get(plan, special.directory)?;
    let name = plan.name(special.name);
    let is_symlink = special.kind == EntryKind::Symlink;
    let path = || plan.path(special.directory, special.name);
    let xattrs = plan.xattrs(&special.attributes);
    let dress = |name: &[u8], is_old| {
        let wanted = Wanted { attributes: &special.attributes, xattrs, is_old, path: &path, reports };
        attributes::apply_at(&directory, name, is_symlink, &wanted);
    };
    let create = |name: &[u8]| match special.kind {
        EntryKind::Symlink => fs::symlinkat(&special.target[..], &directory, name),
        kind => fs::mknodat(&directory, name, file_type(kind), Mode::RUSR | Mode::WUSR, special.device),
    };
    match create(name) {
        Ok(()) => {
            dress(name, false);
            return Ok(());
        }
        Err(Errno::EXIST) if overwrite => {}
        Err(error) => return Err(error),
    }
    let there = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_same = FileType::from_raw_mode(there.st_mode) == file_type(special.kind)
        && there.st_nlink as u64 <= u64::from(special.links)
        && match special.kind {
            EntryKind::Symlink => fs::readlinkat(&directory, name, Vec::new())?.as_bytes() == special.target,
            EntryKind::Fifo => true,
            _ => there.st_rdev == special.device,
        };
    if is_same {
        if !attributes::agree(&there, &special.attributes, is_symlink) || !xattrs.is_empty() {
            dress(name, true);
        }
        return Ok(());
    }
    let temporary = temporary(name);
    let _ = fs::unlinkat(&directory, &temporary[..], AtFlags::empty());
    create(&temporary)?;
    dress(&temporary, false);
    put_in_place(&directory, &temporary, name).inspect_err(|_| {
        let _ = fs::unlinkat(&directory, &temporary[..], AtFlags::empty());
    })
}

fn link_one(
    plan: &Plan,
    directories: &Directories,
    link: &Link,
    from: u32,
    from_name: Name,
    overwrite: bool,
) -> Result<()> {
    let (source, directory) = (directories.get(plan, from)?, directories.get(plan, link.directory)?);
    let (first, name) = (plan.name(from_name), plan.name(link.name));
    match fs::linkat(&source, first, &directory, name, AtFlags::empty()) {
        Err(Errno::EXIST) if overwrite => {}
        other => return other,
    }
    let leader = fs::statat(&source, first, AtFlags::SYMLINK_NOFOLLOW)?;
    let there = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if (leader.st_dev, leader.st_ino) == (there.st_dev, there.st_ino) {
        return Ok(());
    }
    let temporary = temporary(name);
    let _ = fs::unlinkat(&directory, &temporary[..], AtFlags::empty());
    fs::linkat(&source, first, &directory, &temporary[..], AtFlags::empty())?;
    put_in_place(&directory, &temporary, name).inspect_err(|_| {
        let _ = fs::unlinkat(&directory, &temporary[..], AtFlags::empty());
    })
}

fn judge(plan: &Plan, directory: u32, name: Name, error: Errno, reports: &Reports<'_>) -> error::Result<()> {
    let path = plan.path(directory, name);
    if matches!(error, Errno::NOSPC | Errno::DQUOT) {
        return Err(Error::local("make", Path::new(&show(&path)), error.into()));
    }
    let hint = if error == Errno::PERM { " (devices need root)" } else { "" };
    reports.failed(&path, format!("cannot be made: {error}{hint}"));
    Ok(())
}

fn file_type(kind: EntryKind) -> FileType {
    match kind {
        EntryKind::File => FileType::RegularFile,
        EntryKind::Directory => FileType::Directory,
        EntryKind::Symlink => FileType::Symlink,
        EntryKind::BlockDevice => FileType::BlockDevice,
        EntryKind::CharDevice => FileType::CharacterDevice,
        EntryKind::Fifo => FileType::Fifo,
        EntryKind::Socket => FileType::Socket,
    }
}
