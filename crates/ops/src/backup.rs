//! Backs up assets, now.

use holdfast_format::Snapshot;
use holdfast_model::Dataset;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_repo::{
    ArchiveRequest, Archived, Delivery, ErrorKind, LocationState, LockPlan, Monitor, Progress, ReadBack,
    Repository, Totals, Trouble, TroubleKind, Troubles,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::object_lock::{self, Plan, Worth};
use crate::setup::Setup;
use crate::source::Broken;
use crate::{attest, clock_reading, journal, known_points, part, prefixes, source, source_size};

/// What one backup did.
#[derive(Debug, Serialize)]
pub struct BackupReport {
    /// The asset.
    pub asset: String,
    /// The part of it that was backed up.
    pub dataset: Dataset,
    /// Its repository.
    pub repository: String,
    /// The new point's id; absent when there is none.
    pub point: Option<String>,
    /// The instant that the point stands for.
    pub time: Option<Timestamp>,
    /// Whether the clock showed less than it had shown before: then the instant says nothing about the point's age.
    pub is_undated: bool,
    /// `full` or `incremental`.
    pub kind: &'static str,
    /// Seconds it took.
    pub seconds: f64,
    /// Seconds until the point was captured and sent to the locations, which goes on at once; absent when there is none.
    pub capture_seconds: Option<f64>,
    /// What was counted.
    pub totals: Option<Totals>,
    /// What became of each location.
    pub copies: Vec<CopyReport>,
    /// For a full: what was read back.
    pub attestation: Option<attest::Attestation>,
    /// Why the point is suspect, though it was made: the source is far smaller than it was.
    pub suspect: Option<String>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// Why there is no point, or no full one.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// One location's part in a backup.
#[derive(Debug, Serialize)]
pub struct CopyReport {
    /// The location.
    pub location: String,
    /// Whether it has the point whole, as far as it confirmed and was found when what is new was read back.
    pub has_point: bool,
    /// Objects it was sent.
    pub objects: u64,
    /// Bytes it was sent.
    pub bytes: u64,
    /// Objects it still lacks, as far as known.
    pub owed: u64,
    /// Why it lacks them.
    pub reason: Option<String>,
    /// What was read back there; absent where it did not take the point.
    pub read_back: Option<ReadBack>,
    /// What is locked there; absent where the estate says nothing of locks.
    pub object_lock: Option<CopyLock>,
}

/// What is locked of a point at one location.
#[derive(Clone, Debug, Serialize)]
pub struct CopyLock {
    /// Until when everything that the point refers to is locked there, as the location says; absent where not all is.
    pub until: Option<Timestamp>,
    /// When it was proven that its locks hold; without that nobody knows what they are worth.
    pub proven: Option<Timestamp>,
    /// Why it is not locked, or not known to be.
    pub reason: Option<String>,
}

/// How to back up.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Read every byte, and read everything back.
    pub full: bool,
    /// The source is right as it is, however small it has become.
    pub accept_smaller: bool,
    /// It is made of what a restore is about to replace: never what somebody means who asks for the newest.
    pub before_restore: bool,
}

impl How {
    /// As it is written down.
    pub fn kind(self) -> &'static str {
        if self.full { "full" } else { "incremental" }
    }
}

/// Backs up one dataset of an asset. The report says how it ended; an error means that the configuration makes no sense.
pub fn backup(
    setup: &Setup,
    (asset_name, dataset): (&str, Dataset),
    how: How,
    progress: &Progress,
) -> Result<BackupReport> {
    setup.asset(asset_name)?;
    if setup.estate.vanished.contains_key(asset_name) {
        return Err(Error::not_done(format!(
            "{asset_name}: its folder vanished; there is nothing to back up"
        ))
        .hint(format!("`holdfast restore {asset_name} --to DIR` has it back, out of its points")));
    }
    // What cannot be written down is not begun.
    let run = journal::begin(setup, (asset_name, dataset), how.kind(), Vec::new())?;
    let report = carry_out(setup, (asset_name, dataset), how, progress)?;
    journal::end(setup, &run, &report, Vec::new())?;
    Ok(report)
}

