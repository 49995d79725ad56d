//! Roots whose folders are assets by themselves: looked at, held against what was known, and written down.
//!
//! What is in a root changes without anybody telling us. A folder that is there for a moment, while somebody copies or renames
//! one, must enrol nothing, a root that cannot be read must not look like one that is empty, and what vanished must be missed
//! by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_ledger::Reader;
use holdfast_model::estate::{Discovery, Enrolment, Entry, EntryKind, Known, Listing, enrol};
use holdfast_model::verdict::{Discovered, Noted, Observed, Roots};
use holdfast_model::{Diagnostic, DiscoveryName, Estate};
use jiff::Timestamp;

use crate::error::Result;
use crate::journal;
use crate::setup::{Places, Setup};
use crate::validate::resolved;
use crate::verdicts;

/// How many assets that came go into one leaf of the ledger.
const CAME_AT_ONCE: usize = 1000;

/// Looks at every root and puts what is there into the estate, which has nothing of it yet. `file` and `text` are those that
/// the estate was read from.
pub(crate) fn find(
    estate: &mut Estate,
    places: &Places,
    known: &BTreeMap<String, Known>,
    (file, text): (&str, &str),
) -> Vec<Diagnostic> {
    let listings = list(estate);
    put(estate, places, &listings, known, (file, text))
}

fn put(
    estate: &mut Estate,
    places: &Places,
    listings: &BTreeMap<DiscoveryName, Listing>,
    known: &BTreeMap<String, Known>,
    (file, text): (&str, &str),
) -> Vec<Diagnostic> {
    if estate.discoveries.is_empty() {
        return Vec::new();
    }
    let mut apart: Vec<(PathBuf, String)> = vec![
        (resolved(&places.config), "the folder of the configuration".to_owned()),
        (resolved(&places.state), "the folder of the state".to_owned()),
    ];
    for (name, location) in &estate.locations {
        if let Some(path) = location.address.local_path() {
            apart.push((resolved(path), format!("the location {name}")));
        }
    }
    enrol(estate, listings, known, (&apart, &resolved), (file, text))
}

/// What is written down of every root. Without a ledger that can be read nothing is known.
pub(crate) fn known(state: &Path) -> BTreeMap<String, Known> {
    let reader = journal::reader_if_current(state).ok().flatten();
    reader.and_then(|reader| recorded(&reader).ok()).map(|noted| of(&noted)).unwrap_or_default()
}

fn recorded(reader: &Reader) -> Result<Vec<Noted<Discovered>>> {
    let read = |one: holdfast_ledger::Observation| match verdicts::stocktaking::read(&one) {
        Some(Observed::Discovered(what)) => Some(Noted { what, recorded: one.recorded_at, leaf: one.leaf }),
        _ => None,
    };
    Ok(reader.observations_of("discovered")?.into_iter().filter_map(read).collect())
}

fn of(noted: &[Noted<Discovered>]) -> BTreeMap<String, Known> {
    let mut roots = Roots::default();
    noted.iter().for_each(|one| roots.take(one));
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for (name, present) in &roots.present {
        known.entry(present.root.to_owned()).or_default().present.insert((*name).to_owned());
    }
    for (name, vanished) in &roots.vanished {
        known.entry(vanished.root.to_owned()).or_default().vanished.insert((*name).to_owned());
    }
    known
}

/// When assets were last seen to have vanished, whether or not they are there again.
pub(crate) fn missed(reader: &Reader) -> Result<BTreeMap<String, Timestamp>> {
    let noted = recorded(reader)?;
    let mut roots = Roots::default();
    noted.iter().for_each(|one| roots.take(one));
    Ok(roots.missed.into_iter().map(|(name, at)| (name.to_owned(), at)).collect())
}

