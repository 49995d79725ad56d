//! Files and folders of a point back into the asset's own folder.
//!
//! The site is in use, and whoever asks has lost one thing and not everything. So the plan is shown first, a point of what is
//! there now is made before anything is replaced, and nothing outside of the asset's own folder is touched: not through a
//! symlink that its owner made, and not in the folder of another client that lies within.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{ActionKind, NewAction};
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_repo::{InPlace, InPlacePlan, Index, Progress, RestoreRequest, Restored, Trouble, Troubles};
use jiff::Timestamp;
use serde::Serialize;

use super::selection::{Look, Selection};
use super::{beside, components, ending_of};
use crate::action;
use crate::backup::{self, How};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::part;
use crate::points::{Found, Which, find, pick, root_in, root_of};
use crate::setup::Setup;
use crate::validate::resolved;

/// So many files of each kind are named in a plan.
const NAMED_MAX: usize = 200;

/// What goes back into its own place.
#[derive(Clone, Debug, Default)]
pub struct InPlaceWish {
    /// The asset.
    pub asset: String,
    /// The part of it; of an asset that has several, one must be named, or the point.
    pub dataset: Option<Dataset>,
    /// The point.
    pub which: Which,
    /// Only from this location.
    pub location: Option<String>,
    /// Only what matches one of these.
    pub include: Vec<String>,
    /// Whether no point of what is there now is made before.
    pub is_unsafe: bool,
    /// What for, as the log shall have it.
    pub purpose: Option<String>,
}

/// What would be done.
#[derive(Debug, Serialize)]
pub struct InPlaceReportPlan {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// The asset's folder.
    pub path: PathBuf,
    /// Whether a point of what is there now is made first.
    pub makes_safety_point: bool,
    /// What the point holds besides, by its absolute paths; it stays as it is.
    pub left_out: Vec<String>,
    /// What changes.
    pub changes: InPlacePlan,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
}

/// What a restore in place did.
#[derive(Debug, Serialize)]
pub struct InPlaceReport {
    /// What was planned.
    pub plan: InPlaceReportPlan,
    /// The point of what was there before; none where nothing was there, or none was asked for.
    pub safety_point: Option<String>,
    /// What was written.
    pub restored: Restored,
    /// Seconds it took.
    pub seconds: f64,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// Looks at point and folder, and changes nothing.
///
/// # Errors
/// When it cannot be done as asked.
pub fn plan(setup: &Setup, wish: &InPlaceWish) -> Result<InPlaceReportPlan> {
    let troubles = Troubles::default();
    let opened = Opened::find(setup, wish, &troubles)?;
    let entry = opened.action(setup, wish, ActionKind::Ls)?;
    action::recorded(setup, entry, || opened.plan(setup, wish, &troubles), |_| Ending::Done)
}

/// Restores. The caller holds the lock on the state.
///
/// # Errors
/// When it cannot be done, or ended early; asked for again, it goes on.
pub fn restore(
    setup: &Setup,
    wish: &InPlaceWish,
    progress: &Progress,
    tell: &mut dyn FnMut(&str),
) -> Result<InPlaceReport> {
    let troubles = Troubles::default();
    let start = setup.world.clock.monotonic();
    let opened = Opened::find(setup, wish, &troubles)?;
    let entry = opened.action(setup, wish, ActionKind::Restore)?;
    let work = || {
        let plan = opened.plan(setup, wish, &troubles)?;
        let safety_point = match plan.makes_safety_point {
            false => None,
            true => Some(opened.safety_point(setup, tell)?.to_hex()),
        };
        let restored = opened
            .with(setup, wish, |in_place| Ok(in_place.carry_out(&troubles, progress, &setup.cancel())?))?;
        Ok(InPlaceReport {
            plan,
            safety_point,
            restored,
            seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
            troubles: troubles.list(),
            ending: ending_of(&troubles),
        })
    };
    action::recorded(setup, entry, work, |report| report.ending)
}

/// A point, and the folder that it goes back into.
struct Opened<'s> {
    asset: &'s Asset,
    path: &'s Path,
    dataset: Dataset,
    found: Found,
    index: Index,
    id: Id,
    snapshot: Snapshot,
    root: Vec<Vec<u8>>,
}

