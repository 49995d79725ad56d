//! Bringing the key ring and a copy of the ledger to every location, where they are due.
//!
//! What is due follows from facts: a new day, a ring that changed, or a head of the log that was signed since. The copy goes after
//! the head and never before it: a head without a copy at least as long would say of a rebuilt log that it was cut short.

use std::collections::BTreeMap;

use holdfast_format::Id;
use holdfast_ledger::Ledger;
use holdfast_location::LEDGER_REPOSITORY;
use holdfast_model::verdict::{LedgerCopied, Observed, Ring, RingAt, RingRefused, RingSealed};
use holdfast_repo::{Mirror, Troubles};
use holdfast_world::ExposeSecret;
use jiff::Timestamp;
use serde::Serialize;

use super::ledger_copy::{self, Staged};
use super::past::Past;
use super::ring::Contents;
use super::root::{self, KnownKit};
use super::{poorer, ring_at};
use crate::audit;
use crate::backup::CopyReport;
use crate::ending::Ending;
use crate::error::Result;
use crate::requests;
use crate::setup::{Setup, Shut};
use crate::verdicts::{self, Followed};

/// How much is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What is due.
    Due,
    /// The key ring alone, now.
    Ring,
    /// All of it, now.
    Everything,
    /// The same, in place of what another controller brought.
    EverythingOverForeign,
}

/// Who brings the verdicts up to date before the ledger is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judges {
    /// Whoever delivers.
    Us,
    /// The daemon, in its own thread.
    Daemon,
}

/// What was brought where.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeliveryReport {
    /// The kit in force; none where none was ever made, and then nothing is brought anywhere.
    pub kit: Option<String>,
    /// By location; empty where nothing was due.
    pub locations: Vec<DeliveredTo>,
    /// What should be in the ring and could not be read.
    pub missing: Vec<String>,
    /// Why the ring went nowhere.
    pub refused: Option<String>,
    /// The copy of the ledger that was brought now.
    #[serde(skip)]
    pub(crate) copy: Option<Id>,
    /// Locations that were left alone, as they are another controller's.
    #[serde(skip)]
    pub(crate) shut: Shut,
    /// How it ended.
    pub ending: Ending,
}

/// What a location was brought.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveredTo {
    /// The location.
    pub location: String,
    /// Whether it has the ring as it is now.
    pub has_ring: bool,
    /// Whether it was given a copy of the ledger now.
    pub has_copy: bool,
    /// The leaves of that copy.
    pub leaves: Option<u64>,
    /// Why older rings lie there still, or may.
    pub older_rings_left: Option<String>,
    /// Why something is lacking.
    pub reason: Option<String>,
}

/// Brings what is to be brought, after the verdicts were brought up to date.
///
/// # Errors
/// When the ledger cannot be used or copied. A location that cannot be reached is told in the report.
pub fn deliver(setup: &Setup, extent: Extent) -> Result<DeliveryReport> {
    deliver_as(setup, extent, Judges::Us)
}

pub(crate) fn deliver_as(setup: &Setup, extent: Extent, judges: Judges) -> Result<DeliveryReport> {
    let Some(known) = root::in_force(&setup.places.config)? else { return Ok(DeliveryReport::default()) };
    let _turn = setup.turn(LEDGER_REPOSITORY)?;
    let ledger = setup.ledger()?;
    if setup.ring.get(LEDGER_REPOSITORY)?.is_none() {
        // Its password belongs into the ring that goes first.
        setup.open_for_writing(LEDGER_REPOSITORY)?;
    }
    let contents = Contents::of(setup)?;
    let past = Past::of(ledger.read())?;
    let day = |instant: Timestamp| instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    let refused = poorer::refusal(ledger.read(), &contents)?;
    // Where it may go nowhere, the last one is still what counts.
    let last = past.ring.as_ref().filter(|_| refused.is_some()).map(|ring| ring.ring.clone());
    let (ring, today) = (last.unwrap_or_else(|| contents.name()), day(setup.world.clock.now()));
    let is_due = |name: &&str| past.is_due(name, &known.kit.kit, &ring, today);
    if extent == Extent::Due && !setup.location_names().any(|name| is_due(&name)) {
        Delivering::new(setup, ledger, &known, ring, past).note(&contents, refused.as_ref())?;
        let ending = if refused.is_some() { Ending::NotDone } else { Ending::Done };
        let (kit, missing) = (Some(known.kit.kit), contents.missing);
        return Ok(DeliveryReport { kit, refused, missing, ending, ..DeliveryReport::default() });
    }
    let mut work = Delivering::new(setup, ledger, &known, ring, past);
    work.note(&contents, refused.as_ref())?;
    work.look_for_forks(contents.get("keys/log.key"));
    match &refused {
        Some(why) => setup.location_names().for_each(|name| work.at(name).reason = Some(why.clone())),
        None => work.bring_ring(&contents, extent)?,
    }
    let copy = if extent == Extent::Ring { None } else { work.bring_copy(judges)? };
    let shut = work.shut;
    let locations: Vec<DeliveredTo> = work.by_location.into_values().collect();
    let is_whole = |at: &DeliveredTo| {
        at.has_ring && at.older_rings_left.is_none() && (at.has_copy || extent == Extent::Ring)
    };
    let is_done = locations.iter().all(is_whole) && contents.missing.is_empty();
    let ending = match (&refused, is_done) {
        (Some(_), _) => Ending::NotDone,
        (None, true) => Ending::Done,
        (None, false) => Ending::Attention,
    };
    let (kit, missing) = (Some(known.kit.kit), contents.missing);
    Ok(DeliveryReport { kit, locations, missing, refused, copy, shut, ending })
}