/// What is to be written down: how the roots differ from what was, root by root.
pub(crate) fn news(setup: &Setup, reader: Option<&Reader>) -> Result<Vec<Observed>> {
    let noted = reader.map(recorded).transpose()?.unwrap_or_default();
    let was = of(&noted);
    let mut last: BTreeMap<&str, &Discovered> = BTreeMap::new();
    for one in &noted {
        last.insert(&one.what.root, &one.what);
    }
    let (nothing, unknown) = (Enrolment::default(), Known::default());
    let mut news = Vec::new();
    let names = setup.estate.enrolments.keys().map(DiscoveryName::as_str);
    let names: BTreeSet<&str> =
        names.chain(was.keys().map(String::as_str)).chain(last.keys().copied()).collect();
    for root in names {
        let known = was.get(root).unwrap_or(&unknown);
        let enrolment = setup.estate.enrolments.get(root);
        let now = enrolment.unwrap_or(&nothing);
        let mut found = Discovered {
            root: root.to_owned(),
            refused: now.refused.clone(),
            failure: now.failure.clone(),
            ..Discovered::default()
        };
        for name in known.present.union(&known.vanished) {
            // A root that somebody took out of the estate leaves nothing behind that is missed.
            if enrolment.is_none() || now.dropped.contains(name) {
                found.dropped.insert(name.clone());
            } else if known.present.contains(name) && now.vanished.contains(name.as_str()) {
                found.vanished.insert(name.clone());
            }
        }
        let came = now.assets.iter().filter(|name| !known.present.contains(name.as_str()));
        let mut came = came.filter_map(|name| {
            let asset = setup.estate.assets.get(name)?;
            Some((name.to_string(), verdicts::inventory::declared(asset)))
        });
        let is_told = |last: &Discovered| last.refused == found.refused && last.failure == found.failure;
        let mut is_new = !found.dropped.is_empty()
            || !found.vanished.is_empty()
            || !last
                .get(root)
                .map_or(found.refused.is_empty() && found.failure.is_none(), |last| is_told(last));
        loop {
            found.came = came.by_ref().take(CAME_AT_ONCE).collect();
            is_new |= !found.came.is_empty();
            if !std::mem::take(&mut is_new) {
                break;
            }
            news.push(Observed::Discovered(found.clone()));
            (found.vanished, found.dropped) = (BTreeSet::new(), BTreeSet::new());
        }
    }
    Ok(news)
}

/// Writes down what came and went, for whoever has the ledger.
///
/// # Errors
/// When it cannot be written.
pub fn note(setup: &Setup) -> Result<()> {
    if setup.estate.discoveries.is_empty() {
        return Ok(());
    }
    let ledger = setup.ledger()?;
    verdicts::observe(ledger, &news(setup, Some(ledger.read()))?, setup.world.clock.now())
}

fn list(estate: &Estate) -> BTreeMap<DiscoveryName, Listing> {
    let listed = |(name, discovery): (&DiscoveryName, &Discovery)| (name.clone(), entries(discovery));
    estate.discoveries.iter().map(listed).collect()
}

/// What lies in a root: complete, or an error.
fn entries(discovery: &Discovery) -> Listing {
    let listed = std::fs::read_dir(&discovery.root).and_then(|entries| {
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            let name = entry.file_name();
            // As the listing has it, where the file system says so: one system call less for each.
            let kind = entry.file_type()?;
            let kind = match (kind.is_dir(), kind.is_symlink()) {
                (true, _) => within(discovery, &name),
                (_, true) => EntryKind::Link(std::fs::canonicalize(entry.path()).ok()),
                _ => EntryKind::File,
            };
            Ok(Entry { name, kind })
        };
        entries.map(entry).collect::<io::Result<Vec<Entry>>>()
    });
    let mut entries = listed.map_err(|error| error.to_string())?;
    entries.sort();
    Ok(entries)
}

