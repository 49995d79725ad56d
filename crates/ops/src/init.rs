//! Writes the files that a new installation starts from. Never overwrites.

use std::path::{Path, PathBuf};

use holdfast_model::template;
use holdfast_world::durable;

use crate::error::{Error, Result};
use crate::key_ring::KeyRing;

/// Writes policy.toml, estate.toml and an empty key ring into `folder`; with `example`, the policy of the first customer
/// instead of placeholders. Returns what was written.
pub fn init(folder: &Path, example: bool) -> Result<Vec<PathBuf>> {
    let policy = if example { template::policy_example() } else { template::policy().to_owned() };
    let files = [("policy.toml", policy), ("estate.toml", template::estate().to_owned())];
    for (name, _) in &files {
        let path = folder.join(name);
        if path.exists() {
            return Err(Error::usage(format!("{} exists and is left alone", path.display()))
                .hint("choose another folder, or move the file away"));
        }
    }
    let trouble = |path: &Path, e: std::io::Error| Error::not_done(format!("write {}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| trouble(folder, e))?;
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        durable::create(&path, text.as_bytes(), 0o644).map_err(|e| trouble(&path, e))?;
        written.push(path);
    }
    let keys = folder.join("keys");
    KeyRing::new(&keys).create()?;
    written.push(keys);
    Ok(written)
}