/// Brings what is due, for a command that changed something; returns lines for people, and how it ended.
pub fn deliver_after(setup: &Setup) -> (Vec<String>, Ending) {
    match deliver(setup, Extent::Due) {
        // What the command itself was to do is done.
        Ok(report) => {
            let (lines, ending) = tell_delivered(&report);
            (lines, ending.min(Ending::Attention))
        }
        Err(error) => (vec![format!("self-recovery: {}", error.message)], error.ending),
    }
}

/// Brings the ledger to the locations after a person wrote something into it that happens once; says what keeps it from them.
/// Where a daemon has the ledger, it does so.
pub fn deliver_entered(setup: &Setup) {
    if matches!(requests::has_daemon(&setup.world, &setup.places.state), Ok(true)) {
        return;
    }
    let lines = match deliver(setup, Extent::Everything) {
        Ok(report) => tell_delivered(&report).0,
        Err(error) => vec![format!("self-recovery: {}", error.message)],
    };
    lines.iter().for_each(|line| setup.say(line));
}

/// What there is to say about a report.
pub fn tell_delivered(report: &DeliveryReport) -> (Vec<String>, Ending) {
    let mut lines = Vec::new();
    if let Some(why) = &report.refused {
        lines.push(format!("self-recovery: the key ring was brought to no location: {why}"));
    }
    for at in &report.locations {
        if let Some(reason) = at.reason.as_ref().filter(|reason| report.refused.as_ref() != Some(*reason)) {
            lines.push(format!("self-recovery: location {}: {reason}", at.location));
        }
        if let Some(left) = &at.older_rings_left {
            lines.push(format!(
                "self-recovery: location {}: older key rings lie there still: {left}",
                at.location
            ));
        }
    }
    lines.extend(
        report.missing.iter().map(|missing| format!("self-recovery: not in the key ring: {missing}")),
    );
    (lines, report.ending)
}

struct Delivering<'s> {
    setup: &'s Setup,
    ledger: &'s Ledger,
    known: &'s KnownKit,
    /// The state of the ring.
    ring: String,
    past: Past,
    by_location: BTreeMap<String, DeliveredTo>,
    /// Locations that are another controller's, each with the reason.
    shut: Shut,
}

impl<'s> Delivering<'s> {
    fn new(setup: &'s Setup, ledger: &'s Ledger, known: &'s KnownKit, ring: String, past: Past) -> Self {
        Delivering { setup, ledger, known, ring, past, by_location: BTreeMap::new(), shut: Shut::new() }
    }

    /// A controller that was lost, or set back, must not write over what the one brings that goes on.
    fn look_for_forks(&mut self, log_key: Option<&[u8]>) {
        let log_key = log_key.and_then(|text| std::str::from_utf8(text).ok());
        let names: Vec<String> = self.setup.location_names().map(str::to_owned).collect();
        for name in names {
            let Ok(location) = self.setup.location(&name) else { continue };
            // Where that cannot be read, nothing can be brought either, or a ring tells whose it is.
            if let Ok(Some(why)) = audit::forked_at(&*location, self.ledger.read(), log_key) {
                self.shut(&name, why);
            }
        }
    }

    fn shut(&mut self, name: &str, why: String) {
        self.at(name).reason = Some(why.clone());
        self.shut.insert(name.to_owned(), why);
    }

    fn observe(&self, observed: &[Observed]) -> Result<()> {
        verdicts::observe(self.ledger, observed, self.setup.world.clock.now())
    }

    /// Writes down which kit is in force and what the ring holds, where that is news.
    fn note(&self, contents: &Contents, refused: Option<&String>) -> Result<()> {
        let ring = Ring { ring: self.ring.clone(), repositories: contents.repositories() };
        let mut news = Vec::new();
        if self.past.kit.as_ref() != Some(&self.known.kit) {
            news.push(Observed::Kit(self.known.kit.clone()));
        }
        if self.past.refused.as_ref() != refused {
            news.push(Observed::RingRefused(RingRefused { reason: refused.cloned() }));
        }
        // One that lacks something is not what the next is compared with.
        if refused.is_none() && self.past.ring.as_ref() != Some(&ring) {
            news.push(Observed::Ring(ring));
        }
        self.observe(&news)
    }