/// What a folder of the root is, by the one in it that the pattern asks for.
fn within(discovery: &Discovery, name: &OsStr) -> EntryKind {
    if discovery.below.is_none() {
        return EntryKind::Folder;
    }
    let path = discovery.folder(name);
    match std::fs::symlink_metadata(&path) {
        Ok(facts) if facts.is_symlink() => EntryKind::Link(std::fs::canonicalize(&path).ok()),
        Ok(facts) if !facts.is_dir() => EntryKind::Without,
        Err(error) if error.kind() == io::ErrorKind::NotFound => EntryKind::Without,
        // One that cannot be looked at is told by its first backup.
        _ => EntryKind::Folder,
    }
}

/// Looks at the roots again and again, for whoever works on.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    next: Duration,
    /// What the roots held when they were last looked at.
    seen: BTreeMap<DiscoveryName, Listing>,
    /// What would be new, and for how many looks already.
    fresh: Option<(BTreeMap<DiscoveryName, Enrolment>, u32)>,
}

/// What is new is looked at once more after so long.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);
/// A root that never comes to rest is taken as it is after so many looks.
const LOOKS_MAX: u32 = 10;

impl Watch {
    /// The estate with what is in the roots now, where that is something else and stays so for two looks.
    pub(crate) fn look(&mut self, setup: &Setup, now: Duration) -> Option<Estate> {
        let every = setup.estate.discoveries.values().map(|discovery| discovery.look_every).min()?;
        if now < self.next {
            return None;
        }
        self.next = now + every;
        let seen = list(&setup.estate);
        if seen == self.seen && self.fresh.is_none() {
            return None;
        }
        self.seen = seen;
        let known = setup.estate.enrolments.iter();
        let known = known.map(|(root, enrolment)| (root.to_string(), known_of(enrolment))).collect();
        let mut estate = setup.estate.without_discovered();
        put(&mut estate, &setup.places, &self.seen, &known, ("estate.toml", ""));
        let (was, is) = (essence(&setup.estate), essence(&estate));
        if was == is {
            self.fresh = None;
            return None;
        }
        let looks = self.fresh.as_ref().map_or(0, |(_, looks)| looks + 1);
        let is_settled = self.fresh.as_ref().is_some_and(|(fresh, _)| *fresh == is);
        if is_settled || looks >= LOOKS_MAX {
            self.fresh = None;
            return Some(estate);
        }
        self.fresh = Some((is, looks));
        self.next = now + CONFIRM_AFTER.min(every);
        None
    }
}

fn known_of(enrolment: &Enrolment) -> Known {
    let names = |names: &BTreeSet<holdfast_model::AssetName>| names.iter().map(ToString::to_string).collect();
    Known { present: names(&enrolment.assets), vanished: names(&enrolment.vanished) }
}

/// What matters of every root: files and hidden folders may come and go.
fn essence(estate: &Estate) -> BTreeMap<DiscoveryName, Enrolment> {
    let essence = |enrolment: &Enrolment| Enrolment {
        assets: enrolment.assets.clone(),
        vanished: enrolment.vanished.clone(),
        refused: enrolment.refused.clone(),
        failure: enrolment.failure.clone(),
        ..Enrolment::default()
    };
    estate.enrolments.iter().map(|(root, enrolment)| (root.clone(), essence(enrolment))).collect()
}

/// What came and went, for people.
pub(crate) fn said(was: &Estate, is: &Estate) -> Vec<String> {
    let mut said = Vec::new();
    let nothing = Enrolment::default();
    for (root, now) in &is.enrolments {
        let before = was.enrolments.get(root).unwrap_or(&nothing);
        let mut say = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                said.push(format!("discover.{root}: {what}: {}", names.join(", ")));
            }
        };
        say("new websites", now.assets.difference(&before.assets).map(ToString::to_string).collect());
        say("VANISHED", now.vanished.difference(&before.vanished).map(ToString::to_string).collect());
        let refused = now.refused.iter().filter(|(name, _)| !before.refused.contains_key(*name));
        say("NOT PROTECTED", refused.map(|(name, why)| format!("\"{name}\": {why}")).collect());
        if now.failure != before.failure {
            say("cannot be looked at", now.failure.iter().cloned().collect());
        }
    }
    said
}
