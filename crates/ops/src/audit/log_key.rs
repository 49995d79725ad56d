//! The log's key: made at its first use, in the folder of the keys, and never replaced by us. A log whose key changed could
//! not be told from one that somebody made up.

use std::path::PathBuf;

use holdfast_format::MasterKey;
use holdfast_ledger::Reader;
use holdfast_world::{ExposeSecret, durable, secrets};
use sha2::{Digest, Sha256};

use super::note::{Signer, Verifier};
use crate::error::{Error, Result};
use crate::setup::Setup;

/// Its name ends otherwise than those of keys of repositories, so that it is never taken for one.
fn path(setup: &Setup) -> PathBuf {
    setup.places.config.join("keys/log.key")
}

/// The key, where there is one.
pub(crate) fn existing(setup: &Setup) -> Result<Option<Signer>> {
    let path = path(setup);
    let text = match secrets::read_text(&path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(Error::usage(error.to_string())),
    };
    let signer = parse(text.expose_secret()).ok_or_else(|| {
        Error::usage(format!("the log's key {} is damaged", path.display()))
            .hint("restore it from your copy of the keys folder; checkpoints at the locations need it")
    })?;
    Ok(Some(signer))
}

/// Reads the key's file.
pub(super) fn parse(text: &str) -> Option<Signer> {
    let line = text.lines().find(|line| !line.starts_with('#') && !line.is_empty());
    line.and_then(Signer::parse)
}

/// The key; it is made, and on the disk, where there was none.
pub(crate) fn signer(setup: &Setup) -> Result<Signer> {
    if let Some(signer) = existing(setup)? {
        return Ok(signer);
    }
    let mut bytes = [0; 40];
    setup.world.random.fill(&mut bytes);
    let (secret, name) = bytes.split_at_mut(32);
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut seed: [u8; 32] = secret.try_into().unwrap_or_default();
    let signer = Signer::new(&format!("holdfast/{name}"), &seed);
    secrets::wipe(&mut seed);
    secrets::wipe(&mut bytes);
    setup.ring.create()?;
    let text = format!(
        "# Signs the heads of the audit log. Keep a copy of its public half away from this machine: `holdfast key list`.\n{}\n",
        signer.line().expose_secret()
    );
    match secrets::create(&path(setup), text.as_bytes()) {
        Ok(()) => Ok(signer),
        // Somebody else was first, or this one cannot be written.
        Err(error) => existing(setup)?.ok_or_else(|| Error::not_done(error.to_string())),
    }
}

/// The keys that signed logs before this one, by what the log itself says.
pub(super) fn retired(reader: &Reader) -> Result<Vec<Verifier>> {
    Ok(reader.log_restarts()?.iter().filter_map(|restart| Verifier::parse(&restart.old_key)).collect())
}

/// Begins a new log, in somebody's name: from now on another key signs. The old one is kept beside it.
///
/// # Errors
/// A usage error without a name or a reason, or where nothing was signed yet.
pub fn restart(setup: &Setup, by: &str, reason: &str) -> Result<String> {
    if by.trim().is_empty() || reason.trim().is_empty() {
        return Err(Error::usage("a new log begins in somebody's name, and for a reason"));
    }
    let Some(old) = existing(setup)? else {
        return Err(Error::usage("this log was never signed, so nothing stands against it"));
    };
    let line = old.verifier().line();
    let now = setup.world.clock.now();
    setup.ledger()?.write(|transaction| transaction.restart_log(&line, by, reason, now))?;
    let retired =
        path(setup).with_file_name(format!("log-{}.retired", old.verifier().name().replace('/', "-")));
    std::fs::rename(path(setup), &retired)
        .and_then(|()| durable::sync_directory(&setup.places.config.join("keys")))
        .map_err(|error| Error::not_done(format!("put the old key aside: {error}")))?;
    Ok(signer(setup)?.verifier().line())
}

/// The public half as one line; none before the first use.
pub fn verifier_line(setup: &Setup) -> Result<Option<String>> {
    Ok(existing(setup)?.map(|signer| signer.verifier().line()))
}

/// Seals what of the log lies at locations and names people.
pub(crate) struct Sealer {
    key: MasterKey,
}

impl Sealer {
    /// The seal that belongs to the log's key.
    pub(crate) fn of(signer: &Signer) -> Sealer {
        let mut round = 0_u8;
        let key = MasterKey::generate(&mut |buffer| {
            for piece in buffer.chunks_mut(32) {
                let digest = Sha256::new()
                    .chain_update("holdfast log records")
                    .chain_update([round])
                    .chain_update(signer.secret())
                    .finalize();
                piece.copy_from_slice(&digest[..piece.len()]);
                round = round.wrapping_add(1);
            }
        });
        Sealer { key }
    }

    pub(crate) fn seal(&self, setup: &Setup, text: &str) -> Vec<u8> {
        let mut iv = [0; 16];
        setup.world.random.fill(&mut iv);
        let mut sealed = Vec::new();
        self.key.cipher().seal(iv, text.as_bytes(), &mut sealed);
        sealed
    }

    /// None where it was not sealed by this log.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<String> {
        let mut text = Vec::new();
        self.key.cipher().open(sealed, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}
