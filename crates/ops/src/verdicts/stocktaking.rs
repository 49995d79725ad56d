//! What is looked at beside the runs: what there is to protect, whether the keys are there, what locations turn out to be,
//! and whether the ledger says what was written into it.
//!
//! A declaration that nobody compares with the thing itself is a wish. Locations are asked once a day what they are, without
//! patience: one that does not answer is no evidence, and nobody has to wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use holdfast_format::Id;
use holdfast_ledger::{Observation, Reader};
use holdfast_location::Identity;
use holdfast_model::Address;
use holdfast_model::verdict::{
    DatabasesSeen, Keys, LogAudited, Observed, PolicySeen, Probe, Ring, RingRefused,
};
use jiff::{SignedDuration, Timestamp};

use super::{databases, inventory};
use crate::discover;
use crate::error::{Error, Result};
use crate::journal;
use crate::recovery;
use crate::setup::Setup;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// A location that could not be asked is asked again after so long.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What is known already.
struct Known(Vec<(Observed, Timestamp)>);

/// Looks at what is due; returns what is new. Whoever has the ledger writes it down.
pub(crate) fn look(setup: &Setup) -> Result<Vec<Observed>> {
    let now = setup.world.clock.now();
    let reader = journal::reader(&setup.places.state)?;
    let known = Known::load(reader.as_ref())?;
    let mut seen = vec![Observed::Inventory(inventory::of(&setup.estate)), Observed::Keys(keys(setup))];
    let header = &setup.policy.header.value;
    seen.push(Observed::PolicySeen(PolicySeen { effective: header.effective, version: header.version }));
    // The kit is made by whoever has its folder, whoever has the ledger.
    let is_refused = known.0.iter().any(|(observed, _)| matches!(observed, Observed::RingRefused(_)));
    let refused = match key_ring(setup, reader.as_ref(), &mut seen) {
        Ok(refused) => refused,
        // A bad file there must not hide everything else.
        Err(error) => Some(error.message),
    };
    if refused.is_some() || is_refused {
        seen.push(Observed::RingRefused(RingRefused { reason: refused }));
    }
    seen.retain(|observed| known.last(observed).is_none_or(|(last, _)| last != observed));
    // First, so that no inventory is ever written down without what belongs to it.
    let mut found = discover::news(setup, reader.as_ref())?;
    found.append(&mut seen);
    seen = found;
    seen.extend(servers(setup, &known).into_iter().map(Observed::Databases));
    seen.extend(probes(setup, &known, now).into_iter().map(Observed::Probe));
    if let Some(reader) = &reader
        && known
            .0
            .iter()
            .rev()
            .find(|(o, _)| matches!(o, Observed::LogAudited(_)))
            .is_none_or(|(_, at)| is_due(*at, DAY, now))
    {
        seen.push(Observed::LogAudited(audit(reader)));
    }
    Ok(seen)
}

/// What database servers have, where that is new.
fn servers(setup: &Setup, known: &Known) -> Vec<DatabasesSeen> {
    let mut last = BTreeMap::new();
    for (observed, at) in &known.0 {
        if let Observed::Databases(seen) = observed {
            last.insert(seen.server.as_str(), (seen, *at));
        }
    }
    databases::look(setup, &last)
}

/// Looks at the kit and the key ring; says why the ring may go nowhere. Then it is not noted either: what comes later is compared
/// with the last one that was whole.
fn key_ring(setup: &Setup, reader: Option<&Reader>, seen: &mut Vec<Observed>) -> Result<Option<String>> {
    let Some(kit) = recovery::known_kit(&setup.places.config)? else { return Ok(None) };
    seen.push(Observed::Kit(kit));
    let ring = recovery::Contents::of(setup)?;
    let refused = reader.map(|reader| recovery::refusal(reader, &ring)).transpose()?.flatten();
    if refused.is_none() {
        seen.push(Observed::Ring(Ring { ring: ring.name(), repositories: ring.repositories() }));
    }
    Ok(refused)
}

/// Asks one location now what it is.
pub(crate) fn probe_now(setup: &Setup, name: &str) -> Option<Observed> {
    let spec =
        setup.estate.locations.iter().find(|(other, _)| other.as_ref() == name).map(|(_, spec)| spec)?;
    Some(Observed::Probe(probe(setup, name, &spec.address)))
}

/// Whether what was done at an instant is to be done again. One that lies ahead is what a clock leaves behind that was set
/// back.
fn is_due(last: Timestamp, every: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(last) >= every || last > now
}

impl Known {
    fn load(reader: Option<&Reader>) -> Result<Known> {
        let observations = reader.map(Reader::observations).transpose()?.unwrap_or_default();
        Ok(Known(observations.iter().filter_map(|one| Some((read(one)?, one.recorded_at))).collect()))
    }

    /// The last of the same kind about the same.
    fn last(&self, observed: &Observed) -> Option<&(Observed, Timestamp)> {
        self.0.iter().rev().find(|(known, _)| known.subject() == observed.subject())
    }
}

/// What was looked at, where this program knows the kind.
pub(crate) fn read(observation: &Observation) -> Option<Observed> {
    serde_json::from_value(observation.observation.body.clone()).ok()
}

