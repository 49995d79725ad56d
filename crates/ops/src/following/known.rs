//! What the ledger says of an asset's dumps and of the log between them.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{PointCopy, RecordedLog};
use holdfast_model::Dataset;
use holdfast_model::following::{Dump, LogPoint};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// No log of a dump that is older is begun or ended.
const BACK: SignedDuration = SignedDuration::from_hours(3 * 24);
/// A dump that some location still lacks after so long is gone on from all the same: the log of the one before grows, and its
/// server does not keep it for ever.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What there is.
pub(super) struct Known {
    /// Dumps, oldest first.
    pub(super) dumps: Vec<Dump>,
    pub(super) logs: Vec<LogPoint>,
    /// By dump: where the newest point of its log ends.
    pub(super) ends: BTreeMap<String, RecordedLog>,
}

impl Known {
    pub(super) fn load(setup: &Setup, asset: &str) -> Result<Known> {
        let mut known = Known { dumps: Vec::new(), logs: Vec::new(), ends: BTreeMap::new() };
        let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(known) };
        let now = setup.world.clock.now();
        let since = now.saturating_sub(BACK).unwrap_or(Timestamp::MIN);
        let mut dumps = reader.points_of_part(asset, Dataset::Database.as_str(), since)?;
        dumps.retain(|dump| !dump.point.is_undated);
        let logs = reader.logs_of(asset, since)?;
        let ids: Vec<&str> = dumps.iter().map(|dump| dump.point.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().chain(logs.iter().map(|(log, _)| log.point.as_str())).collect();
        let copies = reader.copies_of_all(&ids)?;
        let lying = |id: &str| lying_at(copies.get(id));
        let wanted = wanted(setup);
        for dump in &dumps {
            let at = lying(&dump.point.id);
            let is_late = now.duration_since(dump.recorded_at) > PATIENCE;
            known.dumps.push(Dump {
                is_good: places(setup, &at) >= wanted || (is_late && !at.is_empty()),
                instant: dump.point.instant,
                id: dump.point.id.clone(),
            });
        }
        for (log, until) in logs {
            let at = lying(&log.point);
            let is_good = log.checked_at.iter().any(|location| at.contains(location.as_str()));
            known.logs.push(LogPoint { base: log.base.clone(), until, is_good });
            if is_good {
                known.ends.insert(log.base.clone(), log);
            }
        }
        Ok(known)
    }
}

fn lying_at(copies: Option<&Vec<PointCopy>>) -> BTreeSet<&str> {
    let lying = copies.into_iter().flatten().filter(|copy| copy.removed_at.is_none());
    lying.map(|copy| copy.location.as_str()).collect()
}

/// At how many places of their own these locations are, as declared.
fn places(setup: &Setup, at: &BTreeSet<&str>) -> usize {
    let places = at.iter().filter_map(|name| setup.estate.locations.get(*name));
    places.map(|location| (&location.host, &location.site)).collect::<BTreeSet<_>>().len()
}

/// At how many places a dump has to lie; of fewer locations than that, at all of them.
fn wanted(setup: &Setup) -> usize {
    let all = setup.estate.locations.keys().map(AsRef::as_ref).collect();
    places(setup, &all).min(setup.policy.storage.copies.value.locations_min as usize).max(1)
}

/// The points of an asset's log that hold everything until the next dump, with the instants of their dumps: for these the same
/// is promised as for the dumps. All others are replaced within a minute.
pub(crate) fn closing(setup: &Setup, asset: &str) -> Result<Vec<(String, Timestamp)>> {
    let known = Known::load(setup, asset)?;
    let newest = known.dumps.last().map(|dump| dump.id.clone());
    let of_dump = |dump: &Dump| Some((known.ends.get(&dump.id)?.point.clone(), dump.instant));
    let earlier = known.dumps.iter().filter(|dump| Some(&dump.id) != newest.as_ref());
    Ok(earlier.filter_map(of_dump).collect())
}
