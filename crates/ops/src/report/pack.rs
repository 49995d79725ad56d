//! The folder of a report, and the signed list of what is in it.
//!
//! Half a pack would pass for one that somebody robbed. So it is filled under another name beside its place, and takes that in
//! one step when all of it is on the disk; where anything fails before, nothing is left.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast_ledger::TreeHead;
use holdfast_world::durable;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::shown;
use crate::audit::Signer;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// The signed list.
pub(super) const MANIFEST: &str = "MANIFEST";

/// A pack that is being filled; it vanishes unless it is sealed.
pub(super) struct Pack {
    /// Where it is filled.
    folder: PathBuf,
    /// What it will be called.
    out: PathBuf,
    files: Vec<Listed>,
    is_sealed: bool,
}

struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Refuses a place where something is, but for an empty folder.
pub(super) fn refuse_taken(out: &Path) -> Result<()> {
    let taken = |what: &str| {
        Err(Error::usage(format!("{} {what} and is left alone", shown(out)))
            .hint("name a new folder with --out"))
    };
    match std::fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => taken("is not empty"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => taken("is no folder"),
        Err(error) => Err(Error::usage(format!("{}: {error}", shown(out)))),
    }
}

impl Pack {
    /// Makes a folder beside the place.
    pub(super) fn begin(setup: &Setup, out: &Path) -> Result<Pack> {
        let mut mark = [0; 4];
        setup.world.random.fill(&mut mark);
        let mark: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = out.file_name().ok_or_else(|| Error::usage(format!("{} names no folder", shown(out))))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name.as_encoded_bytes().get(..200).map_or(name, |_| "long".as_ref()));
        hidden.push(format!(".{mark}.tmp"));
        let folder = out.with_file_name(hidden);
        let make = |path: &Path| std::fs::DirBuilder::new().mode(0o700).create(path);
        make(&folder).map_err(|error| cannot(&folder, &error))?;
        let pack = Pack { folder, out: out.to_owned(), files: Vec::new(), is_sealed: false };
        let tables = pack.folder.join("csv");
        make(&tables).map_err(|error| cannot(&tables, &error))?;
        Ok(pack)
    }

    /// Puts a file into it.
    pub(super) fn put(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        durable::create(&path, content, 0o600).map_err(|error| self.not_written(&error))?;
        self.list(name, content.len() as u64, hex(&Sha256::digest(content)));
        Ok(())
    }

    /// Has a file written piece by piece.
    pub(super) fn stream(
        &mut self,
        name: &str,
        write: &mut dyn FnMut(File, &dyn Fn(std::io::Error) -> Error) -> Result<()>,
    ) -> Result<()> {
        let path = self.folder.join(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        write(opened.map_err(|error| self.not_written(&error))?, &|error| self.not_written(&error))?;
        let (bytes, sha256) = hash(&path).map_err(|error| self.not_written(&error))?;
        self.list(name, bytes, sha256);
        Ok(())
    }

    /// Signs what is in it and gives it its name; returns how many files, and their bytes.
    pub(super) fn seal(
        mut self,
        signer: &Signer,
        (from, to): (Timestamp, Timestamp),
        head: &TreeHead,
    ) -> Result<(usize, u64)> {
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        let root = STANDARD.encode(bytes_of(&head.root));
        let mut text = format!(
            "{} evidence-pack\n1\nperiod {from} {to}\nlog {} {root}\n",
            signer.verifier().name(),
            head.leaves
        );
        for Listed { name, bytes, sha256 } in &self.files {
            text += &format!("{sha256} {bytes} {name}\n");
        }
        durable::create(&self.folder.join(MANIFEST), signer.sign(&text).as_bytes(), 0o600)
            .map_err(|error| self.not_written(&error))?;
        for folder in [self.folder.join("csv"), self.folder.clone()] {
            durable::sync_directory(&folder).map_err(|error| self.not_written(&error))?;
        }
        // A folder takes the place of an empty one, and of nothing else.
        std::fs::rename(&self.folder, &self.out).map_err(|error| match error.kind() {
            std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::NotADirectory => {
                Error::usage(format!("{} came to be meanwhile, and is left alone", shown(&self.out)))
                    .hint("name a new folder with --out")
            }
            _ => self.not_written(&error),
        })?;
        self.is_sealed = true;
        let above = self.out.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        durable::sync_directory(above).map_err(|error| self.not_written(&error))?;
        Ok((self.files.len(), self.files.iter().map(|file| file.bytes).sum()))
    }

    fn list(&mut self, name: &str, bytes: u64, sha256: String) {
        self.files.push(Listed { name: name.to_owned(), bytes, sha256 });
    }

    fn not_written(&self, error: &std::io::Error) -> Error {
        Error::not_done(format!("the report was not written to {}: {error}", shown(&self.out)))
            .hint("nothing is left of it; make room, or name another place with --out")
    }
}

impl Drop for Pack {
    fn drop(&mut self) {
        if !self.is_sealed {
            // Best effort: the error that brought us here is the one that is reported.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn cannot(folder: &Path, error: &std::io::Error) -> Error {
    let hint = "the folder above --out must exist, and must let you write";
    Error::not_done(format!("cannot make {}: {error}", shown(folder))).hint(hint)
}

fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hex(&hash.finalize()))),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a root that the ledger wrote as hex.
fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
