//! Applies retention: forgets points beyond their age, then removes what no point needs, at every location.
//!
//! Three things would make it a lie. A location that refused to delete, counted as if it had: so what is reported is what
//! locations no longer list. A crash after which a purged point looks lost: so the decision is written down first. And
//! points that no rule reaches any more, kept for ever in silence: so they are named.

pub mod audit;
pub(crate) mod caches;
mod decide;
pub(crate) mod events;
pub mod held_back;
pub mod history;
pub(crate) mod owners;

pub(crate) use self::decide::Promised;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::Id;
use holdfast_ledger::{AlarmKind, NewAlarm};
use holdfast_location::Area;
use holdfast_model::retention::ClockEvidence;
use holdfast_repo::{
    Deletions, Erased, Forgotten, Monitor, Progress, PruneOptions, PrunePlan, Repository, Tombstones,
    Trouble, TroubleKind, Troubles,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::known_points::{self, DecidedPurge, KnownPoints};
use crate::left_behind::{self, LeftBehind};
use crate::object_lock::{self, LockedSum};
use crate::points::{self, Found};
use crate::receipt::{self, Done, Hidden, Settled};
use crate::setup::Setup;
use crate::{clock_reading, hold, journal};

/// Not a byte of a purged point may stay, however much has to be rewritten for that.
const UNUSED_PERMILLE_MAX: u64 = 0;

/// What a purge decided and did.
#[derive(Debug, Serialize)]
pub struct PurgeReport {
    /// The purge's id in the ledger; none for a dry run.
    pub purge: Option<String>,
    /// Every point, with its verdict.
    pub decisions: Vec<Decision>,
    /// What was removed from each repository; a plan only, for a dry run.
    pub repositories: Vec<RepositoryPurge>,
    /// Points that no asset owns, and no retention reaches.
    pub left_behind: Vec<LeftBehind>,
    /// What went wrong on the way.
    pub troubles: Vec<Trouble>,
    /// How it ended.
    pub ending: Ending,
}

/// The verdict on one point.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// The asset.
    pub asset: String,
    /// The point.
    pub point: String,
    /// The instant that it stands for.
    pub time: Timestamp,
    /// `keep`, `exempt` or `expire`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
    /// `recorded` for a point that a run of ours made, `foreign` for one that claims to be of the asset.
    pub origin: &'static str,
}

/// What happened to one repository.
#[derive(Debug, Default, Serialize)]
pub struct RepositoryPurge {
    /// The repository.
    pub repository: String,
    /// Points past their retention.
    pub expired: usize,
    /// Points that no location lists any more; for a dry run, those that would go.
    pub forgotten: usize,
    /// Points that go, and of which some location still holds something or could not be asked about.
    pub waiting: usize,
    /// How many of them wait at which location.
    pub waiting_at: BTreeMap<String, u64>,
    /// Points that go, and of which nothing is left but what an object lock keeps. They are not purged.
    pub exempt: usize,
    /// By location: what of deleted objects is locked there, and of how many points that is all that is left.
    pub exempt_at: BTreeMap<String, Exempt>,
    /// What each location said about forgetting.
    pub forget: Option<Forgotten>,
    /// The plan, and what each location did.
    pub prune: Option<PruneReport>,
    /// Why it was not done.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
}

/// What an object lock keeps at a location.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Exempt {
    /// Points of which nothing else is left there.
    pub points: u64,
    /// What is locked.
    #[serde(flatten)]
    pub locked: LockedSum,
}

impl RepositoryPurge {
    /// Why something waits at a location.
    fn why(&self, location: &str) -> &str {
        let forget = self.forget.iter().flat_map(|f| &f.locations);
        let outcomes = forget.chain(self.prune.iter().flat_map(|p| &p.locations));
        let said =
            outcomes.filter(|d| d.location == location).filter_map(|d| d.failure.as_deref()).next_back();
        said.unwrap_or("it could not be asked, or still lists what it said it had deleted")
    }
}

/// The removal of what no point needs.
#[derive(Debug, Serialize)]
pub struct PruneReport {
    /// What is to be removed.
    pub plan: PrunePlan,
    /// By location; empty for a dry run.
    pub locations: Vec<Deletions>,
}

