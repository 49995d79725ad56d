//! Whether a lost controller comes back: keys that several hold, copies of the ledger, and a kit that was tried.
//!
//! Nobody misses any of it before the day on which nothing else is left. So what counts is what was brought to a location and
//! written down, and a trial that began with the kit alone. A kit that was never tried is a sheet of paper.

use super::facts::latest;
use super::rows::Finding;
use super::{Evidence, KeyDrilled, Keys, Kit, Look, Noted, Ring, RingAt, Row, Verdict, after, hours, minute};

/// So old may the newest copy of the ledger at a location be: one goes there every day, and after each change.
const COPY_FRESH_HOURS: i64 = 48;
/// So long a location may go without a change of the key ring.
const RING_OWED_HOURS: i64 = 48;
/// The kit is tried every month.
const DRILL_FRESH_HOURS: i64 = 31 * 24;

const MAKE_KIT: &str = "`holdfast key kit --out DIR` makes one: print it, and keep it away from this machine";
const DRILL: &str = "`holdfast key drill`, with the kit";
const DELIVER: &str = "`holdfast key deliver` says what keeps it from going there";

/// ENC-03.
pub(super) fn keys(look: &Look<'_>) -> Finding {
    let keys = latest(&look.facts.keys, look.now, |_| true);
    let known = Known::of(look);
    let rows = look.repositories().into_iter().map(|repository| match keys {
        None => Row::new(repository, Verdict::NoEvidence, "nobody looked for its key"),
        Some(keys) => key_row(look, &known, keys, repository),
    });
    let nothing = Finding::no_evidence("estate.toml names nothing to protect");
    Finding::of_rows(rows.collect(), "repositories", "locations have its key, and the kit opened it", nothing)
}

fn key_row(look: &Look<'_>, known: &Known<'_>, keys: &Noted<Keys>, repository: &str) -> Row {
    let row = |verdict, why: String| {
        Row::new(repository, verdict, why).by(Evidence::leaf(keys.leaf), keys.recorded)
    };
    // One without points needs no key yet.
    let has_points = look.facts.points.iter().any(|p| p.repository == repository && p.recorded <= look.now);
    match (keys.what.repositories.contains(repository), has_points) {
        (true, _) => {}
        (false, true) => {
            return row(Verdict::Fail, "its key is gone: nothing in it can be read".to_owned())
                .next("`holdfast key recover` brings the key ring back from a location and the kit");
        }
        (false, false) => {
            return row(Verdict::NotApplicable, "it has neither points nor a key yet".to_owned());
        }
    }
    let Some(kit) = known.kit else {
        let why =
            "its key is in one key ring on this machine alone: no recovery kit was ever made".to_owned();
        return row(Verdict::NoEvidence, why).next(MAKE_KIT);
    };
    let holders: Vec<&str> = known.holders(look, repository).collect();
    if holders.is_empty() {
        let why = format!("no location has its key for the kit {}", kit.what.kit);
        return row(Verdict::NoEvidence, why).next(DELIVER);
    }
    if let Some(red) = known.untried(look) {
        return red.row(repository);
    }
    let Some(drill) = known.drill.filter(|drill| drill.what.opened.contains(repository)) else {
        let has_key = |keys: &&Noted<Keys>| keys.what.repositories.contains(repository);
        let first = look.facts.keys.iter().find(has_key).map_or(keys.recorded, |keys| keys.recorded);
        let why = format!("at {}, and newer than the last trial of the kit", holders.join(", "));
        return if look.is_fresh(first, hours(DRILL_FRESH_HOURS)) {
            row(Verdict::Pass, why)
        } else {
            row(Verdict::NoEvidence, "no trial of the kit opened it yet".to_owned()).next(DRILL)
        };
    };
    let why = format!(
        "at {}, and the kit opened it {} at {}",
        holders.join(", "),
        minute(drill.recorded),
        drill.what.location
    );
    row(Verdict::Pass, why).by(Evidence::leaf(drill.leaf), drill.recorded)
}

/// DR-05.
pub(super) fn rebuilt(look: &Look<'_>) -> Finding {
    let known = Known::of(look);
    if known.kit.is_none() {
        return Finding::no_evidence("no recovery kit was ever made").next(MAKE_KIT);
    }
    let locations = look.inventory.locations.keys();
    let mut rows: Vec<Row> = locations.map(|location| location_row(look, &known, location)).collect();
    if rows.is_empty() {
        return Finding::no_evidence("estate.toml names no location")
            .next("declare [locations] in estate.toml");
    }
    let refused = latest(&look.facts.rings_refused, look.now, |_| true);
    if let Some((refused, reason)) =
        refused.and_then(|refused| Some((refused, refused.what.reason.as_ref()?)))
    {
        let why = format!("it goes to no location: {reason}");
        let row = Row::new("the key ring", Verdict::Fail, why).next(DELIVER);
        rows.push(row.by(Evidence::leaf(refused.leaf), refused.recorded));
    }
    rows.push(match (known.untried(look), known.drill) {
        (Some(red), _) => red.row("the kit"),
        (None, Some(drill)) => {
            let why = format!(
                "tried {} at {}: it opened {} repositories, and {} leaves of the ledger",
                minute(drill.recorded),
                drill.what.location,
                drill.what.opened.len(),
                drill.what.leaves
            );
            Row::new("the kit", Verdict::Pass, why).by(Evidence::leaf(drill.leaf), drill.recorded)
        }
        (None, None) => Row::new("the kit", Verdict::NoEvidence, "it was never tried").next(DRILL),
    });
    Finding::of_rows(rows, "targets", "each location alone is enough, with the kit", Finding::no_evidence(""))
}

