//! Makes a point of a log: everything since its dump.

use std::sync::Arc;

use holdfast_asset::database::Access;
use holdfast_asset::database::log::{Base, LogError, LogManifest, LogSource, Server};
use holdfast_format::Id;
use holdfast_ledger::{CheckOutcome, LogCopy, LogPoint, Point};
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, WhmcsSettings};
use holdfast_repo::{
    ArchiveRequest, Archived, ErrorKind, LocationState, LockPlan, Monitor, Progress, Repository, Trouble,
    TroubleKind, Troubles,
};

use crate::backup::{self, BackupReport, CopyReport};
use crate::error::{Error, Result};
use crate::object_lock::Plan;
use crate::restore::point_files;
use crate::setup::Setup;
use crate::{evidence, part};

/// What came of it.
pub(super) enum Taken {
    /// A point.
    Point(Box<BackupReport>),
    /// The log since that dump cannot be had any more.
    Gap(LogError),
}

/// Whose log is taken, and how its server is reached.
pub(super) struct Wish<'a> {
    pub(super) asset: &'a Asset,
    pub(super) access: &'a Access,
    pub(super) whmcs: &'a WhmcsSettings,
    pub(super) repository: &'a str,
}

impl Wish<'_> {
    /// Takes all of it since a dump. `is_closing`: for the last time, so that it is kept as long as the dump.
    pub(super) fn take(&self, setup: &Setup, (dump, base): (&str, Base), is_closing: bool) -> Result<Taken> {
        let asset_name = self.asset.name.as_ref();
        let start = setup.world.clock.monotonic();
        let troubles = Troubles::default();
        let mut report = BackupReport::begun(asset_name, Dataset::Log, self.repository, "incremental");
        report.is_undated = backup::is_undated(setup, &troubles);
        let clock = Arc::clone(&setup.world.clock);
        let source = LogSource::new(self.access.clone(), base, self.whmcs.log.whole_server, clock);
        let failed = source.failed();
        let repository = setup.open_for_writing(self.repository)?;
        // What the next minute replaces is locked by nobody: it could not be removed for months.
        let plan = if is_closing {
            Plan::of(setup, self.repository, Some((asset_name, Dataset::Log))).unwrap_or_else(|error| {
                let message = format!("nothing is locked: {}", error.message);
                troubles.trouble(Trouble::new(TroubleKind::Warning, "object lock", message));
                None
            })
        } else {
            None
        };
        let request = ArchiveRequest {
            source: &source,
            cache_name: &part::key(asset_name, Dataset::Log),
            tags: vec![
                format!("asset:{asset_name}"),
                format!("class:{}", self.asset.class().as_str()),
                part::tag(Dataset::Log),
                part::base_tag(dump),
                format!("kind:{}", report.kind),
            ],
            excludes: Vec::new(),
            full: false,
            locks: plan.as_ref().map(|plan| plan as &dyn LockPlan),
        };
        let archived = match repository.archive(&request, &troubles, &Progress::default(), &setup.cancel()) {
            Ok(archived) => archived,
            Err(error) if error.kind == ErrorKind::Source => {
                return match failed.get() {
                    Some(why) if why.wants_dump() => Ok(Taken::Gap(why.clone())),
                    Some(why) => Err(super::not_done(why)),
                    None => Err(error.into()),
                };
            }
            Err(error) => return Err(error.into()),
        };
        report.point = Some(archived.id.to_hex());
        report.time = Some(archived.snapshot.time);
        report.capture_seconds = Some((setup.world.clock.monotonic() - start).as_secs_f64());
        report.totals = Some(archived.totals);
        report.copies = archived.deliveries.iter().map(|d| CopyReport::of(d, &archived)).collect();
        if is_closing {
            backup::note_locks(setup, &archived, &mut report.copies, &troubles)?;
        }
        backup::remember(setup, self.repository, &repository, &archived)?;
        report.seconds = (setup.world.clock.monotonic() - start).as_secs_f64();
        let manifest = self.manifest_of(&repository, &archived, &troubles)?;
        report.troubles = troubles.list();
        report.ending = backup::judge(&report);
        record(setup, &report, &archived.id, dump, &manifest)?;
        Ok(Taken::Point(Box::new(report)))
    }

    /// Reads back what the point says of itself: where it ends is where the next minute begins.
    fn manifest_of(
        &self,
        repository: &Repository,
        archived: &Archived,
        troubles: &Troubles,
    ) -> Result<LogManifest> {
        point_files::log_manifest(repository, &archived.snapshot, self.access, troubles)
    }
}

/// Writes it down: one leaf, and one for each location where something was read back that is not what was sent.
fn record(setup: &Setup, report: &BackupReport, id: &Id, dump: &str, manifest: &LogManifest) -> Result<()> {
    let now = setup.world.clock.now();
    let Some(instant) = report.time else { return Err(Error::not_done("a point without an instant")) };
    let id = id.to_hex();
    let is_checked = |copy: &CopyReport| {
        copy.has_point && copy.read_back.as_ref().is_some_and(|read| read.state == LocationState::Ok)
    };
    let took = report.copies.iter().filter(|copy| copy.has_point);
    let copies =
        took.map(|copy| LogCopy { location: copy.location.clone(), is_checked: is_checked(copy) }).collect();
    let point = Point {
        id: id.clone(),
        repository: report.repository.clone(),
        asset: report.asset.clone(),
        dataset: report.dataset.to_string(),
        kind: report.kind.to_owned(),
        instant,
        is_undated: report.is_undated,
    };
    let log = LogPoint {
        point,
        base: dump.to_owned(),
        server: manifest.base.server.as_ref().map(server_name),
        file: manifest.end.file.clone(),
        position: manifest.end.position,
        copies,
    };
    let read_back = report.copies.iter().filter_map(|copy| copy.read_back.as_ref());
    let checks = evidence::checks_of_run(&report.repository, "log", &id, read_back);
    let damaged = checks.into_iter().filter(|check| check.outcome == CheckOutcome::Damaged);
    let damaged: Vec<_> = damaged.collect();
    Ok(setup.ledger()?.write(|transaction| {
        transaction.record_log(log, now)?;
        damaged.into_iter().try_for_each(|check| transaction.record_check(check, now))
    })?)
}

/// A server, as it is told from others.
pub(super) fn server_name(server: &Server) -> String {
    format!("{} {} {}", server.id, server.host, server.uid.as_deref().unwrap_or_default())
}
