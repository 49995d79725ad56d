//! Restores an asset, or a part of it.

mod all;
pub mod database;
pub mod export;
pub mod in_place;
mod instant;
pub(crate) mod point_files;
mod selection;
mod target;
mod witness;

use std::path::{Path, PathBuf};

use holdfast_format::Snapshot;
use holdfast_model::Dataset;
use holdfast_repo::{
    self as repo, ErrorKind, Progress, RestoreRequest, Restored, Trouble, TroubleKind, Troubles,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::part;
use crate::points::{Found, Which, find, pick, root_in};
use crate::setup::Setup;

pub use self::all::{recovery_order, restore_one_of_all};
use self::selection::{Look, Selection};
use self::target::check_target;
use self::witness::Witness;

/// What to restore, and where to.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The asset.
    pub asset: String,
    /// The part of it; of an asset that has several, one must be named, or the point.
    pub dataset: Option<Dataset>,
    /// The folder.
    pub to: PathBuf,
    /// The point.
    pub which: Which,
    /// Only from this location.
    pub location: Option<String>,
    /// Only what matches one of these.
    pub include: Vec<String>,
    /// Everything in the point, each at its own absolute path below `to`: what lies elsewhere than in the asset's folder, too.
    pub whole: bool,
    /// Into a folder that is not empty.
    pub overwrite: bool,
    /// What for, as the log shall have it.
    pub purpose: Option<String>,
    /// Why it cannot wait for the log; absent where it is written there, as it should.
    pub break_glass: Option<String>,
}

/// What a restore did.
#[derive(Debug, Serialize)]
pub struct RestoreReport {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// Where it was restored to.
    pub to: PathBuf,
    /// What the point holds besides, by its absolute paths.
    pub left_out: Vec<String>,
    /// What was written.
    pub restored: Restored,
    /// Seconds it took.
    pub seconds: f64,
    /// The record of a restore that the log does not have yet.
    pub break_glass_record: Option<PathBuf>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// Restores. The log has it first, or else a record beside the target.
pub fn restore(setup: &Setup, wish: &Wish, progress: &Progress) -> Result<RestoreReport> {
    let troubles = Troubles::default();
    let start = setup.world.clock.monotonic();
    check_target(setup, &wish.to)?;
    Selection::new(&wish.include)?;
    let asset = setup.asset(&wish.asset)?;
    // Who names a point names its part.
    let dataset = match (&wish.which, wish.dataset) {
        (Which::Id(_), None) => None,
        (_, named) => Some(part::meant(asset, named)?),
    };
    let found = find(setup, (&wish.asset, dataset), wish.location.as_deref(), &troubles)?;
    let (id, snapshot) = pick(setup, &wish.asset, &found, &wish.which, &troubles)?;
    let witness = Witness::call(setup, wish, id, &troubles)?;
    let restored = carry_out(setup, wish, &found, snapshot, progress, &troubles);
    let ending = |_: &Restored| ending_of(&troubles);
    let (restored, break_glass_record) = witness.dismiss(restored, ending, &troubles)?;
    let is_red = if break_glass_record.is_some() { Ending::Attention } else { Ending::Done };
    Ok(RestoreReport {
        asset: wish.asset.clone(),
        point: id.to_hex(),
        time: snapshot.time,
        to: wish.to.clone(),
        left_out: if wish.whole { Vec::new() } else { beside(snapshot) },
        restored,
        seconds: (setup.world.clock.monotonic() - start).as_secs_f64(),
        break_glass_record,
        troubles: troubles.list(),
        ending: ending_of(&troubles).and(is_red),
    })
}

fn carry_out(
    setup: &Setup,
    wish: &Wish,
    found: &Found,
    snapshot: &Snapshot,
    progress: &Progress,
    troubles: &Troubles,
) -> Result<Restored> {
    let asset = setup.asset(&wish.asset)?;
    let selection = Selection::new(&wish.include)?;
    let select = |path: &[u8], _is_directory: bool| selection.holds(path);
    let enter = |path: &[u8]| selection.may_hold_below(path);
    let index = found.repository.load_index(&found.catalog, troubles).index;
    let root = if wish.whole { Vec::new() } else { components(&root_in(asset, snapshot)) };
    let request = RestoreRequest {
        snapshot,
        root: &root,
        target: &wish.to,
        include: (!wish.include.is_empty()).then_some(&select as _),
        enter: (!wish.include.is_empty()).then_some(&enter as _),
        overwrite: wish.overwrite,
        from: &found.catalog.mirrors,
    };
    if !wish.include.is_empty() {
        let look = Look { found, snapshot, index: &index, root: &root };
        look.require_match(&wish.asset, &selection)?;
    }
    found
        .repository
        .restore(&request, &index, troubles, progress, &setup.cancel())
        .map_err(|error| unfinished(error, wish))
}

/// What a point holds besides its asset's own folder, by absolute paths.
fn beside(snapshot: &Snapshot) -> Vec<String> {
    snapshot.paths.iter().skip(1).cloned().collect()
}

/// How a restore or a listing ended, by its trouble: damage that was met, even where another location had it whole;
/// something that could not be written.
pub(crate) fn ending_of(troubles: &Troubles) -> Ending {
    let met = |kind| troubles.count(kind) > 0;
    match (met(TroubleKind::Damage), met(TroubleKind::Target)) {
        (true, _) => Ending::Damage,
        (false, true) => Ending::Attention,
        (false, false) => Ending::Done,
    }
}

/// What broke off half-way can be continued.
fn unfinished(error: repo::Error, wish: &Wish) -> Error {
    let is_resumable = matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Unreachable | ErrorKind::Full);
    let error = Error::from(error);
    if !is_resumable || !wish.to.exists() {
        return error;
    }
    let hint =
        "run the same command again with --overwrite: it goes on and writes only what is not there yet";
    Error { hint: Some(hint.to_owned()), ..error }
}

/// The components of an absolute path.
pub fn components(path: &Path) -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    path.components()
        .filter_map(|c| match c {
            std::path::Component::Normal(name) => Some(name.as_bytes().to_vec()),
            _ => None,
        })
        .collect()
}
