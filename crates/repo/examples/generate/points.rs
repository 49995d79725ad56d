//! Many points: a snapshot is a small file, so ten thousand of them are written directly and not by ten thousand runs.

use std::fs;
use std::path::Path;

use holdfast_format::{Cipher, Id, KeyFile, Snapshot, decode_unpacked, encode_unpacked};
use holdfast_world::{Random, SystemRandom};
use jiff::SignedDuration;

use super::Outcome;

/// Adds copies of the newest point, each an hour older than the one before, until there are `count` points.
pub fn add(repository: &Path, count: u64, password: &str) -> Outcome<()> {
    let cipher = unlock(repository, password)?;
    let folder = repository.join("snapshots");
    let mut points = Vec::new();
    for entry in fs::read_dir(&folder)? {
        points.push(Snapshot::parse(&decode_unpacked(&cipher, &fs::read(entry?.path())?)?)?);
    }
    let newest = points.iter().max_by_key(|point| point.time).ok_or("the repository has no point")?;
    let oldest = points.iter().map(|point| point.time).min().ok_or("the repository has no point")?;
    for number in points.len() as u64..count {
        let hours = number - points.len() as u64 + 1;
        let time = oldest.checked_sub(SignedDuration::from_hours(i64::try_from(hours)?))?;
        let copy = Snapshot { time, time_text: None, ..newest.clone() };
        let mut nonce = [0; 16];
        SystemRandom.fill(&mut nonce);
        let stored = encode_unpacked(&cipher, nonce, &copy.to_json());
        fs::write(folder.join(Id::of(&stored).to_hex()), stored)?;
    }
    println!("{} points", fs::read_dir(&folder)?.count());
    Ok(())
}

fn unlock(repository: &Path, password: &str) -> Outcome<Cipher> {
    for entry in fs::read_dir(repository.join("keys"))? {
        let key_file = KeyFile::parse(&fs::read(entry?.path())?)?;
        if let Ok(master) = key_file.unlock(password.as_bytes()) {
            return Ok(master.cipher());
        }
    }
    Err("no key file of the repository fits RESTIC_PASSWORD".into())
}
