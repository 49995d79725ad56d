//! Websites to back up: real CMS code with uploads and logs, the same bytes for the same count.
//!
//! Measured on made-up files, a backup program looks as good as its author likes. So the sites are copies of CMS
//! packages of Debian where apt can fetch them; where it cannot, the code is generated, and [`Corpus::origin`]
//! says so, so that nobody mistakes one for the other.
#![allow(clippy::disallowed_methods, reason = "a generator for tests: it starts apt-get and mkfs")]

mod application;
mod dice;
mod plain;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use application::Origin;
pub use dice::{Dice, noise};
pub use plain::{make_file, make_files};

/// Uploads of one site.
const UPLOADS: u64 = 40;
const UPLOAD_BYTES_MAX: f64 = 6e6;
const LOG_LINES: u64 = 20_000;
/// 1 November 2026: what is generated bears fixed times, or two runs would differ in metadata.
const EPOCH_S: u64 = 1_793_491_200;

/// A tree of websites.
#[derive(Debug)]
pub struct Corpus {
    /// The document root of each site, in order.
    pub sites: Vec<PathBuf>,
    /// Where the sites' code comes from.
    pub origin: Origin,
    /// Files, folders and links.
    pub entries: u64,
    /// Sum of the files' sizes.
    pub bytes: u64,
}

/// Makes `count` sites below `folder`, which must not exist yet; unpacked packages are kept in `packages`.
///
/// # Errors
/// When the disk refuses; a package that cannot be fetched is no error but shows in the origin.
pub fn make_sites(folder: &Path, packages: &Path, count: usize) -> io::Result<Corpus> {
    if folder.exists() {
        let text = format!("{} exists already: sites are made into a new folder only", folder.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let (applications, origin) = application::prepare(packages)?;
    let mut dice = Dice::new(7);
    // Chosen so that the first few sites are not all the same CMS, and thirty are in proportion.
    let mut choice = Dice::new(70);
    let mut corpus = Corpus { sites: Vec::new(), origin, entries: 0, bytes: 0 };
    for number in 0..count {
        let site = folder.join(format!("client{number:03}/httpdocs"));
        let weights: Vec<u64> = applications.iter().map(|(_, weight)| *weight).collect();
        let (code, _) = &applications[choice.weighted(&weights)];
        make_site(&site, code, &mut dice)?;
        corpus.sites.push(site);
    }
    (corpus.entries, corpus.bytes) = measure(folder)?;
    Ok(corpus)
}

/// Changes a site as a day of use does: a few uploads come, a post's picture goes, the log grows.
/// Returns the bytes that are new.
///
/// # Errors
/// When the disk refuses.
pub fn change_site(site: &Path, day: u64) -> io::Result<u64> {
    let mut dice = Dice::new(1_000 + day);
    let mut new_bytes = 0;
    for number in 0..3 {
        let size = 50_000 + dice.below(100_000);
        let bytes = dice.bytes(size as usize);
        let name = site.join(format!("uploads/2026/12/day{day}-{number}.jpg"));
        new_bytes += bytes.len() as u64;
        fs::create_dir_all(site.join("uploads/2026/12"))?;
        fs::write(name, bytes)?;
    }
    let gone = site.join(format!("uploads/2026/{:02}/img{}.jpg", 1 + day % 12, day % 12));
    if gone.exists() {
        fs::remove_file(gone)?;
    }
    let mut log = File::options().append(true).create(true).open(site.join("access.log"))?;
    let lines = log_lines(&mut dice, 200);
    log.write_all(lines.as_bytes())?;
    Ok(new_bytes + lines.len() as u64)
}

/// Makes a raw disk image: an ext4 filesystem with a copy of `folder`, sparse where it is empty.
///
/// # Errors
/// When the disk refuses, or `mkfs.ext4` is missing or fails (too small an image, for one).
pub fn make_image(image: &Path, size_bytes: u64, folder: &Path) -> io::Result<()> {
    File::create(image)?.set_len(size_bytes)?;
    let seed = "7b1f6d1e-0c4a-4a52-9b9f-000000000007";
    let mut mkfs = std::process::Command::new("/usr/sbin/mkfs.ext4");
    mkfs.args(["-q", "-U", seed, "-E", &format!("hash_seed={seed}"), "-d"]).arg(folder).arg(image);
    application::run(&mut mkfs).map_err(|error| {
        io::Error::other(format!("{error}; mkfs.ext4 comes with Debian's package e2fsprogs"))
    })
}

fn make_site(site: &Path, code: &Path, dice: &mut Dice) -> io::Result<()> {
    copy_tree(code, site)?;
    for number in 0..UPLOADS {
        let month = site.join(format!("uploads/2026/{:02}", 1 + number % 12));
        fs::create_dir_all(&month)?;
        let size = dice.log_normal(12.2, 1.2).min(UPLOAD_BYTES_MAX) as usize;
        let name = month.join(format!("img{number}.jpg"));
        fs::write(&name, dice.bytes(size))?;
        set_time(&name, EPOCH_S + number * 3600)?;
    }
    let name = site.join("access.log");
    let mut log = BufWriter::new(File::create(&name)?);
    log.write_all(log_lines(dice, LOG_LINES).as_bytes())?;
    log.flush()?;
    set_time(&name, EPOCH_S + 86_400)
}

fn log_lines(dice: &mut Dice, count: u64) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(count as usize * 80);
    for number in 0..count {
        let (a, b, c) = (dice.below(256), dice.below(256), dice.below(256));
        let (page, size, minute) = (dice.below(5000), dice.below(90_000), number % 60);
        let line = format_args!(
            "10.{a}.{b}.{c} - - [23/Nov/2026:10:{minute:02}:00 +0000] \"GET /p/{page} HTTP/1.1\" 200 {size}\n"
        );
        text.write_fmt(line).expect("a string takes everything");
    }
    text
}

/// Copies files with modes and times, and links as links.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut names: Vec<_> = fs::read_dir(from)?.collect::<io::Result<_>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
            File::open(&target)?.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

fn set_time(file: &Path, seconds: u64) -> io::Result<()> {
    File::open(file)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn measure(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut entries, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries += 1;
        let facts = entry.path().symlink_metadata()?;
        if facts.is_dir() {
            let (below, size) = measure(&entry.path())?;
            entries += below;
            bytes += size;
        } else if facts.is_file() {
            bytes += facts.len();
        }
    }
    Ok((entries, bytes))
}

#[cfg(test)]
mod tests;
