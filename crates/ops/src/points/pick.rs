//! Which point a command line means.
//!
//! The newest is what everybody restores who was hit. So it must be one that a run of ours recorded: whoever can write into
//! a repository could otherwise choose what comes back, by adding a snapshot of a later time.

use std::collections::BTreeSet;

use holdfast_format::{Id, Snapshot};
use holdfast_repo::{Monitor, Trouble, TroubleKind};
use jiff::Timestamp;

use super::Found;
use crate::backup::is_before_restore;
use crate::error::{Error, Result};
use crate::journal;
use crate::setup::Setup;

/// Which point a command line means.
#[derive(Clone, Debug, Default)]
pub enum Which {
    /// The newest.
    #[default]
    Latest,
    /// By the start of its id.
    Id(String),
    /// The newest that is not younger than this.
    At(Timestamp),
}

/// Picks a point. The newest is the newest of ours; only where none is ours, of all. One of what a restore was about to replace is
/// the newest only where there is no other, unless a time is named: a restore that is tried again must not bring back what it was to mend.
pub fn pick<'a>(
    setup: &Setup,
    asset: &str,
    found: &'a Found,
    which: &Which,
    monitor: &dyn Monitor,
) -> Result<&'a (Id, Snapshot)> {
    let hint = format!("`holdfast points {asset}` lists what there is");
    let picked = match which {
        Which::Latest => newest(setup, asset, found, &|snapshot| !is_before_restore(snapshot), monitor)
            .or_else(|| newest(setup, asset, found, &|_| true, monitor)),
        Which::At(time) => newest(setup, asset, found, &|snapshot| snapshot.time <= *time, monitor),
        Which::Id(prefix) => {
            let is_meant = |(id, _): &&(Id, Snapshot)| id.to_hex().starts_with(prefix.as_str());
            let mut matching = found.snapshots.iter().filter(is_meant);
            let first = matching.next();
            if matching.next().is_some() {
                return Err(Error::usage(format!("several points of {asset} begin with {prefix}")).hint(hint));
            }
            first
        }
    };
    picked.ok_or_else(|| {
        let what = match which {
            Which::Latest => "has no point yet".to_owned(),
            Which::At(time) => format!("has no point from {time} or before"),
            Which::Id(prefix) => format!("has no point {prefix}"),
        };
        Error::usage(format!("{asset} {what}")).hint(hint)
    })
}

fn newest<'a>(
    setup: &Setup,
    asset: &str,
    found: &'a Found,
    may_be: &dyn Fn(&Snapshot) -> bool,
    monitor: &dyn Monitor,
) -> Option<&'a (Id, Snapshot)> {
    let ours = ours(setup, asset);
    let by_age = || found.snapshots.iter().rev().filter(|(_, snapshot)| may_be(snapshot));
    let newest = by_age().next()?;
    let Some(newest_of_ours) = by_age().find(|(id, _)| ours.contains(&id.to_hex())) else {
        return Some(newest);
    };
    if newest_of_ours.0 != newest.0 {
        let message = format!(
            "the point {} claims to be newer and was not chosen, because no run of ours recorded it",
            newest.0
        );
        monitor.trouble(Trouble::new(TroubleKind::Notice, asset, message));
    }
    Some(newest_of_ours)
}

/// The points that runs of ours recorded. A restore needs no ledger, so one that cannot be read counts as none.
fn ours(setup: &Setup, asset: &str) -> BTreeSet<String> {
    let reader = journal::reader_if_current(&setup.places.state).ok().flatten();
    let points = reader.and_then(|reader| reader.points_of(asset).ok()).unwrap_or_default();
    points.into_iter().map(|point| point.id).collect()
}