/// Backs up one dataset of an asset, for whoever writes down that it begins and how it ended.
pub(crate) fn carry_out(
    setup: &Setup,
    (asset_name, dataset): (&str, Dataset),
    how: How,
    progress: &Progress,
) -> Result<BackupReport> {
    let full = how.full;
    let part_key = part::key(asset_name, dataset);
    let asset = setup.asset(asset_name)?;
    let repository_name = repository_name(asset).to_string();
    let _turn = setup.turn(&repository_name)?;
    let start = setup.world.clock.monotonic();
    let mut report = BackupReport::begun(asset_name, dataset, &repository_name, how.kind());
    let troubles = Troubles::default();
    report.is_undated = is_undated(setup, &troubles);
    if let Some(size) = source_size::load(setup, &part_key)? {
        progress.bytes_total.set(size.bytes);
    }
    let outcome = (|| {
        let mut broken = Broken::new();
        let mut opened = source::of(setup, asset, dataset, &broken)?;
        for notice in &opened.notices {
            troubles.trouble(Trouble::new(TroubleKind::Notice, asset_name, notice));
        }
        let repository = setup.open_for_writing(&repository_name)?;
        // A point without a lock is better than none.
        let plan = Plan::of(setup, &repository_name, Some((asset_name, dataset))).unwrap_or_else(|error| {
            let message = format!("nothing is locked: {}", error.message);
            troubles.trouble(Trouble::new(TroubleKind::Warning, "object lock", message));
            None
        });
        let mut tags = vec![
            format!("asset:{asset_name}"),
            format!("class:{}", asset.class().as_str()),
            part::tag(dataset),
            format!("kind:{}", report.kind),
        ];
        tags.extend(how.before_restore.then(|| BEFORE_RESTORE.to_owned()));
        tags.extend(prefixes::tags(&opened.prefixes));
        // No dump is a reason to leave the files of a website, or its other databases, without a copy.
        let archived = loop {
            let request = ArchiveRequest {
                source: &*opened.source,
                cache_name: &part_key,
                tags: tags.clone(),
                excludes: if dataset == Dataset::Database { Vec::new() } else { excludes(asset) },
                full,
                locks: plan.as_ref().map(|plan| plan as &dyn LockPlan),
            };
            match repository.archive(&request, &troubles, progress, &setup.cancel()) {
                Err(error) if error.kind == ErrorKind::Source && opened.tell_broken(&mut broken) => {}
                archived => break archived?,
            }
            opened = source::of(setup, asset, dataset, &broken)?;
        };
        Ok::<_, Error>((repository, archived, opened))
    })();
    match outcome {
        Ok((repository, archived, opened)) => {
            report.point = Some(archived.id.to_hex());
            report.time = Some(archived.snapshot.time);
            report.capture_seconds = Some((setup.world.clock.monotonic() - start).as_secs_f64());
            report.totals = Some(archived.totals);
            report.copies = archived.deliveries.iter().map(|d| CopyReport::of(d, &archived)).collect();
            note_locks(setup, &archived, &mut report.copies, &troubles)?;
            remember(setup, &repository_name, &repository, &archived)?;
            opened.remember(setup)?;
            let time = archived.snapshot.time;
            let is_accepted = how.accept_smaller;
            report.suspect = source_size::judge(setup, &part_key, time, &archived.totals, is_accepted)?;
            if full {
                let attested =
                    attest::attest(setup, &repository_name, &repository, &archived, &troubles, progress);
                match attested {
                    Ok(attestation) => report.attestation = Some(attestation),
                    // The point is there, but nothing backs the word "full".
                    Err(error) => report.fail(error),
                }
            }
        }
        Err(error) => report.fail(error),
    }
    report.seconds = (setup.world.clock.monotonic() - start).as_secs_f64();
    report.troubles = troubles.list();
    report.ending = report.ending.and(judge(&report));
    Ok(report)
}

/// Says of each copy whether it is locked. A lock that nobody proved is trouble, and nothing to rely on.
pub(crate) fn note_locks(
    setup: &Setup,
    archived: &Archived,
    copies: &mut [CopyReport],
    monitor: &dyn Monitor,
) -> Result<()> {
    for copy in copies {
        let Some(worth) = object_lock::worth(setup, &copy.location)? else { continue };
        let set = archived.locks.iter().find(|locks| locks.location == copy.location);
        let mut lock = CopyLock {
            until: set.and_then(|locks| locks.until),
            proven: None,
            reason: set.and_then(|locks| locks.failure.clone()),
        };
        match worth {
            Worth::Proven(time) => lock.proven = Some(time),
            Worth::Unproven(why) => {
                let message = format!(
                    "that objects are locked there is not proven: {why}; run `holdfast location test`"
                );
                monitor.trouble(Trouble::new(TroubleKind::Warning, &copy.location, &message));
                lock.reason.get_or_insert(message);
            }
        }
        copy.object_lock = Some(lock);
    }
    Ok(())
}

