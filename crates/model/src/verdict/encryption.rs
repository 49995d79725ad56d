//! Whether what travels and what lies is encrypted, and whether it can be decrypted.

use super::facts::latest;
use super::observed::Transport;
use super::rows::Finding;
use super::{Evidence, Look, Row, Verdict, hours, minute};

/// So old may a connection be that shows how a location is reached.
pub(super) const PROBE_FRESH_HOURS: i64 = 48;
/// So old may the last opened seals be: within so many days everything is read again.
const SEALS_FRESH_HOURS: i64 = 30 * 24;

/// ENC-01.
pub(super) fn transit(look: &Look<'_>) -> Finding {
    let rows = look.places.iter().map(|(name, place)| {
        let row = |verdict, why: &str| Row::new(name, verdict, why);
        let how = match place.declared.transport {
            Transport::Folder => {
                return row(Verdict::NotApplicable, "a folder of this machine: nothing travels");
            }
            Transport::Plain => {
                return row(Verdict::Fail, "it is reached in the clear").next("use an address with https");
            }
            Transport::Ssh => "SSH, and its host key is the one that was agreed on",
            Transport::Tls => "TLS, and its certificate was verified",
        };
        let Some(probe) = &place.probe else {
            let why = match &place.failure {
                Some(failure) => format!("configured, not proven: no connection came about ({failure})"),
                None => "configured, not proven: no connection was written down".to_owned(),
            };
            return row(Verdict::NoEvidence, &why).next(format!("`holdfast location test {name}`"));
        };
        let row = if look.is_fresh(probe.recorded, hours(PROBE_FRESH_HOURS)) {
            row(Verdict::Pass, &format!("reached by {how}"))
        } else {
            row(Verdict::Stale, &format!("last reached {} by {how}", minute(probe.recorded)))
                .next(format!("`holdfast location test {name}`"))
        };
        row.by(Evidence::leaf(probe.leaf), probe.recorded)
    });
    Finding::of_rows(rows.collect(), "locations", "every connection was encrypted", no_location())
}

/// ENC-02.
pub(super) fn at_rest(look: &Look<'_>) -> Finding {
    let mut rows = Vec::new();
    for (repository, location) in look.copies_of_repositories() {
        let row = |verdict, why: String| Row::new(format!("{repository} at {location}"), verdict, why);
        let foreign = latest(&look.facts.walks, look.now, |walk| walk.place == location);
        let foreign =
            foreign.filter(|walk| walk.what.findings.iter().any(|found| found.starts_with("foreign")));
        if let Some(walk) = foreign {
            rows.push(
                row(Verdict::Fail, "files lie there that are not ours, and may be in the clear".to_owned())
                    .next("`holdfast purge --audit` names them")
                    .by(Evidence::leaf(walk.leaf), walk.recorded),
            );
            continue;
        }
        let opened = look.reading(repository, location).and_then(|change| Some((change, change.opened?)));
        let Some((change, (at, bytes))) = opened else {
            rows.push(
                row(
                    Verdict::NoEvidence,
                    "configured, not proven: no stored byte was read there yet".to_owned(),
                )
                .next("`holdfast verify --read-data`"),
            );
            continue;
        };
        let why = format!("{bytes} bytes were read there {} and opened by their AES-256 seals", minute(at));
        let row = if look.is_fresh(at, hours(SEALS_FRESH_HOURS)) {
            row(Verdict::Pass, why)
        } else {
            row(Verdict::Stale, why).next("`holdfast verify --read-data`")
        };
        rows.push(row.by(Evidence::leaf(change.leaf), at));
    }
    Finding::of_rows(rows, "copies of repositories", "what was read is ciphertext", no_location())
}

fn no_location() -> Finding {
    Finding::no_evidence("estate.toml names no location").next("declare [locations] in estate.toml")
}

impl Look<'_> {
    /// Every repository that the inventory implies.
    pub(super) fn repositories(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.inventory.assets.values().map(|asset| asset.repository.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every repository of what can be backed up, at every location.
    pub(super) fn copies_of_repositories(&self) -> Vec<(&str, &str)> {
        let mut names: Vec<&str> = self.scheduled().map(|part| part.repository).collect();
        names.sort_unstable();
        names.dedup();
        let locations = || self.inventory.locations.keys().map(String::as_str);
        names.into_iter().flat_map(|name| locations().map(move |location| (name, location))).collect()
    }

    /// What was read of a repository at a location.
    pub(super) fn reading(&self, repository: &str, location: &str) -> Option<&super::ReadingChange> {
        let is_it =
            |reading: &&super::Reading| reading.repository == repository && reading.location == location;
        self.facts.readings.iter().find(is_it)?.at(self.now)
    }
}