/// The repositories whose key can be read.
fn keys(setup: &Setup) -> Keys {
    let repositories = setup.repositories().into_keys();
    Keys { repositories: repositories.filter(|name| matches!(setup.ring.get(name), Ok(Some(_)))).collect() }
}

fn audit(reader: &Reader) -> LogAudited {
    match reader.audit() {
        Ok(audit) => LogAudited { leaves: audit.head.leaves, root: audit.head.root, damage: None },
        Err(error) => LogAudited { leaves: 0, root: String::new(), damage: Some(error.to_string()) },
    }
}

/// Asks the locations of which nobody knows for a day what they are, all at once.
fn probes(setup: &Setup, known: &Known, now: Timestamp) -> Vec<Probe> {
    let is_asked = |name: &str, address: &Address| {
        let last = known.0.iter().rev().find_map(|(observed, at)| match observed {
            Observed::Probe(probe) if probe.location == name => Some((probe, *at)),
            _ => None,
        });
        last.is_none_or(|(probe, at)| {
            let every = if probe.failure.is_some() { AGAIN_AFTER } else { DAY };
            probe.place != inventory::place(address) || is_due(at, every, now)
        })
    };
    let asked = setup.estate.locations.iter().map(|(name, spec)| (name.as_ref(), &spec.address));
    let asked: Vec<(&str, &Address)> = asked.filter(|(name, address)| is_asked(name, address)).collect();
    std::thread::scope(|scope| {
        let ask = |(name, address)| scope.spawn(move || probe(setup, name, address));
        let asking: Vec<_> = asked.into_iter().map(ask).collect();
        asking.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

fn probe(setup: &Setup, name: &str, address: &Address) -> Probe {
    let identity = setup
        .location_as_it_is(name)
        .and_then(|location| location.identity().map_err(|error| Error::not_done(error.to_string())));
    let mut probe = Probe {
        location: name.to_owned(),
        place: inventory::place(address),
        failure: None,
        description: String::new(),
        fingerprint: None,
        device: None,
        machine: None,
        marker: None,
        is_here: None,
        here_because: String::new(),
    };
    match identity {
        Ok(identity) => {
            (probe.is_here, probe.here_because) = here(setup, address, &identity);
            probe.machine = identity.machine.as_deref().map(mark);
            probe.description = identity.description;
            probe.fingerprint = Some(identity.fingerprint);
            probe.device = identity.device;
            probe.marker = identity.marker;
        }
        // What to do about it is told by `location test`.
        Err(error) => probe.failure = error.message.split(". ").next().map(str::to_owned),
    }
    probe
}

/// Whether a place lies on this machine, and by what that shows.
fn here(setup: &Setup, address: &Address, identity: &Identity) -> (Option<bool>, String) {
    if address.local_path().is_some() {
        return (Some(true), "it is a folder of this machine".to_owned());
    }
    let environment = &setup.world.environment;
    if let Some(host) = inventory::host(address)
        && (is_loopback(&host) || host.eq_ignore_ascii_case(environment.hostname()))
    {
        return (Some(true), format!("its address is {host}"));
    }
    let shown = identity.device.as_deref().and_then(|device| device.strip_prefix("ssh "));
    if shown.is_some_and(|shown| own_host_keys(Path::new("/etc/ssh")).contains(shown)) {
        return (Some(true), "it shows the SSH host key of this machine".to_owned());
    }
    match (identity.machine.as_deref(), environment.machine_id()) {
        (Some(theirs), Some(ours)) if theirs == ours => {
            (Some(true), "it has the machine id of this machine".to_owned())
        }
        (Some(theirs), Some(_)) => (Some(false), format!("its machine id is another, {}", mark(theirs))),
        (Some(_), None) => (None, "this machine has no machine id to compare with".to_owned()),
        (None, _) => (None, "it does not show which machine it is on".to_owned()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A mark that tells machines apart and tells nothing about them.
fn mark(machine_id: &str) -> String {
    Id::of(machine_id.as_bytes()).to_hex()[..12].to_owned()
}

/// The fingerprints of the SSH host keys of this machine, as `SHA256:…`.
fn own_host_keys(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = crate::folder::entries(folder) else { return BTreeSet::new() };
    let is_public = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("ssh_host_") && name.ends_with(".pub")
    };
    let fingerprint = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        let key = STANDARD.decode(text.split_whitespace().nth(1)?).ok()?;
        Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Id::of(&key).0)))
    };
    entries.iter().filter(|path| is_public(path)).filter_map(|path| fingerprint(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_keys_of_this_machine_have_the_fingerprints_that_openssh_prints() {
        let folder = tempfile::tempdir().unwrap();
        // `ssh-keygen -lf` prints the second for the first.
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github\n";
        std::fs::write(folder.path().join("ssh_host_ed25519_key.pub"), key).unwrap();
        std::fs::write(folder.path().join("ssh_host_rsa_key"), "no public key").unwrap();
        let known = own_host_keys(folder.path());
        assert_eq!(known, BTreeSet::from(["SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU".to_owned()]));
        assert!(own_host_keys(&folder.path().join("none")).is_empty());
    }

    #[test]
    fn this_machine_is_known_under_its_loopback_names() {
        for here in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["nas1.example", "10.0.0.7", "128.0.0.1"] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
