//! Changes between backups that can be taken back, so that every program sees the same corpus in the same states.
//!
//! Sizes and the number of files stay, so that a restore can be counted. What is changed is chosen by position and not by
//! chance: the same step changes the same bytes in every round. A file is rewritten whole, as an editor does; of a very
//! large one blocks are overwritten, as a database or a virtual machine does, and never a block of zeros: writing into a
//! hole could not be taken back.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use holdfast_testkit::corpus::Dice;

/// Above this size blocks are changed and not the file.
const WHOLE_BYTES_MAX: u64 = 64 << 20;
const BLOCK_BYTES: u64 = 64 << 10;
/// One byte in this many differs afterwards in a file that is rewritten, so that it compresses as before.
const SPARSE: usize = 200;

/// The corpus as something to change.
pub(super) struct Change {
    files: Vec<(PathBuf, u64)>,
    /// What was there before, one after the other.
    originals: File,
    /// Where in `originals` the bytes of a file's part lie: file and offset to position and length.
    kept: HashMap<(usize, u64), (u64, u64)>,
    kept_bytes: u64,
}

impl Change {
    /// Nothing is changed yet. `originals` will hold what is overwritten.
    pub(super) fn new(files: Vec<(PathBuf, u64)>, originals: &Path) -> Result<Change> {
        let open = File::options().read(true).write(true).create(true).truncate(true).open(originals);
        let originals = open.with_context(|| format!("cannot write {}", originals.display()))?;
        Ok(Change { files, originals, kept: HashMap::new(), kept_bytes: 0 })
    }

    /// Changes one part in `every`, another content and (up to `every` steps) other parts each `step`. Returns the bytes
    /// that are new.
    pub(super) fn apply(&mut self, every: u64, step: u64) -> Result<u64> {
        self.alter(every, step % every, step)
    }

    /// Changes the same part in `every` in each step, with another content.
    pub(super) fn apply_again(&mut self, every: u64, step: u64) -> Result<u64> {
        self.alter(every, 0, step)
    }

    fn alter(&mut self, every: u64, phase: u64, step: u64) -> Result<u64> {
        let mut dice = Dice::new(31 * step + 5);
        let (mut new_bytes, mut number) = (0, 0);
        for index in 0..self.files.len() {
            let (path, size) = self.files[index].clone();
            let is_whole = size <= WHOLE_BYTES_MAX;
            let unit = if is_whole { size.max(1) } else { BLOCK_BYTES };
            let mut open: Option<File> = None;
            for offset in (0..size).step_by(unit as usize) {
                number += 1;
                if number % every != phase {
                    continue;
                }
                let file = match &mut open {
                    Some(file) => &*file,
                    None => &*open.insert(File::options().read(true).write(true).open(&path)?),
                };
                let mut bytes = vec![0; unit.min(size - offset) as usize];
                file.read_exact_at(&mut bytes, offset)?;
                if !is_whole && bytes.iter().all(|byte| *byte == 0) {
                    continue;
                }
                self.keep(index, offset, &bytes)?;
                if is_whole {
                    for byte in bytes.iter_mut().step_by(SPARSE) {
                        *byte = byte.wrapping_add(1 + dice.below(200) as u8);
                    }
                } else {
                    bytes = dice.bytes(bytes.len());
                }
                file.write_all_at(&bytes, offset)?;
                new_bytes += bytes.len() as u64;
            }
        }
        Ok(new_bytes)
    }

    /// Brings everything back.
    pub(super) fn undo(&mut self) -> Result<()> {
        for ((index, offset), (position, length)) in self.kept.drain() {
            let mut bytes = vec![0; length as usize];
            self.originals.read_exact_at(&mut bytes, position)?;
            let path = &self.files[index].0;
            File::options()
                .write(true)
                .open(path)
                .and_then(|file| file.write_all_at(&bytes, offset))
                .with_context(|| format!("cannot bring back {}", path.display()))?;
        }
        self.kept_bytes = 0;
        Ok(())
    }

    fn keep(&mut self, index: usize, offset: u64, bytes: &[u8]) -> Result<()> {
        if self.kept.contains_key(&(index, offset)) {
            return Ok(());
        }
        self.originals.write_all_at(bytes, self.kept_bytes).context("cannot keep what is changed")?;
        self.kept.insert((index, offset), (self.kept_bytes, bytes.len() as u64));
        self.kept_bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::folder;

    #[test]
    fn a_change_changes_its_share_and_can_be_taken_back() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..40 {
            std::fs::write(root.path().join(format!("f{number:02}")), [number; 1_000]).unwrap();
        }
        let contents = || -> Vec<Vec<u8>> {
            let files = folder::list(root.path(), false).unwrap();
            files.iter().map(|(path, _)| std::fs::read(path).unwrap()).collect()
        };
        let before = contents();
        let originals = tempfile::NamedTempFile::new().unwrap();
        let files = folder::list(root.path(), false).unwrap();
        let mut change = Change::new(files, originals.path()).unwrap();
        let differing = |now: &[Vec<u8>]| now.iter().zip(&before).filter(|(a, b)| a != b).count();
        assert_eq!(change.apply(20, 1).unwrap(), 2_000);
        assert_eq!(differing(&contents()), 2);
        change.apply(20, 2).unwrap();
        assert_eq!(differing(&contents()), 4, "another step changes other files");
        change.apply_again(5, 3).unwrap();
        let third = contents();
        change.apply_again(5, 4).unwrap();
        assert!(third != contents(), "the same files, with another content");
        change.undo().unwrap();
        assert!(contents() == before);
    }
}