/// Writes down that the point was made. Where the point before it was not written down, a run may have been killed at the
/// last moment, or the state folder was lost: then what the locations list is taken up, too.
pub(crate) fn remember(
    setup: &Setup,
    name: &str,
    repository: &Repository,
    archived: &Archived,
) -> Result<()> {
    let state = &setup.places.state;
    // Without the last reading no clock can be told right.
    let now = clock_reading::evidence(setup).ok().and_then(|clock| clock.trusted());
    let mut known = known_points::load(state, name)?.unwrap_or_default();
    let has_parent = archived.snapshot.parent.is_none_or(|id| known.points.contains_key(&id.to_hex()));
    if (known.points.is_empty() || !has_parent)
        && let Ok(catalog) = holdfast_repo::list(&repository.ready())
    {
        // What cannot be read is told by every command that looks for points.
        let snapshots = repository.load_snapshots(&catalog, &Troubles::default());
        snapshots.iter().for_each(|(id, snapshot)| known.note(id, snapshot, now));
    }
    known.note(&archived.id, &archived.snapshot, now);
    known_points::keep(state, name, &known)
}

/// How a snapshot says that it was made of what a restore replaced.
const BEFORE_RESTORE: &str = "before-restore";

/// Whether a point is of what a restore was about to replace.
pub(crate) fn is_before_restore(snapshot: &Snapshot) -> bool {
    snapshot.tags.iter().any(|tag| tag == BEFORE_RESTORE)
}

/// The rules by which an asset leaves things out, as the snapshot shall tell them.
fn excludes(asset: &Asset) -> Vec<String> {
    asset
        .folder()
        .into_iter()
        .flat_map(|folder| &folder.exclude)
        .map(|pattern| pattern.text.clone())
        .collect()
}

/// Degraded or owed is never green, and damage is worse. What could not be read back is among the troubles.
pub(crate) fn judge(report: &BackupReport) -> Ending {
    let is_degraded = report.troubles.iter().any(|t| !matches!(t.kind, TroubleKind::Notice));
    let is_owed = report.copies.iter().any(|c| !c.has_point);
    let is_damaged = report.copies.iter().any(CopyReport::is_damaged);
    let read_back = if is_damaged { Ending::Damage } else { Ending::Done };
    let attested = report.attestation.as_ref().map_or(Ending::Done, attest::Attestation::ending);
    let own =
        if is_degraded || is_owed || report.suspect.is_some() { Ending::Attention } else { Ending::Done };
    own.and(attested).and(read_back)
}

/// Whether the clock can be believed so little that the age of what is made now does not count. A purge refuses without it;
/// nothing is left undone for it here, and why is told.
pub(crate) fn is_undated(setup: &Setup, troubles: &Troubles) -> bool {
    let message = match clock_reading::note(setup).and_then(|()| clock_reading::went_back(setup)) {
        Ok(None) => return false,
        Ok(Some(refusal)) => format!("{refusal}; until it is right, the age of this point does not count"),
        // Nobody knows what the clock said before.
        Err(error) => error.message,
    };
    troubles.trouble(Trouble::new(TroubleKind::Warning, "clock", message));
    true
}

impl BackupReport {
    /// Of a run that has just begun.
    pub(crate) fn begun(asset: &str, dataset: Dataset, repository: &str, kind: &'static str) -> BackupReport {
        BackupReport {
            asset: asset.to_owned(),
            dataset,
            repository: repository.to_owned(),
            point: None,
            time: None,
            is_undated: false,
            kind,
            seconds: 0.0,
            capture_seconds: None,
            totals: None,
            copies: Vec::new(),
            attestation: None,
            suspect: None,
            troubles: Vec::new(),
            error: None,
            hint: None,
            ending: Ending::Done,
        }
    }

    pub(crate) fn fail(&mut self, error: Error) {
        self.error = Some(error.message);
        self.hint = error.hint;
        self.ending = error.ending;
    }
}

impl CopyReport {
    pub(crate) fn of(delivery: &Delivery, archived: &Archived) -> CopyReport {
        let read_back = archived.read_back.iter().find(|read| read.location == delivery.location);
        let mut copy = CopyReport {
            location: delivery.location.clone(),
            has_point: false,
            objects: delivery.objects,
            bytes: delivery.bytes,
            owed: delivery.owed,
            reason: delivery.failure.clone(),
            read_back: read_back.cloned(),
            object_lock: None,
        };
        copy.has_point = !copy.is_owed() && !copy.is_damaged();
        copy
    }

    /// Whether something that it should have did not arrive.
    pub fn is_owed(&self) -> bool {
        self.owed > 0 || self.reason.is_some()
    }

    /// Whether what lies there is not what was sent.
    pub fn is_damaged(&self) -> bool {
        self.read_back.as_ref().is_some_and(|read| read.state == LocationState::Damaged)
    }
}