/// Applies the policy's retention to every asset; with `dry_run` only tells.
pub fn purge(setup: &Setup, dry_run: bool, progress: &Progress) -> Result<PurgeReport> {
    let troubles = Troubles::default();
    let clock = clock_reading::evidence(setup)?;
    if !dry_run {
        clock_reading::note(setup)?;
    }
    hold::tell_overdue(setup, &troubles)?;
    // Without the ledger nothing is deleted.
    let purge = if dry_run { None } else { Some(events::begin(setup)?) };
    let mut report = PurgeReport {
        purge: purge.clone(),
        decisions: Vec::new(),
        repositories: Vec::new(),
        left_behind: Vec::new(),
        troubles: Vec::new(),
        ending: Ending::Done,
    };
    let promised = Promised::load(setup);
    let mut names: BTreeSet<String> = setup.repositories().into_keys().collect();
    names.extend(setup.ring.repositories()?);
    for name in names {
        if setup.ring.get(&name)?.is_none() {
            continue;
        }
        let mut one = RepositoryPurge { repository: name, ..RepositoryPurge::default() };
        let run = Run {
            setup,
            dry_run,
            purge: purge.as_deref().unwrap_or_default(),
            clock: &clock,
            promised: &promised,
            troubles: &troubles,
            progress,
        };
        if let Err(error) = run.purge(&mut one, &mut report) {
            report.ending = report.ending.and(error.ending);
            (one.error, one.hint) = (Some(error.message), error.hint);
        }
        report.repositories.push(one);
    }
    if let Some(purge) = &purge {
        events::end(setup, purge, &report.repositories)?;
    }
    if !report.left_behind.is_empty() {
        report.ending = report.ending.and(Ending::Attention);
    }
    for trouble in troubles.list() {
        if !report.troubles.contains(&trouble) {
            report.troubles.push(trouble);
        }
    }
    if report.troubles.iter().any(|t| t.kind != TroubleKind::Notice) {
        report.ending = report.ending.and(Ending::Attention);
    }
    if troubles.count(TroubleKind::Damage) > 0 {
        report.ending = report.ending.and(Ending::Damage);
    }
    Ok(report)
}

/// One purge.
struct Run<'a> {
    setup: &'a Setup,
    dry_run: bool,
    purge: &'a str,
    clock: &'a ClockEvidence,
    promised: &'a Result<Promised>,
    troubles: &'a Troubles,
    progress: &'a Progress,
}