    fn at(&mut self, location: &str) -> &mut DeliveredTo {
        self.by_location.entry(location.to_owned()).or_insert_with(|| DeliveredTo {
            location: location.to_owned(),
            has_ring: false,
            has_copy: false,
            leaves: None,
            older_rings_left: None,
            reason: None,
        })
    }

    fn bring_ring(&mut self, contents: &Contents, extent: Extent) -> Result<()> {
        let tar = contents.to_tar(self.setup.world.clock.now())?;
        let sealed = self.known.recipient.seal(tar.expose_secret())?;
        for mirror in ring_at::places(self.setup)? {
            if self.shut.contains_key(mirror.name()) {
                continue;
            }
            let brought = self.bring_ring_to(&mirror, &sealed, extent);
            let at = self.at(mirror.name());
            match brought {
                Ok(Some(new)) => {
                    (at.has_ring, at.older_rings_left) = (true, new.older_left.clone());
                    self.observe(&[Observed::RingAt(new)])?;
                }
                Ok(None) => at.has_ring = true,
                Err(error) if error.ending == Ending::Refused => self.shut(mirror.name(), error.message),
                Err(error) => at.reason = Some(error.message),
            }
        }
        Ok(())
    }

    /// Brings it to one location; none where it has it already, alone.
    fn bring_ring_to(&mut self, mirror: &Mirror, sealed: &[u8], extent: Extent) -> Result<Option<RingAt>> {
        let given = self
            .past
            .rings
            .get(mirror.name())
            .filter(|at| at.kit == self.known.kit.kit && at.ring == self.ring);
        let object = given.and_then(|at| Id::from_hex(&at.object));
        let known = (extent != Extent::EverythingOverForeign).then_some(&self.past.objects);
        let (object, older_left) = match object {
            Some(object)
                if ring_at::is_alone(mirror, &object)?
                    && ring_at::lies_there(mirror, &object)?
                    && given.is_some_and(|at| at.older_left.is_none()) =>
            {
                return Ok(None);
            }
            // Brought again, it would be one more that cannot be removed.
            Some(object) if ring_at::lies_there(mirror, &object)? => {
                ring_at::refuse_foreign(mirror, known)?;
                (object, ring_at::remove_others(self.setup, mirror, &object))
            }
            _ => {
                let object = Id::of(sealed);
                // Before it lies there: a crash in between would make it a stranger's.
                if !self.past.objects.contains(&object.to_hex()) {
                    self.observe(&[Observed::RingSealed(RingSealed { object: object.to_hex() })])?;
                }
                (object, ring_at::replace(self.setup, mirror, sealed, known)?)
            }
        };
        Ok(Some(RingAt {
            location: mirror.name().to_owned(),
            kit: self.known.kit.kit.clone(),
            ring: self.ring.clone(),
            object: object.to_hex(),
            older_left,
        }))
    }

    fn bring_copy(&mut self, judges: Judges) -> Result<Option<Id>> {
        if judges == Judges::Us {
            verdicts::assess(self.setup, self.ledger, &mut Followed::default(), &self.setup.interrupted)?;
        }
        let staged = ledger_copy::stage(self.setup, self.ledger)?;
        let troubles = Troubles::default();
        let archived = match ledger_copy::store(self.setup, &self.shut, &staged, &troubles) {
            Ok(archived) => archived,
            Err(error) => {
                let names: Vec<String> = self.setup.location_names().map(str::to_owned).collect();
                for name in names {
                    self.at(&name).reason.get_or_insert_with(|| error.message.clone());
                }
                return Ok(None);
            }
        };
        let copies: Vec<CopyReport> =
            archived.deliveries.iter().map(|delivery| CopyReport::of(delivery, &archived)).collect();
        let mut observed = Vec::new();
        for copy in copies {
            let at = self.at(&copy.location);
            at.has_copy = copy.has_point;
            if copy.has_point {
                at.leaves = Some(staged.leaves);
                observed.push(self.copied(&copy.location, &archived.id, &staged));
            } else {
                let why =
                    copy.reason.unwrap_or_else(|| "the copy of the ledger is not whole there".to_owned());
                at.reason.get_or_insert(why);
            }
        }
        self.observe(&observed)?;
        drop(staged);
        // What is too many today is too many tomorrow.
        if let Err(error) = ledger_copy::thin(self.setup, &self.shut, &archived.id, &troubles) {
            self.setup
                .say(&format!("self-recovery: old copies of the ledger were not removed: {}", error.message));
        }
        Ok(Some(archived.id))
    }

    fn copied(&self, location: &str, point: &Id, staged: &Staged) -> Observed {
        Observed::LedgerCopied(LedgerCopied {
            location: location.to_owned(),
            point: point.to_hex(),
            leaves: staged.leaves,
            until: staged.until,
            ring: self.ring.clone(),
        })
    }
}
