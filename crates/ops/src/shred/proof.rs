//! The proof that a shredded client cannot be read any more: what was saved of its repository before, and what may be
//! left of it at a location, is tried with every key that the ring still has.

use bytes::Bytes;
use holdfast_format::decode_unpacked;
use holdfast_location::Area;
use holdfast_repo::{Identity, Repository};
use holdfast_world::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::setup::Setup;

/// What was saved before anything was deleted. It lives as long as the command.
#[derive(Default)]
pub(super) struct Samples {
    identity: Option<Identity>,
    sealed: Vec<Bytes>,
}

/// What was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// Keys that the ring still has.
    pub keys: u64,
    /// Sealed objects that each was tried on; none when a former attempt left nothing.
    pub objects: u64,
    /// Locations at which something was left to be tried on.
    pub left_at: Vec<String>,
    /// Whether nothing of it opens; none where there was no key to try, or nothing to try it on.
    pub is_unreadable: Option<bool>,
}

impl Samples {
    /// Saves the key file and the config, and the first point that a location gives.
    pub(super) fn of(setup: &Setup, client: &str, repository: &Repository) -> Result<Samples> {
        let identity = setup.ring.get(client)?.map(|key| key.identity);
        let mut sealed: Vec<Bytes> = identity.iter().map(|identity| identity.config.clone()).collect();
        for mirror in repository.ready() {
            let listed = mirror.list(Area::Snapshots).unwrap_or_default();
            let first = listed.first().and_then(|(id, _)| mirror.get(Area::Snapshots, id).ok());
            sealed.extend(first);
        }
        Ok(Samples { identity, sealed })
    }
}

/// Tries to open it all.
pub(super) fn try_all(setup: &Setup, client: &str, samples: &Samples) -> Result<Proof> {
    let mut proof =
        Proof { keys: 0, objects: samples.sealed.len() as u64, left_at: Vec::new(), is_unreadable: None };
    let mut opens = setup.ring.get(client)?.is_some();
    let mirrors = setup.mirrors(client, None)?;
    for mirror in &mirrors {
        if mirror.get_config().is_ok_and(|config| config.is_some()) {
            proof.left_at.push(mirror.name().to_owned());
        }
    }
    for name in setup.ring.repositories()? {
        let Some(key) = setup.ring.get(&name)? else { continue };
        proof.keys += 1;
        let password = key.password.expose_secret();
        let opens_key_file =
            samples.identity.as_ref().is_some_and(|identity| identity.open(password).is_some());
        let cipher = key.identity.open(password);
        let opens_object = cipher.is_some_and(|cipher| {
            samples.sealed.iter().any(|sealed| decode_unpacked(&cipher, sealed).is_ok())
        });
        let opens_left = !proof.left_at.is_empty() && Repository::adopt(&mirrors, password).is_ok();
        opens |= opens_key_file || opens_object || opens_left;
    }
    let was_tried = proof.keys > 0 && proof.objects > 0;
    proof.is_unreadable = (opens || was_tried).then_some(!opens);
    Ok(proof)
}