impl Run<'_> {
    fn purge(&self, one: &mut RepositoryPurge, report: &mut PurgeReport) -> Result<()> {
        let (setup, state) = (self.setup, &self.setup.places.state);
        let name = one.repository.clone();
        let _turn = setup.turn(&name)?;
        let opened = if self.dry_run { setup.open(&name, None) } else { setup.open_for_deleting(&name) }?;
        let mut known = known_points::load(state, &name)?.unwrap_or_default();
        held_back::keep(self, &name, &opened, &known)?;
        let found = points::look(opened, self.troubles)?;
        let now = self.clock.trusted();
        found.snapshots.iter().for_each(|(id, snapshot)| known.note(id, snapshot, now));
        report.left_behind.extend(left_behind::among(setup, &name, &found.snapshots)?);
        let (mut expired, decisions_before) = (Vec::new(), report.decisions.len());
        let (clock, promised, monitor) = (self.clock, self.promised, self.troubles);
        let given = decide::Given { setup, found: &found, clock, promised, monitor };
        expired.extend(given.decide(&name, &mut known, &mut report.decisions)?);
        one.expired = expired.len();
        let ours = journal::recorded_in(setup, &name)?;
        let options = PruneOptions { unused_permille_max: UNUSED_PERMILLE_MAX, ours };
        if self.dry_run {
            let cancel = setup.cancel();
            let plan = found.repository.plan_prune(&expired, &options, self.troubles, &cancel)?;
            one.prune = Some(PruneReport { plan, locations: Vec::new() });
            one.forgotten = one.expired;
            return Ok(());
        }
        events::decided(setup, self.purge, &name, &report.decisions[decisions_before..])?;
        self.mark(&found, &expired, &mut known);
        known_points::keep(state, &name, &known)?;
        let outcome = self.delete(&found, &expired, &options, one);
        self.alarm_about(one, &outcome)?;
        // What was rewritten is another pack, and the points that need it promised the same.
        object_lock::raise(setup, &name, &found.repository, self.troubles)?;
        // Where forgetting is over, it was decided, whatever became of the rest.
        if outcome.is_err() && one.forget.is_none() {
            self.unmark_undecided(&found, &expired, &mut known)?;
        }
        let hidden = match &outcome {
            Ok(()) => self.erase_hidden(&found.repository),
            Err(_) => self.leave_hidden(&name, &found.repository),
        };
        let mut deletions = one.forget.as_ref().map_or_else(Vec::new, |f| f.locations.clone());
        deletions.extend(one.prune.iter().flat_map(|p| p.locations.clone()));
        let settled = receipt::settle(
            setup,
            self.purge,
            &found.repository,
            &Done { name: &name, deletions: &deletions, is_pruned: one.prune.is_some(), hidden: &hidden },
            &mut known,
        )?;
        known_points::keep(state, &name, &known)?;
        let Settled { gone, waiting, waiting_at, exempt, exempt_at, untrue } = settled;
        (one.forgotten, one.waiting, one.waiting_at) = (gone, waiting, waiting_at);
        one.exempt = exempt;
        for (location, hidden) in &hidden {
            let points = exempt_at.get(location).copied().unwrap_or_default();
            let sum = LockedSum::of(&hidden.locked).map(|locked| Exempt { points, locked });
            one.exempt_at.extend(sum.map(|exempt| (location.clone(), exempt)));
        }
        self.tell_what_waits(&name, &deletions);
        for location in untrue {
            let message = format!("it still lists objects of {name} that it said it had deleted");
            self.troubles.trouble(Trouble::new(TroubleKind::Location, &location, message));
        }
        caches::clean(setup, &found.repository, self.troubles)?;
        outcome
    }

    /// Writes down what is going to be deleted, and takes back what an earlier purge decided and this one does not.
    fn mark(&self, found: &Found, expired: &[Id], known: &mut KnownPoints) {
        let locations: BTreeSet<String> =
            found.repository.states().map(|(mirror, _)| mirror.name().to_owned()).collect();
        for (id, _) in &found.snapshots {
            if let Some(point) = known.points.get_mut(&id.to_hex()) {
                let (waiting_at, bytes_at) = (locations.clone(), locations.clone());
                let (decided, only_locked_since) = (self.clock.now, BTreeMap::new());
                let decided = DecidedPurge { decided, waiting_at, bytes_at, only_locked_since };
                point.purge = expired.contains(id).then_some(decided);
            }
        }
    }

    /// After a failure: points whose deletion was not written down by the engine are not going to be deleted.
    fn unmark_undecided(&self, found: &Found, expired: &[Id], known: &mut KnownPoints) -> Result<()> {
        let tombstones = Tombstones::load(&found.repository.folders().tombstones)?;
        for id in expired.iter().filter(|id| !tombstones.contains(Area::Snapshots, id)) {
            if let Some(point) = known.points.get_mut(&id.to_hex()) {
                point.purge = None;
            }
        }
        Ok(())
    }

    /// What holds deletions up, or would, is told at once: nobody reads the report of a purge that a timer began.
    fn alarm_about(&self, one: &RepositoryPurge, outcome: &Result<()>) -> Result<()> {
        let name = &one.repository;
        let broken = one.prune.as_ref().map_or(0, |prune| prune.plan.snapshots_broken);
        let message = match outcome {
            Err(error) if error.ending == Ending::Damage => format!("no data of {name} was deleted: {error}"),
            Ok(()) if broken > 0 => format!(
                "snapshots in {name} that no run of ours recorded cannot be read or lack data ({broken} are known); \
                 deleting went on without them; `holdfast repair {name} --write-off` removes what is no snapshot, age the rest"
            ),
            _ => return Ok(()),
        };
        events::alarm(self.setup, NewAlarm { kind: AlarmKind::DamageFound, subject: name.clone(), message })
    }

    fn delete(
        &self,
        found: &Found,
        expired: &[Id],
        options: &PruneOptions,
        one: &mut RepositoryPurge,
    ) -> Result<()> {
        let (repository, cancel) = (&found.repository, self.setup.cancel());
        if !expired.is_empty() {
            one.forget = Some(repository.forget(expired, self.troubles, self.progress, &cancel)?);
        }
        let pruned = repository.prune(options, self.troubles, self.progress, &cancel).map_err(Error::from)?;
        one.prune = Some(PruneReport { plan: pruned.plan, locations: pruned.locations });
        Ok(())
    }

    /// After a failure: what lies below a delete marker may be the only good copy of what points need, so it stays.
    fn leave_hidden(&self, name: &str, repository: &Repository) -> BTreeMap<String, Hidden> {
        let message =
            "as deleting failed, older versions that places keep of what was deleted were not erased";
        self.troubles.trouble(Trouble::new(TroubleKind::Notice, name, message));
        let left = || Hidden { is_left: true, ..Hidden::default() };
        repository.ready().iter().map(|mirror| (mirror.name().to_owned(), left())).collect()
    }

    /// Removes what places with versions keep of what was deleted, by location.
    fn erase_hidden(&self, repository: &Repository) -> BTreeMap<String, Hidden> {
        let mut hidden = BTreeMap::new();
        for mirror in repository.ready() {
            let Erased { objects, bytes, locked, failure } = match mirror.erase_hidden(self.clock.now) {
                Ok(None) => continue,
                Ok(Some(erased)) => erased,
                Err(error) => Erased { failure: Some(error), ..Erased::default() },
            };
            if let Some(error) = &failure {
                let message = format!("older versions of what was deleted are left there: {error}");
                self.troubles.trouble(Trouble::new(TroubleKind::Location, mirror.name(), message));
            }
            let outcome = Hidden { objects, bytes, locked, is_left: failure.is_some() };
            hidden.insert(mirror.name().to_owned(), outcome);
        }
        hidden
    }

    /// What a location did not delete is trouble, whatever the reason.
    fn tell_what_waits(&self, repository: &str, deletions: &[Deletions]) {
        let mut seen = BTreeSet::new();
        // The last word of each location counts.
        for outcome in deletions.iter().rev().filter(|d| seen.insert(d.location.as_str())) {
            if outcome.waiting == 0 && outcome.failure.is_none() {
                continue;
            }
            let objects = if outcome.waiting == 1 { "object" } else { "objects" };
            let reason = outcome.failure.as_deref().unwrap_or("it did not say why");
            let message =
                format!("{} {objects} of {repository} wait to be deleted there: {reason}", outcome.waiting);
            self.troubles.trouble(Trouble::new(TroubleKind::Location, &outcome.location, message));
        }
    }
}
