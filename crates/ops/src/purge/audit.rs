//! What is still present that should be gone, measured by walking storage: every object of every location, and this
//! machine's caches.
//!
//! A catalogue that says "purged" proves that somebody wrote so. So points are opened where they lie and judged by what
//! stands in them, packs by whether a point reaches them there, and what a listing hides (older versions, unfinished
//! uploads, foreign files) is looked for as well. What could not be looked at is no evidence, and never clean. How long
//! anything may stay is what the versions in force say, as for a purge: an edited file would make old data look young.

mod here;
mod lies;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_location::{Area, Key, Walk, What, is_reserved};
use holdfast_model::retention::RetentionRule;
use holdfast_model::{Class, Dataset};
use holdfast_repo::{StillLocked, Troubles};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::lies::Sorted;
use super::decide;
use crate::clock_reading;
use crate::ending::Ending;
use crate::error::Result;
use crate::known_points;
use crate::object_lock::LockedSum;
use crate::part;
use crate::points;
use crate::setup::Setup;
use crate::verdicts;

/// What an audit found.
#[derive(Debug, Serialize)]
pub struct AuditReport {
    /// When it began.
    pub time: Timestamp,
    /// By location; the last is this machine's state folder.
    pub places: Vec<PlaceAudit>,
    /// Why it could not be written down as evidence: another process has the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// What was found at one place.
#[derive(Debug, Default, Serialize)]
pub struct PlaceAudit {
    /// The location; `state` for this machine's state folder.
    pub place: String,
    /// `clean`, `found` or `NO_EVIDENCE`.
    pub verdict: &'static str,
    /// Why there is no evidence.
    pub reasons: Vec<String>,
    /// Things that were looked at.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What should not be there.
    pub findings: Vec<Finding>,
    /// Points past their age that stay, and why.
    pub exempt: Vec<ExemptPoint>,
    /// Deleted objects that an object lock keeps, and until when.
    pub locked: Option<LockedSum>,
    /// What should be gone soon: its grace is not over.
    pub within_grace: Sum,
    /// What this kind of place has no way to show.
    pub cannot_tell: Vec<String>,
}

/// Objects and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Objects.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Something of one kind that should not be there.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `point`, `unreachable`, `version`, `delete-marker`, `upload`, `temporary`, `foreign`, `lock`, `no-key`, `cache` or
    /// `spool`.
    pub kind: &'static str,
    /// The repository, where it lies in one.
    pub repository: Option<String>,
    /// How much.
    #[serde(flatten)]
    pub sum: Sum,
    /// How old the oldest is, where that is known: the instant of a point, or when a file was changed.
    pub since: Option<Timestamp>,
    /// One of them.
    pub example: String,
    /// What it is, for people.
    pub why: String,
}

/// A point that stays although it is past its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExemptPoint {
    /// The repository.
    pub repository: String,
    /// The point.
    pub point: String,
    /// Why.
    pub reason: String,
}

/// Walks every location and this machine, and writes down what was found.
pub fn audit(setup: &Setup) -> Result<AuditReport> {
    let now = setup.world.clock.now();
    let promised = decide::Promised::load(setup);
    let rules = Rules::of(setup, &promised);
    let look = Look { setup, now, rules: &rules, reprieves: &reprieves(setup, &promised) };
    let mut places = Vec::new();
    let mut listed: BTreeMap<String, BTreeSet<(Area, Id)>> = BTreeMap::new();
    for name in setup.location_names() {
        let mut place = PlaceAudit { place: name.to_owned(), ..PlaceAudit::default() };
        match setup.walk_location(name) {
            Ok(walk) => look.at(&mut place, walk, &mut listed),
            Err(error) => place.reasons.push(error.message),
        }
        places.push(place);
    }
    let is_everything_listed = places.iter().all(|place| place.reasons.is_empty());
    places.iter_mut().for_each(|place| place.reasons.extend(rules.unknown.clone()));
    places.push(here::look(setup, &listed, is_everything_listed));
    let mut ending = Ending::Done;
    for place in &mut places {
        place.verdict = match (place.findings.is_empty(), place.reasons.is_empty()) {
            (false, _) => "found",
            (true, false) => "NO_EVIDENCE",
            (true, true) => "clean",
        };
        if place.verdict != "clean" {
            ending = Ending::Attention;
        }
    }
    let mut report = AuditReport { time: now, places, unrecorded: None, ending };
    report.unrecorded = verdicts::walks::keep(setup, &report).err().map(|error| error.message);
    Ok(report)
}

/// By repository: points that retention itself lets stay, with the reason, or why that could not be decided.
type Reprieves = BTreeMap<String, std::result::Result<BTreeMap<String, String>, String>>;