impl<'s> Opened<'s> {
    fn find(setup: &'s Setup, wish: &InPlaceWish, troubles: &Troubles) -> Result<Opened<'s>> {
        Selection::new(&wish.include)?;
        let asset = setup.asset(&wish.asset)?;
        let named = match (&wish.which, wish.dataset) {
            (Which::Id(_), None) => None,
            (_, named) => Some(part::meant(asset, named)?),
        };
        let found = find(setup, (&wish.asset, named), wish.location.as_deref(), troubles)?;
        let (id, snapshot) = pick(setup, &wish.asset, &found, &wish.which, troubles)?;
        let (id, snapshot) = (*id, snapshot.clone());
        let dataset = named.unwrap_or_else(|| part::dataset_of(asset.class(), None, Some(&snapshot)));
        let path = root_of(asset).filter(|_| dataset != Dataset::Database).ok_or_else(|| {
            Error::usage(format!(
                "the part {dataset} of {} has no folder that it could go back into",
                wish.asset
            ))
            .hint("--database NAME loads a database into its server")
        })?;
        let index = found.repository.load_index(&found.catalog, troubles).index;
        let root = components(&root_in(asset, &snapshot));
        Ok(Opened { asset, path, dataset, found, index, id, snapshot, root })
    }

    fn plan(&self, setup: &Setup, wish: &InPlaceWish, troubles: &Troubles) -> Result<InPlaceReportPlan> {
        let selection = Selection::new(&wish.include)?;
        if !wish.include.is_empty() {
            let look =
                Look { found: &self.found, snapshot: &self.snapshot, index: &self.index, root: &self.root };
            look.require_match(&wish.asset, &selection)?;
        }
        let changes =
            self.with(setup, wish, |in_place| Ok(in_place.plan(troubles, &setup.cancel(), NAMED_MAX)?))?;
        Ok(InPlaceReportPlan {
            asset: wish.asset.clone(),
            point: self.id.to_hex(),
            time: self.snapshot.time,
            path: self.path.to_owned(),
            // Of a folder that is not there nothing can be made.
            makes_safety_point: !wish.is_unsafe && self.path.symlink_metadata().is_ok(),
            left_out: beside(&self.snapshot),
            changes,
            troubles: troubles.list(),
        })
    }

    /// Has it done, and refuses what reaches into the folder of another asset.
    fn with<T>(
        &self,
        setup: &Setup,
        wish: &InPlaceWish,
        work: impl FnOnce(&InPlace<'_>) -> Result<T>,
    ) -> Result<T> {
        let selection = Selection::new(&wish.include)?;
        let is_everything = wish.include.is_empty();
        let foreign = self.foreign(setup);
        let reached: Vec<AtomicBool> = foreign.iter().map(|_| AtomicBool::default()).collect();
        let select = |path: &[u8], _is_directory: bool| {
            if !is_everything && !selection.holds(path) {
                return false;
            }
            let of_another = foreign.iter().position(|(folder, _)| is_within(path, folder));
            if let Some(other) = of_another {
                reached[other].store(true, Ordering::Relaxed);
            }
            of_another.is_none()
        };
        let enter = |path: &[u8]| is_everything || selection.may_hold_below(path);
        // Without a selection the folder itself is given back its owner and mode, too.
        let is_bounded = !is_everything || !foreign.is_empty();
        let in_place = InPlace {
            repository: &self.found.repository,
            request: RestoreRequest {
                snapshot: &self.snapshot,
                root: &self.root,
                target: self.path,
                include: is_bounded.then_some(&select as _),
                enter: is_bounded.then_some(&enter as _),
                overwrite: true,
                from: &self.found.catalog.mirrors,
            },
            index: &self.index,
        };
        let done = work(&in_place)?;
        let reached = reached.iter().zip(&foreign).find(|(reached, _)| reached.load(Ordering::Relaxed));
        match reached {
            None => Ok(done),
            Some((_, (folder, other))) => Err(Error::usage(format!(
                "the point holds {}, which is the folder of {other}: nothing of another asset is restored in place",
                String::from_utf8_lossy(folder)
            ))
            .hint("name with --include what is to come back, or restore into a folder of its own with --to")),
        }
    }

    /// Folders of other assets within this one's, by their paths below it.
    fn foreign(&self, setup: &Setup) -> Vec<(Vec<u8>, String)> {
        use std::os::unix::ffi::OsStrExt;
        let own = resolved(self.path);
        let others = setup.estate.assets.values().chain(setup.estate.vanished.values());
        let others = others.filter(|other| {
            other.name != self.asset.name && repository_name(other) != repository_name(self.asset)
        });
        let within = others.filter_map(|other| {
            let folder = resolved(root_of(other)?);
            let below = folder.strip_prefix(&own).ok()?.as_os_str().as_bytes().to_vec();
            Some((below, other.name.to_string()))
        });
        within.collect()
    }

    fn safety_point(&self, setup: &Setup, tell: &mut dyn FnMut(&str)) -> Result<Id> {
        const HINT: &str = "nothing was changed; --no-safety-point restores without one";
        tell("making a point of what is there now");
        let how = How { before_restore: true, ..How::default() };
        let part = (self.asset.name.as_ref(), self.dataset);
        let report = backup::backup(setup, part, how, &Progress::default())?;
        report.point.as_deref().and_then(Id::from_hex).ok_or_else(|| {
            let why = report.error.unwrap_or_else(|| "nobody knows why".to_owned());
            Error::not_done(format!("no point of what is there now could be made: {why}")).hint(HINT)
        })
    }

    fn action(&self, setup: &Setup, wish: &InPlaceWish, kind: ActionKind) -> Result<NewAction> {
        Ok(NewAction {
            asset: Some(wish.asset.clone()),
            repository: Some(repository_name(self.asset).to_string()),
            location: wish.location.clone(),
            point: Some(self.id.to_hex()),
            paths: wish.include.clone(),
            target: Some(format!("{} (in place)", self.path.display())),
            ..action::by_us(setup, kind, wish.purpose.as_deref())
        })
    }
}

/// Whether a path is a folder or lies in it. The empty one holds everything.
fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
