//! The lists of an export: what, of when, and with which hashes. One for programs, and one that people read and
//! `sha256sum -c` checks.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{ExportReport, ExportedPoint};
use crate::error::{Error, Result};
use crate::folder::entries;

/// A file that was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListedFile {
    /// Below the asset's folder.
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

const FOR_PROGRAMS: &str = "manifest.json";
const FOR_PEOPLE: &str = "manifest.txt";

/// Every regular file below a folder, by name, with the hash of what stands in it now.
pub(super) fn list(folder: &Path) -> Result<Vec<ListedFile>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for path in entries(&next)? {
            let trouble = |error| Error::not_done(format!("read {}: {error}", path.display()));
            let facts = path.symlink_metadata().map_err(trouble)?;
            if facts.is_dir() {
                folders.push(path);
            } else if facts.is_file() {
                let (bytes, sha256) = hash(&path).map_err(trouble)?;
                let path = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                files.push(ListedFile { path, bytes, sha256 });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Takes from a list what is not among an asset's `own` files; returns what there is to say about it.
pub(super) fn leave_out_strangers(files: &mut Vec<ListedFile>, own: &BTreeSet<PathBuf>) -> Option<String> {
    let is_strange = |file: &ListedFile| !own.contains(&file.path);
    let example = files.iter().find(|file| is_strange(file))?.path.display().to_string();
    let before = files.len();
    files.retain(|file| !is_strange(file));
    let count = before - files.len();
    let word = if count == 1 { "file" } else { "files" };
    Some(format!(
        "{count} {word} in its folder ({example}) lay there before, and the point does not have them: they are not listed"
    ))
}

/// Whose export lies in a folder, where one was finished there.
pub(super) fn client_in(folder: &Path) -> Option<String> {
    let json = std::fs::read(folder.join(FOR_PROGRAMS)).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&json).ok()?;
    manifest["client"].as_str().map(str::to_owned)
}

fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut hasher, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((bytes, hex));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Writes both lists; returns where they are.
pub(super) fn write(report: &ExportReport) -> Result<Vec<PathBuf>> {
    let texts = [(FOR_PROGRAMS, for_programs(report)?), (FOR_PEOPLE, for_people(report))];
    let mut written = Vec::new();
    for (name, text) in texts {
        let path = report.to.join(name);
        holdfast_world::durable::create_directory(&report.to, 0o700)
            .and_then(|()| holdfast_world::durable::write(&path, &text, 0o600))
            .map_err(|error| Error::not_done(format!("write {}: {error}", path.display())))?;
        written.push(path);
    }
    Ok(written)
}

fn for_programs(report: &ExportReport) -> Result<Vec<u8>> {
    let files = |point: &ExportedPoint| -> Vec<serde_json::Value> {
        let file = |file: &ListedFile| json!({ "path": file.path.to_string_lossy(), "bytes": file.bytes, "sha256": file.sha256 });
        point.files.iter().map(file).collect()
    };
    let assets: Vec<serde_json::Value> = report
        .assets
        .iter()
        .map(|asset| {
            let mut value = json!(asset);
            value["files"] = asset.point.as_ref().map_or_else(Vec::new, files).into();
            value
        })
        .collect();
    let (client, time, troubles) = (&report.client, &report.time, &report.troubles);
    let whole = json!({ "client": client, "time": time, "assets": assets, "troubles": troubles });
    serde_json::to_vec_pretty(&whole).map_err(|error| Error::not_done(format!("write the manifest: {error}")))
}

fn for_people(report: &ExportReport) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        text.push(b'\n');
    };
    line(
        format!("# Everything that was backed up of {}, exported at {}.", report.client, report.time)
            .as_bytes(),
    );
    line(b"# In this folder, `sha256sum -c manifest.txt` checks every file against this list.");
    if !report.troubles.is_empty() {
        line(b"#");
        line(b"# What was met on the way:");
    }
    for trouble in &report.troubles {
        let (subject, message) = (trouble.subject.escape_debug(), trouble.message.escape_debug());
        line(format!("#   {subject}: {message}").as_bytes());
    }
    for asset in &report.assets {
        line(b"#");
        let left = if asset.has_left { ", which is not backed up any more" } else { "" };
        line(format!("# {}{left}", asset.asset).as_bytes());
        if let Some(error) = &asset.error {
            line(format!("#   NOT WHOLE: {}", error.escape_debug()).as_bytes());
        }
        let Some(point) = &asset.point else { continue };
        let bytes: u64 = point.files.iter().map(|file| file.bytes).sum();
        let files = if point.files.len() == 1 { "file" } else { "files" };
        line(
            format!(
                "#   as it was at {}, point {}: {} {files}, {bytes} bytes, in {}/",
                point.time,
                point.point,
                point.files.len(),
                point.folder
            )
            .as_bytes(),
        );
        for file in &point.files {
            line(&summed(&file.sha256, &Path::new(&point.folder).join(&file.path)));
        }
    }
    text
}

/// A line as sha256sum writes it: names that would break the line are escaped, and marked.
fn summed(sha256: &str, path: &Path) -> Vec<u8> {
    let name = path.as_os_str().as_bytes();
    let mut line = Vec::new();
    let is_odd = name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    if is_odd {
        line.push(b'\\');
    }
    // Writing into memory cannot fail.
    let _ = write!(line, "{sha256}  ");
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
    line
}