fn location_row(look: &Look<'_>, known: &Known<'_>, location: &str) -> Row {
    let row = |verdict, why: String| Row::new(location, verdict, why);
    let copies = &look.facts.ledger_copies;
    let Some(copy) = latest(copies, look.now, |copy| copy.location == location) else {
        return row(Verdict::NoEvidence, "no copy of the ledger was brought there yet".to_owned())
            .next(DELIVER);
    };
    let by_copy = |row: Row| row.by(Evidence::leaf(copy.leaf), copy.recorded);
    match known.ring_at(look, location) {
        None => {
            let why = "it has no key ring that the kit opens".to_owned();
            return by_copy(row(Verdict::NoEvidence, why)).next(DELIVER);
        }
        Some(at) => {
            if let Some(reason) = &at.what.older_left {
                let why = format!("older key rings lie there still: {reason}");
                return row(Verdict::Fail, why).next(DELIVER).by(Evidence::leaf(at.leaf), at.recorded);
            }
            if let Some(ring) = known.ring.filter(|ring| ring.what.ring != at.what.ring)
                && look.is_past(after(ring.recorded, hours(RING_OWED_HOURS)))
            {
                let why = format!("it was not given the key ring since it changed {}", minute(ring.recorded));
                return row(Verdict::Stale, why).next(DELIVER).by(Evidence::leaf(at.leaf), at.recorded);
            }
        }
    }
    let why = format!(
        "it has the key ring, and the ledger's {} leaves of {}",
        copy.what.leaves,
        minute(copy.recorded)
    );
    by_copy(if look.is_fresh(copy.recorded, hours(COPY_FRESH_HOURS)) {
        row(Verdict::Pass, why)
    } else {
        row(Verdict::Stale, why).next(DELIVER)
    })
}

/// What is known of the kit and of what it opens.
struct Known<'f> {
    kit: Option<&'f Noted<Kit>>,
    ring: Option<&'f Noted<Ring>>,
    /// The last trial of this kit.
    drill: Option<&'f Noted<KeyDrilled>>,
    /// The last one at a location that failed, whatever was tried elsewhere since.
    failed: Option<&'f Noted<KeyDrilled>>,
}

/// Why nobody knows whether the kit works.
struct Untried {
    verdict: Verdict,
    why: String,
    evidence: Option<(Evidence, jiff::Timestamp)>,
}

impl<'f> Known<'f> {
    fn of(look: &Look<'f>) -> Known<'f> {
        let kit = latest(&look.facts.kits, look.now, |_| true);
        let is_of_kit = |drill: &KeyDrilled| kit.is_some_and(|kit| kit.what.kit == drill.kit);
        let drills = &look.facts.key_drills;
        let last_at = |location: &String| {
            latest(drills, look.now, |drill| is_of_kit(drill) && drill.location == *location)
        };
        let last = look.inventory.locations.keys().filter_map(last_at);
        let failed = last.filter(|drill| drill.what.failure.is_some());
        Known {
            failed: failed.max_by_key(|drill| drill.recorded),
            kit,
            ring: latest(&look.facts.rings, look.now, |_| true),
            drill: latest(drills, look.now, is_of_kit),
        }
    }

    /// What a location was last given, where this kit opens it.
    fn ring_at(&self, look: &Look<'f>, location: &str) -> Option<&'f Noted<RingAt>> {
        let at = latest(&look.facts.rings_at, look.now, |at| at.location == location)?;
        self.kit.is_some_and(|kit| kit.what.kit == at.what.kit).then_some(at)
    }

    /// Declared locations whose ring has the key of a repository, for this kit.
    fn holders(&self, look: &Look<'f>, repository: &str) -> impl Iterator<Item = &'f str> {
        let rings = &look.facts.rings;
        let holds = |at: &Noted<RingAt>| {
            latest(rings, look.now, |ring| ring.ring == at.what.ring)
                .is_some_and(|ring| ring.what.repositories.contains(repository))
        };
        let locations = look.inventory.locations.keys().map(String::as_str);
        locations.filter(move |location| self.ring_at(look, location).is_some_and(holds))
    }

    /// Whether the last trial failed, is too old, or never was.
    fn untried(&self, look: &Look<'f>) -> Option<Untried> {
        let Some(drill) = self.drill else {
            let why = "that the kit opens anything was never tried".to_owned();
            return Some(Untried { verdict: Verdict::NoEvidence, why, evidence: None });
        };
        let failed = self.failed.unwrap_or(drill);
        if let Some(failure) = &failed.what.failure {
            let (at, location) = (minute(failed.recorded), &failed.what.location);
            let why = format!("the trial of {at} at {location} failed: {failure}");
            let evidence = Some((Evidence::leaf(failed.leaf), failed.recorded));
            return Some(Untried { verdict: Verdict::Fail, why, evidence });
        }
        let evidence = Some((Evidence::leaf(drill.leaf), drill.recorded));
        let at = minute(drill.recorded);
        let is_fresh = look.is_fresh(drill.recorded, hours(DRILL_FRESH_HOURS));
        (!is_fresh).then(|| Untried {
            verdict: Verdict::Stale,
            why: format!("the kit was last tried {at}, which is more than a month ago"),
            evidence,
        })
    }
}

impl Untried {
    fn row(self, target: &str) -> Row {
        let row = Row::new(target, self.verdict, self.why).next(DRILL);
        match self.evidence {
            Some((evidence, at)) => row.by(evidence, at),
            None => row,
        }
    }
}
