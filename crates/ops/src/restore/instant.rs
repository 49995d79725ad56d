//! A database as of a second between two dumps: which dump, and what of its log.
//!
//! Whoever names an instant means exactly that. A dump that is older by twenty minutes looks the same and is another state, so it is
//! offered with words, and never taken for what was asked for.

use holdfast_asset::database::load::{Log, Stop};
use holdfast_asset::database::log::log_place_of;
use holdfast_format::{Id, Snapshot};
use holdfast_model::estate::log_repository;
use holdfast_repo::{Index, Troubles};
use jiff::Timestamp;

use super::database::DatabaseWish;
use super::point_files::PointFiles;
use crate::error::{Error, Result};
use crate::following::{self, Covered, Covering};
use crate::points::{Found, Which, look};
use crate::setup::Setup;

/// A point of a log that goes on from a dump.
pub(super) struct OpenedLog {
    found: Found,
    index: Index,
    pub(super) id: Id,
    snapshot: Snapshot,
    folder: Vec<Vec<u8>>,
    /// Until where it is replayed.
    stop: Stop,
    /// The second that was asked for.
    pub(super) until: Timestamp,
}

impl OpenedLog {
    fn find(
        setup: &Setup,
        wish: &DatabaseWish,
        (point, complete): (&str, Timestamp),
        until: Timestamp,
        troubles: &Troubles,
    ) -> Result<OpenedLog> {
        let asset = setup.asset(&wish.asset)?;
        let missing = || {
            let message = format!("the point {point} of the log of {} is not there", wish.asset);
            Error::not_done(message).hint("`holdfast verify` tells what else is missing")
        };
        let repository = log_repository(asset).ok_or_else(missing)?;
        let found = look(setup.open(repository.as_str(), wish.location.as_deref())?, troubles)?;
        let id = Id::from_hex(point).ok_or_else(missing)?;
        let snapshot = found.snapshots.iter().find(|(known, _)| *known == id);
        let snapshot = snapshot.map(|(_, snapshot)| snapshot.clone()).ok_or_else(missing)?;
        let index = found.repository.load_index(&found.catalog, troubles).index;
        // Beyond its end the server said that nothing had happened.
        let is_within = until.as_second() <= complete.as_second();
        let stop = if is_within { Stop::at(until) } else { Stop::End };
        Ok(OpenedLog { found, index, id, snapshot, folder: log_place_of(&wish.database), stop, until })
    }

    pub(super) fn files<'o>(&'o self, troubles: &'o Troubles) -> PointFiles<'o> {
        let OpenedLog { found, index, snapshot, folder, .. } = self;
        PointFiles {
            repository: &found.repository,
            catalog: &found.catalog,
            index,
            snapshot,
            folder,
            troubles,
        }
    }

    /// What of it is to be replayed.
    pub(super) fn to<'o>(&'o self, setup: &'o Setup, files: &'o PointFiles<'o>) -> Log<'o> {
        Log { files, stop: self.stop.clone(), random: &*setup.world.random }
    }
}

/// The dump from which an instant is had, with its log, and what is to be known of that.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) dump: Option<Id>,
    pub(super) log: Option<OpenedLog>,
    pub(super) note: Option<String>,
}

/// Chooses them for a second that is asked for; nothing for an asset without a log.
pub(super) fn choose(
    setup: &Setup,
    wish: &DatabaseWish,
    found: &Found,
    troubles: &Troubles,
) -> Result<Chosen> {
    let asset = setup.asset(&wish.asset)?;
    let (Which::At(at), Some(settings)) = (&wish.which, following::settings(asset)) else {
        return Ok(Chosen::default());
    };
    let is_listed = |id: &str| found.snapshots.iter().any(|(known, _)| known.to_hex() == id);
    match following::covering(setup, &wish.asset, *at, &is_listed)? {
        Covering::Exactly(Covered { dump, log }) => {
            let end = log.as_ref().map(|(_, complete)| *complete);
            let open = |(log, complete): (String, Timestamp)| {
                OpenedLog::find(setup, wish, (&log, complete), *at, troubles)
            };
            let log = log.map(open).transpose()?;
            let quiet = end.filter(|end| end.as_second() < at.as_second());
            let note = match (&log, quiet) {
                (None, _) => Some(format!("nothing happened in the database's log from the dump until {at}")),
                (Some(_), Some(end)) => Some(format!("nothing happened in the log from {end} until {at}")),
                (Some(_), None) => None,
            };
            Ok(Chosen { dump: Id::from_hex(&dump), log, note })
        }
        Covering::Until { dump, instant, until: Some(until) } => {
            let (asset, dump) = (&wish.asset, dump.get(..8).unwrap_or(&dump));
            let message = format!(
                "the state of {asset} as of {at} cannot be had: the log since the dump of {instant} is complete until {until}"
            );
            let hint =
                format!("--at {until} is the last second that can be had; --point {dump} is the dump itself");
            Err(Error::usage(message).hint(hint))
        }
        Covering::Until { dump, instant, until: None } => {
            if following::is_followed(setup, &wish.asset)? {
                let (asset, dump) = (&wish.asset, dump.get(..8).unwrap_or(&dump));
                let message = format!(
                    "the state of {asset} as of {at} cannot be had: the log since the dump of {instant} was not taken yet"
                );
                let hint = format!(
                    "`holdfast serve` takes it, or `holdfast backup {asset} --dataset log` now; --point {dump} is the dump itself"
                );
                return Err(Error::usage(message).hint(hint));
            }
            let why =
                if settings.every.is_some() { "there is no log of it" } else { "its log is not followed" };
            let note = format!("this is the state of {instant}, not of {at}: {why} after the dump");
            Ok(Chosen { note: Some(note), ..Chosen::default() })
        }
        Covering::Unknown => Ok(Chosen::default()),
    }
}
