//! A dump to be loaded: its manifest first, then file after file, each held against what the manifest says.
//!
//! A dump that was cut between two statements loads without a complaint; only sizes and hashes tell it from a whole one.

use std::collections::BTreeSet;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::super::manifest::{File, MANIFEST_FORMAT, MANIFEST_NAME, Manifest};
use super::failure::LoadError;

const MANIFEST_BYTES_MAX: u64 = 64 << 20;
const READ_BYTES: usize = 256 << 10;

/// The files of a dump, wherever they are.
pub trait DumpFiles {
    /// The names of all files.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens one.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// Reads and checks the manifest.
pub(super) fn manifest(files: &dyn DumpFiles) -> Result<Manifest, LoadError> {
    let names = files.names().map_err(|error| LoadError::dump(format!("cannot list the dump: {error}")))?;
    // The format first: another one may have other fields.
    let value = json(files, MANIFEST_NAME)?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    if format != Some(u64::from(MANIFEST_FORMAT)) {
        let shown = format.map_or_else(|| "no number".to_owned(), |format| format.to_string());
        return Err(LoadError::dump(format!(
            "the dump has the format {shown}, and this holdfast knows {MANIFEST_FORMAT}: use a newer one"
        )));
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| not_a_manifest(&error))?;
    compare_names(&manifest, &names)?;
    Ok(manifest)
}

/// Reads a file of JSON.
pub(super) fn json(files: &dyn DumpFiles, name: &str) -> Result<serde_json::Value, LoadError> {
    let opened = files.open(name).map_err(|error| unreadable(name, &error))?;
    let mut json = Vec::new();
    opened.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut json).map_err(|error| unreadable(name, &error))?;
    if json.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(LoadError::dump(format!("{name} is larger than any manifest")));
    }
    serde_json::from_slice(&json)
        .map_err(|error| LoadError::dump(format!("{name} is not a manifest: {error}")))
}

fn compare_names(manifest: &Manifest, names: &[String]) -> Result<(), LoadError> {
    let mut listed = BTreeSet::new();
    for file in &manifest.files {
        if !listed.insert(file.name.as_str()) || file.name == MANIFEST_NAME {
            return Err(LoadError::dump(format!("the manifest names the file {:?} twice", file.name)));
        }
    }
    let mut tables = BTreeSet::new();
    for table in &manifest.tables {
        if !tables.insert(table.name.as_str()) || !listed.contains(table.file.as_str()) {
            return Err(LoadError::dump(format!(
                "the manifest names the table {:?} twice, or without its file",
                table.name
            )));
        }
    }
    let present: BTreeSet<&str> =
        names.iter().map(String::as_str).filter(|name| *name != MANIFEST_NAME).collect();
    if let Some(missing) = listed.difference(&present).next() {
        return Err(LoadError::dump(format!("the file {missing:?} of the dump is missing")));
    }
    if let Some(more) = present.difference(&listed).next() {
        return Err(LoadError::dump(format!("the file {more:?} is in the dump, but not in its manifest")));
    }
    if !listed.contains("head.sql") {
        return Err(LoadError::dump("the dump has no head.sql, which holds the settings to load it with"));
    }
    Ok(())
}

/// Reads a file to its end; `each` gets its bytes before it is known whether they are right, so whoever uses them must be able
/// to give them up again.
pub(super) fn read(
    files: &dyn DumpFiles,
    file: &File,
    mut each: impl FnMut(&[u8]) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut opened = files.open(&file.name).map_err(|error| unreadable(&file.name, &error))?;
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0u64, vec![0; READ_BYTES]);
    loop {
        let count = match opened.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(|error| unreadable(&file.name, &error))?,
        };
        bytes += count as u64;
        if bytes > file.bytes {
            return Err(is_wrong(file, "it is longer than the manifest says"));
        }
        if count == 0 {
            break;
        }
        hash.update(&part[..count]);
        each(&part[..count])?;
    }
    if bytes < file.bytes {
        return Err(is_wrong(
            file,
            &format!("it ends after {bytes} bytes of the {} in the manifest", file.bytes),
        ));
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !sha256.eq_ignore_ascii_case(&file.sha256) {
        return Err(is_wrong(file, "its SHA-256 is not the one in the manifest"));
    }
    Ok(())
}

fn is_wrong(file: &File, why: &str) -> LoadError {
    LoadError::dump(format!(
        "the file {:?} of the dump is not what was dumped: {why}; take another point",
        file.name
    ))
}

fn unreadable(name: &str, error: &io::Error) -> LoadError {
    LoadError::dump(format!("cannot read {name:?} of the dump: {error}"))
}

fn not_a_manifest(error: &serde_json::Error) -> LoadError {
    LoadError::dump(format!("manifest.json is not a manifest: {error}"))
}