fn reprieves(setup: &Setup, promised: &Result<decide::Promised>) -> Reprieves {
    let mut names: BTreeSet<String> = setup.repositories().into_keys().collect();
    // What a client left behind, too. A ring that cannot be read is told with each repository.
    names.extend(setup.ring.repositories().unwrap_or_default());
    let decided = names.into_iter().map(|name| {
        let reprieves = reprieves_in(setup, promised, &name).map_err(|error| error.message);
        (name, reprieves)
    });
    decided.collect()
}

fn reprieves_in(
    setup: &Setup,
    promised: &Result<decide::Promised>,
    name: &str,
) -> Result<BTreeMap<String, String>> {
    let clock = clock_reading::evidence(setup)?;
    let troubles = Troubles::default();
    let found = points::look(setup.open(name, None)?, &troubles)?;
    let mut known = known_points::load(&setup.places.state, name)?.unwrap_or_default();
    let given = decide::Given { setup, found: &found, clock: &clock, promised, monitor: &troubles };
    let mut decisions = Vec::new();
    given.decide(name, &mut known, &mut decisions)?;
    // A foreign one may claim to be old and be seen since yesterday.
    let stay = decisions.into_iter().filter(|decision| decision.verdict != "expire");
    Ok(stay.map(|decision| (decision.point, decision.reason)).collect())
}

/// The look at one place.
struct Look<'a> {
    setup: &'a Setup,
    now: Timestamp,
    rules: &'a Rules,
    reprieves: &'a Reprieves,
}

impl Look<'_> {
    fn at(&self, place: &mut PlaceAudit, walk: Walk, listed: &mut BTreeMap<String, BTreeSet<(Area, Id)>>) {
        place.cannot_tell.clone_from(&walk.cannot_tell);
        place.reasons.extend(walk.refused.iter().cloned());
        let walk = self.without_locked(place, walk);
        let sorted = Sorted::of(walk, place, self.now, self.rules.widest.grace());
        for (repository, objects) in &sorted.repositories {
            listed.entry(repository.clone()).or_default().extend(objects.keys().copied());
            if let Err(error) = self.repository(place, repository, &sorted) {
                place.reasons.push(format!("{repository}: {}", error.message));
            }
        }
    }

    /// Sets apart the older versions that are locked, with the delete markers over them. The location is asked about each.
    fn without_locked(&self, place: &mut PlaceAudit, mut walk: Walk) -> Walk {
        let Ok(location) = self.setup.location(&place.place) else { return walk };
        if !location.retains() {
            return walk;
        }
        // We never lock anything for longer than the policy lets it stay; a day for clocks that differ.
        let longest = SignedDuration::from_hours((i64::from(self.rules.days_max) + 1) * 24);
        let longest = self.now.saturating_add(longest).unwrap_or(Timestamp::MAX);
        let mut locked = Vec::new();
        walk.lying.retain(|lying| {
            if lying.what != What::Version
                || Key::at(&lying.path).is_none_or(|key| is_reserved(&key.repository))
            {
                return true;
            }
            let until = location.retained_until(&lying.path, lying.version.as_deref()).ok().flatten();
            let Some(until) = until.filter(|until| *until > self.now) else { return true };
            if until > longest {
                let why = format!("what was deleted is locked until {until}, longer than anything may stay");
                let repository = Key::at(&lying.path).map(|key| key.repository);
                let example = lying.path.clone();
                place.find("lock", repository.as_deref(), lying.bytes, lying.modified, example, &why);
            }
            locked.push(StillLocked { lying: lying.clone(), until });
            false
        });
        let paths: BTreeSet<&str> = locked.iter().map(|one| one.lying.path.as_str()).collect();
        walk.lying.retain(|lying| lying.what != What::DeleteMarker || !paths.contains(lying.path.as_str()));
        place.locked = LockedSum::of(&locked);
        walk
    }

    fn repository(&self, place: &mut PlaceAudit, repository: &str, sorted: &Sorted) -> Result<()> {
        let objects = &sorted.repositories[repository];
        if self.setup.ring.get(repository)?.is_none() {
            for ((area, id), (bytes, modified)) in objects {
                let example = format!("{repository}/{}/{id}", area.folder());
                let why = "no key of the ring opens this repository, and no retention reaches it";
                place.find("no-key", Some(repository), *bytes, *modified, example, why);
            }
            return Ok(());
        }
        let opened = self.setup.open(repository, Some(&place.place))?;
        let cancel = self.setup.cancel();
        let mut judged = Vec::new();
        let mut is_alive = |id: &Id, snapshot: &Snapshot| {
            let judgement = self.judge(repository, id, snapshot);
            let is_alive = !matches!(judgement, Judgement::Overdue(_));
            judged.push((*id, snapshot.time, judgement));
            is_alive
        };
        let reach = opened.reach(&place.place, &mut is_alive, &cancel)?;
        let size = |area, id: &Id| objects.get(&(area, *id)).copied().unwrap_or_default();
        for (id, time, judgement) in judged {
            let (bytes, _) = size(Area::Snapshots, &id);
            match judgement {
                Judgement::Within => {}
                Judgement::Grace => place.within_grace.add(bytes),
                Judgement::Exempt(reason) => {
                    let (repository, point) = (repository.to_owned(), id.to_hex());
                    place.exempt.push(ExemptPoint { repository, point, reason });
                }
                Judgement::Overdue(why) => {
                    let example = format!("{repository}/snapshots/{id}");
                    place.find("point", Some(repository), bytes, Some(time), example, &why);
                }
            }
        }
        for (id, reason) in reach.unreadable {
            place.reasons.push(format!("the point {id} of {repository} does not open: {reason}"));
        }
        for (id, dead) in reach.dead {
            let (_, modified) = size(Area::Data, &id);
            if modified.is_some_and(|modified| self.now.duration_since(modified) <= self.rules.widest.grace())
            {
                place.within_grace.add(dead.bytes);
                continue;
            }
            let example = format!("{repository}/data/{id}");
            let why = if dead.is_whole {
                "data that no point reaches"
            } else {
                "data that no point reaches, among others'"
            };
            place.find("unreachable", Some(repository), dead.bytes, modified, example, why);
        }
        Ok(())
    }

    /// By what stands in the point itself.
    fn judge(&self, repository: &str, id: &Id, snapshot: &Snapshot) -> Judgement {
        let owner = self
            .setup
            .estate
            .assets
            .iter()
            .find(|(name, asset)| points::belongs(name.as_ref(), asset, snapshot));
        let rule = owner.and_then(|(_, asset)| {
            let class = asset.class();
            self.rules.of.get(&(class, part::dataset_of(class, None, Some(snapshot)).ruled_by())).copied()
        });
        let rule = rule.unwrap_or(self.rules.widest);
        let age = self.now.duration_since(snapshot.time);
        if age <= rule.max() {
            return Judgement::Within;
        }
        let reprieves = self.reprieves.get(repository);
        if let Some(Ok(reprieves)) = reprieves
            && let Some(reason) = reprieves.get(&id.to_hex())
        {
            return Judgement::Exempt(reason.clone());
        }
        if age <= rule.max().saturating_add(rule.grace()) {
            return Judgement::Grace;
        }
        let days = age.as_hours() / 24;
        let (max, grace) = (rule.max_days, rule.grace.as_secs() / 3600);
        let whose = match owner {
            Some(_) => "",
            None => ", and no asset of the estate owns it: `holdfast purge --dry-run` says what to do",
        };
        let undecided = match reprieves {
            Some(Err(why)) => format!("; whether it is exempt is not known: {why}"),
            _ => String::new(),
        };
        Judgement::Overdue(format!(
            "{days} days old, past {max} days and {grace} hours of grace{whose}{undecided}"
        ))
    }
}

