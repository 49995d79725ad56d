//! The log as a file that outlives this program and is verified without it. docs/audit-log.md describes it: JSON lines, one
//! with what the file is, one per leaf with the payload's very bytes, then the values about people, and the signed heads.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use holdfast_ledger::{Leaf, Reader};
use holdfast_world::durable;
use serde::Serialize;
use serde_json::json;

use super::log_key;
use crate::error::{Error, Result};
use crate::journal;
use crate::setup::Setup;

/// What was written.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The file.
    pub file: std::path::PathBuf,
    /// Leaves in it.
    pub leaves: u64,
    /// Signed heads in it.
    pub checkpoints: usize,
    /// Values about people in it.
    pub values: u64,
}

const LEAVES_AT_ONCE: u32 = 1000;

/// Writes the log into a new file, closed to everybody else; `with_values` with the values about people.
///
/// # Errors
/// When the ledger cannot be read, or the file is there already or cannot be written; then there is none.
pub fn export(setup: &Setup, file: &Path, with_values: bool) -> Result<Exported> {
    let reader = journal::reader(&setup.places.state)?
        .ok_or_else(|| Error::not_done("there is no log yet").hint("the first backup begins one"))?;
    // Leaves and values are asked for one after the other, and must be of one state.
    let reader = reader.snapshot()?;
    let trouble = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::usage(format!("{} exists and is left alone", file.display())).hint("name a new file")
        }
        _ => Error::not_done(format!("write {}: {error}", file.display())),
    };
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(trouble)?;
    // Before the leaves: a log that grows meanwhile must not look shorter than what was signed.
    let checkpoints = reader.checkpoints()?.into_iter().map(|checkpoint| checkpoint.note).collect();
    let part = Part { key: log_key::verifier_line(setup)?, leaves: u64::MAX, checkpoints, with_values };
    let outcome = write(&reader, &part, opened, &mut |_| {}, &trouble).and_then(|mut exported| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        durable::sync_directory(folder).map_err(trouble)?;
        exported.file = file.to_owned();
        Ok(exported)
    });
    if outcome.is_err() {
        // Half an export would pass for a log that was cut short.
        let _ = std::fs::remove_file(file);
    }
    outcome
}

/// What of the log is written.
pub(crate) struct Part {
    /// The public key that it names.
    pub(crate) key: Option<String>,
    /// So many leaves from the first on, as far as there are.
    pub(crate) leaves: u64,
    /// Signed heads.
    pub(crate) checkpoints: Vec<String>,
    /// With the values about people that these leaves name.
    pub(crate) with_values: bool,
}

/// Writes a part of the log into a file, showing each leaf to `see`.
pub(crate) fn write(
    reader: &Reader,
    part: &Part,
    file: File,
    see: &mut dyn FnMut(&Leaf),
    trouble: &dyn Fn(std::io::Error) -> Error,
) -> Result<Exported> {
    let mut lines = Lines { out: BufWriter::new(file), failure: None };
    lines.put(&json!({ "holdfast_log": 1, "key": part.key, "values": part.with_values }));
    let (mut next, mut count) = (0, 0);
    while next < part.leaves {
        let left = u32::try_from(part.leaves - next).unwrap_or(u32::MAX);
        let leaves = reader.leaves(next, LEAVES_AT_ONCE.min(left))?;
        let Some(last) = leaves.last() else { break };
        next = last.sequence + 1;
        // Whatever is wrong with them is for the verifier to find.
        for leaf in &leaves {
            let hash: String = leaf.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            lines.put(&json!({ "leaf": leaf.sequence, "hash": hash, "payload": leaf.payload }));
            see(leaf);
            count += 1;
        }
    }
    let mut values = 0;
    if part.with_values {
        reader.private_values_of(part.leaves, &mut |value| {
            values += 1;
            lines.put(&json!({ "value": value.value, "salt": value.salt, "hash": value.hash }));
        })?;
    }
    for note in &part.checkpoints {
        lines.put(&json!({ "checkpoint": note }));
    }
    lines.put(&json!({ "end": count }));
    lines.end().map_err(trouble)?;
    let checkpoints = part.checkpoints.len();
    Ok(Exported { file: std::path::PathBuf::new(), leaves: count, checkpoints, values })
}

/// Lines of JSON; the first failure is kept.
struct Lines {
    out: BufWriter<File>,
    failure: Option<std::io::Error>,
}

impl Lines {
    fn put(&mut self, line: &serde_json::Value) {
        if self.failure.is_none()
            && let Err(error) = writeln!(self.out, "{line}")
        {
            self.failure = Some(error);
        }
    }

    fn end(mut self) -> std::io::Result<()> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        self.out.flush()?;
        self.out.get_ref().sync_all()
    }
}
