//! The walk: every folder opened and listed, every entry asked for its metadata, relative to its folder.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags, open, statx};

/// What was found.
pub struct Walked {
    /// Regular files with their sizes.
    pub files: Vec<(PathBuf, u64)>,
    /// Everything.
    pub entries: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Walks `root`.
pub fn walk(root: &Path) -> io::Result<Walked> {
    let start = Instant::now();
    let (mut files, mut entries) = (Vec::new(), 0);
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let opened = open(&folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            entries += 1;
            let facts = statx(&opened, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
            let path = || folder.join(OsStr::from_bytes(name.to_bytes()));
            match FileType::from_raw_mode(u32::from(facts.stx_mode)) {
                FileType::Directory => waiting.push(path()),
                FileType::RegularFile => files.push((path(), facts.stx_size)),
                _ => {}
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    files.sort();
    Ok(Walked { files, entries, seconds })
}