enum Judgement {
    Within,
    Grace,
    Exempt(String),
    Overdue(String),
}

/// How long anything may stay.
struct Rules {
    of: BTreeMap<(Class, Dataset), RetentionRule>,
    /// The one that lets anything stay longest.
    widest: RetentionRule,
    /// The most that any version ever let stay, in days.
    days_max: u32,
    /// Why these are only what the file says.
    unknown: Option<String>,
}

impl Rules {
    fn of(setup: &Setup, promised: &Result<decide::Promised>) -> Rules {
        let in_force = promised.as_ref().map_or(&setup.policy, |promised| promised.in_force(setup));
        let rule = |(class, dataset)| {
            Some(((class, dataset), in_force.schedule_of(class, dataset)?.value.retention))
        };
        let of: BTreeMap<(Class, Dataset), RetentionRule> = Class::parts().filter_map(rule).collect();
        let none = RetentionRule { min_days: 0, max_days: 0, grace: std::time::Duration::ZERO };
        let unknown = promised.as_ref().err().map(|error| {
            format!("judged by policy.toml, because the versions in force cannot be read: {}", error.message)
        });
        let widest = of.values().copied().max_by_key(|rule| rule.max_days).unwrap_or(none);
        let days_max = promised.as_ref().map_or(widest.max_days, |promised| promised.days_max(setup));
        Rules { widest, days_max, of, unknown }
    }
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

impl PlaceAudit {
    /// Notes something that should not be there, with others of its kind.
    fn find(
        &mut self,
        kind: &'static str,
        repository: Option<&str>,
        bytes: u64,
        since: Option<Timestamp>,
        example: String,
        why: &str,
    ) {
        let same = |f: &&mut Finding| f.kind == kind && f.repository.as_deref() == repository;
        if let Some(finding) = self.findings.iter_mut().find(same) {
            finding.sum.add(bytes);
            if since.is_some_and(|since| finding.since.is_none_or(|oldest| since < oldest)) {
                (finding.since, finding.example, finding.why) = (since, example, why.to_owned());
            }
            return;
        }
        let (sum, repository) = (Sum { objects: 1, bytes }, repository.map(str::to_owned));
        self.findings.push(Finding { kind, repository, sum, since, example, why: why.to_owned() });
    }
}

#[cfg(test)]
mod tests;
