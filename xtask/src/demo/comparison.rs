//! Comparing trees by what a filesystem shows, with none of the product's code: a program that is wrong in writing
//! and wrong in reading the same way would otherwise find itself right.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// What was found the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    files: u64,
    folders: u64,
    links: u64,
    hard_links: u64,
    bytes: u64,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Compared { files, folders, links, hard_links, bytes } = self;
        write!(
            f,
            "{files} files, {folders} folders and {links} links are the same: {:.1} MB of content, types, modes, \
             owners, times to the nanosecond, extended attributes, {hard_links} hard links",
            *bytes as f64 / 1e6
        )
    }
}

/// Compares everything below and including two folders; the first difference is the error.
pub(super) fn same_trees(left: &Path, right: &Path) -> Result<Compared> {
    let mut compared = Compared::default();
    let mut twins = BTreeMap::new();
    same_entry(left, right, &mut compared, &mut twins)?;
    Ok(compared)
}

/// Size of every object at a place by its name below it, locks aside: those belong to each place.
pub(super) fn objects(place: &Path) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
        {
            let path = entry?.path();
            let facts = path.symlink_metadata()?;
            let name = format!("/{}", path.strip_prefix(place)?.display());
            if facts.is_dir() {
                folders.push(path);
            } else if !name.contains("/locks/") && is_of_repository(&name) {
                found.insert(name, facts.len());
            }
        }
    }
    Ok(found)
}

/// Compares every object of two places byte for byte and returns their number.
pub(super) fn same_objects(left: &Path, right: &Path) -> Result<usize> {
    let (ours, theirs) = (objects(left)?, objects(right)?);
    for name in ours.keys().chain(theirs.keys()) {
        ensure!(ours.contains_key(name) && theirs.contains_key(name), "{name} lies at one place only");
        let name = name.trim_start_matches('/');
        ensure!(same_content(&left.join(name), &right.join(name))?, "{name} differs between the places");
    }
    ensure!(!ours.is_empty(), "there are no objects at {}", left.display());
    Ok(ours.len())
}

/// What a place keeps for itself, such as the marker by which it is known again, is not mirrored.
fn is_of_repository(name: &str) -> bool {
    let is_own = name.starts_with("/holdfast-location/");
    let is_shared = name.ends_with("/config")
        || ["/data/", "/index/", "/keys/", "/snapshots/"].iter().any(|part| name.contains(part));
    is_shared && !is_own
}

type Twins = BTreeMap<(u64, u64), (PathBuf, (u64, u64))>;

fn same_entry(left: &Path, right: &Path, compared: &mut Compared, twins: &mut Twins) -> Result<()> {
    let facts =
        |path: &Path| path.symlink_metadata().with_context(|| format!("cannot look at {}", path.display()));
    let (ours, theirs) = (facts(left)?, facts(right)?);
    let (mine, yours) = (shape(&ours), shape(&theirs));
    if mine != yours {
        bail!("{} and {} differ: {mine} and {yours}", left.display(), right.display())
    }
    same_attributes(left, right)?;
    if ours.is_dir() {
        compared.folders += 1;
        let (names, others) = (names(left)?, names(right)?);
        ensure!(names == others, "{} and {} hold different names", left.display(), right.display());
        for name in names {
            same_entry(&left.join(&name), &right.join(&name), compared, twins)?;
        }
    } else if ours.is_symlink() {
        compared.links += 1;
        let (to, other) = (std::fs::read_link(left)?, std::fs::read_link(right)?);
        ensure!(to == other, "{} points to {} and to {}", left.display(), to.display(), other.display());
    } else if ours.is_file() {
        compared.files += 1;
        compared.bytes += ours.len();
        ensure!(same_content(left, right)?, "the content of {} differs", left.display());
        same_twin(left, (&ours, &theirs), compared, twins)?;
    }
    Ok(())
}

/// Two names of one file must be two names of one file on the other side too.
fn same_twin(
    left: &Path,
    facts: (&Metadata, &Metadata),
    compared: &mut Compared,
    twins: &mut Twins,
) -> Result<()> {
    let (ours, theirs) = facts;
    if ours.nlink() < 2 {
        return Ok(());
    }
    compared.hard_links += 1;
    let inode = (theirs.dev(), theirs.ino());
    let (first, known) = twins.entry((ours.dev(), ours.ino())).or_insert_with(|| (left.to_owned(), inode));
    ensure!(
        *known == inode,
        "{} and {} are one file, and two after the restore",
        first.display(),
        left.display()
    );
    Ok(())
}

fn shape(facts: &Metadata) -> String {
    let size = if facts.is_dir() { 0 } else { facts.len() };
    let links = if facts.is_dir() { 0 } else { facts.nlink() };
    format!(
        "mode {:o}, owner {}:{}, {size} bytes, {links} names, device {}, time {}.{:09}",
        facts.mode(),
        facts.uid(),
        facts.gid(),
        facts.rdev(),
        facts.mtime(),
        facts.mtime_nsec()
    )
}

fn same_attributes(left: &Path, right: &Path) -> Result<()> {
    let all = |path: &Path| -> Result<BTreeMap<std::ffi::OsString, Option<Vec<u8>>>> {
        let names =
            xattr::list(path).with_context(|| format!("cannot list attributes of {}", path.display()))?;
        names.map(|name| Ok((name.clone(), xattr::get(path, &name)?))).collect()
    };
    ensure!(all(left)? == all(right)?, "the extended attributes of {} differ", left.display());
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}

fn same_content(left: &Path, right: &Path) -> Result<bool> {
    let (mut ours, mut theirs) = (File::open(left)?, File::open(right)?);
    let (mut mine, mut yours) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let (read, other) = (fill(&mut ours, &mut mine)?, fill(&mut theirs, &mut yours)?);
        if mine[..read] != yours[..other] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
