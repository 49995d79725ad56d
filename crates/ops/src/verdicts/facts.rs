//! From the ledger to the facts that verdicts are made from: everything with the instant at which it was recorded.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use holdfast_ledger::{
    AlarmKind, CheckOutcome, CheckScope, DeliveryState, PointCopy, PurgeState, Reader, RecordedPoint, Run,
    RunOutcome, Slot as Recorded, SlotState,
};
use holdfast_model::notice::Topic;
use holdfast_model::verdict::{
    ActionFact, AnchorFact, CopyChange, CopyState, DeliveryFact, Facts, Followed as LogFollowed, ForkFact,
    HoldFact, Noted, Observed, PointFact, PolicyFact, PurgeFact, Reading, RestartFact, ReviewFact, RunFact,
    Settled, SlotFact, SlotOutcome, StallFact,
};
use holdfast_model::{AssetName, Dataset};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::followed::Followed;
use super::stocktaking;
use crate::error::Result;
use crate::measured;
use crate::serve::expectation::{self, Which};
use crate::serve::translate;
use crate::serve::versions::Versions;
use crate::setup::Setup;

/// How far before the first instant that is judged rules look back.
const BACK: SignedDuration = SignedDuration::from_hours(33 * 24);
/// Purges further back than this say nothing any more.
const PURGES_BACK: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Slots are recorded some hours ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(48);

/// Gathers what judging the instants from `from` to `now` needs. Once `stop` is raised it is not all.
pub(super) fn gather(
    setup: &Setup,
    reader: &Reader,
    followed: &mut Followed,
    (from, now): (Timestamp, Timestamp),
    stop: &AtomicBool,
) -> Result<Facts> {
    let since = from.saturating_sub(BACK).unwrap_or(Timestamp::MIN);
    let versions = Versions::load(reader)?;
    let mut facts = Facts { policies: policies(setup, reader, &versions)?, ..Facts::default() };
    observations(reader, &mut facts)?;
    facts.reviews = reviews(reader)?;
    facts.slots = slots(setup, reader, &versions, since, now)?;
    let soon = after(now, SignedDuration::from_secs(1));
    let recorded = reader.points_lying(since)?;
    // What a point lacks it lacks for as long as it lies somewhere.
    let oldest = recorded.iter().map(|one| one.recorded_at).min().map_or(since, |at| at.min(since));
    let lacks = lacks(reader, &reader.runs_degraded(oldest.saturating_sub(BACK).unwrap_or(Timestamp::MIN))?)?;
    let runs = reader.runs_between(since, soon, None)?;
    let ids: Vec<&str> = recorded.iter().map(|one| one.point.id.as_str()).collect();
    let copies = reader.copies_of_all(&ids)?;
    facts.runs = run_facts(reader, &runs, &copies)?;
    let mut repositories: Vec<String> = recorded.iter().map(|one| one.point.repository.clone()).collect();
    repositories.extend(setup.repositories().into_keys());
    repositories.sort_unstable();
    repositories.dedup();
    followed.catch_up(reader, since, &ids.iter().copied().collect(), stop)?;
    for repository in repositories {
        for (location, changes) in followed.readings(&repository) {
            let (location, changes) = (location.clone(), changes.clone());
            facts.readings.push(Reading { repository: repository.clone(), location, changes });
        }
    }
    let purged = purges(reader, now, &mut facts)?;
    facts.points =
        recorded.into_iter().filter_map(|one| point(one, &copies, followed, &lacks, &purged)).collect();
    logs(reader, since, &mut facts.points)?;
    let alarms = reader.alarms_between(since, soon)?;
    let stalled = alarms.into_iter().filter(|alarm| alarm.alarm.kind == AlarmKind::PurgeStalled);
    facts.stalls = stalled
        .map(|alarm| StallFact {
            recorded: alarm.recorded_at,
            message: alarm.alarm.message,
            leaf: alarm.leaf,
        })
        .collect();
    facts.deliveries = deliveries(reader, since)?;
    facts.holds = reader.holds()?.into_iter().map(hold).collect();
    log_facts(reader, (since, soon), &mut facts)?;
    for (name, asset) in &setup.estate.assets {
        for dataset in asset.class().datasets() {
            if let Some(lasts) = measured::of_asset(reader, name.as_ref(), *dataset)? {
                facts.measured.insert((name.to_string(), *dataset), lasts);
            }
        }
    }
    Ok(facts)
}

/// What was done by hand, and where the log's signed heads went.
fn log_facts(reader: &Reader, (since, soon): (Timestamp, Timestamp), facts: &mut Facts) -> Result<()> {
    // What was done without the log waits for its review, however long ago it was.
    let unlogged = reader.actions_without_log()?.into_iter().filter(|one| one.begun_at < since);
    let recent = reader.actions_between(since, soon)?;
    facts.actions = unlogged.chain(recent).map(action).collect();
    let anchor = |anchor: holdfast_ledger::Anchor| AnchorFact {
        location: anchor.location,
        given: anchor.happened_at,
        leaves: anchor.head.leaves,
        leaf: anchor.leaf,
    };
    facts.anchors = reader.anchors(None)?.into_iter().map(anchor).collect();
    for restart in reader.log_restarts()? {
        // Whoever sets the clock back for a moment would have it be long ago: it is not before what was judged before it.
        let judged = reader.assessed_before(restart.leaf)?;
        let recorded = judged.map_or(restart.happened_at, |judged| judged.max(restart.happened_at));
        let (by, reason, leaf) = (restart.by, restart.reason, restart.leaf);
        facts.restarts.push(RestartFact { by, reason, recorded, leaf });
    }
    let alarms = reader.alarms_between(Timestamp::UNIX_EPOCH, soon)?;
    let forks = alarms.into_iter().filter(|alarm| alarm.alarm.kind == AlarmKind::LogForked);
    facts.forks = forks
        .map(|alarm| ForkFact {
            location: alarm.alarm.subject,
            recorded: alarm.recorded_at,
            leaf: alarm.leaf,
        })
        .collect();
    Ok(())
}

/// What people were told, and whether it got there.
fn deliveries(reader: &Reader, since: Timestamp) -> Result<Vec<DeliveryFact>> {
    let mut facts = Vec::new();
    for delivery in reader.deliveries_since(since)? {
        let Some(notice) = reader.notice(&delivery.notice)? else { continue };
        let settled = delivery.state.is_settled().then_some(Settled {
            recorded: delivery.recorded_at,
            leaf: delivery.leaf,
            is_delivered: delivery.state == DeliveryState::Delivered,
        });
        let failed =
            matches!(delivery.state, DeliveryState::Failed | DeliveryState::Refused | DeliveryState::GivenUp);
        facts.push(DeliveryFact {
            is_digest: Topic::parse(&notice.topic) == Some(Topic::Digest),
            said: notice.recorded_at,
            leaf: notice.leaf,
            failed: failed.then(|| (delivery.recorded_at, delivery.detail.unwrap_or_default())),
            settled,
            channel: delivery.channel,
        });
    }
    Ok(facts)
}

fn action(action: holdfast_ledger::Action) -> ActionFact {
    ActionFact {
        id: action.id,
        begun: action.begun_at,
        // Who cut it off knew as little as anybody how far it came.
        ended: action.ended_at.filter(|_| action.outcome != Some(holdfast_ledger::ActionOutcome::CutOff)),
        is_without_log: action.action.break_glass.is_some(),
        reviewed: action.reviewed_at,
        leaf: action.leaf,
    }
}

/// The versions that were adopted; where none was, what the file says.
fn policies(setup: &Setup, reader: &Reader, versions: &Versions) -> Result<Vec<PolicyFact>> {
    let mut policies = Vec::new();
    for adopted in reader.policy_versions()? {
        if let Some(version) = versions.numbered(adopted.number) {
            policies.push(PolicyFact {
                number: Some(adopted.number),
                from: version.from,
                recorded: adopted.recorded_at,
                policy: version.policy.clone(),
            });
        }
    }
    if policies.is_empty() {
        let (from, policy) = (Timestamp::MIN, setup.policy.clone());
        policies.push(PolicyFact { number: None, from, recorded: Timestamp::MIN, policy });
    }
    Ok(policies)
}

fn observations(reader: &Reader, facts: &mut Facts) -> Result<()> {
    for one in reader.observations()? {
        let (recorded, leaf) = (one.recorded_at, one.leaf);
        match stocktaking::read(&one) {
            Some(Observed::Inventory(what)) => facts.inventories.push(Noted { what, recorded, leaf }),
            Some(Observed::Keys(what)) => facts.keys.push(Noted { what, recorded, leaf }),
            Some(Observed::PolicySeen(what)) => facts.policies_seen.push(Noted { what, recorded, leaf }),
            Some(Observed::Probe(what)) => facts.probes.push(Noted { what, recorded, leaf }),
            Some(Observed::StorageWalked(what)) => facts.walks.push(Noted { what, recorded, leaf }),
            Some(Observed::LogAudited(what)) => facts.audits.push(Noted { what, recorded, leaf }),
            Some(Observed::Kit(what)) => facts.kits.push(Noted { what, recorded, leaf }),
            Some(Observed::Ring(what)) => facts.rings.push(Noted { what, recorded, leaf }),
            Some(Observed::RingRefused(what)) => facts.rings_refused.push(Noted { what, recorded, leaf }),
            Some(Observed::RingAt(what)) => facts.rings_at.push(Noted { what, recorded, leaf }),
            Some(Observed::LedgerCopied(what)) => facts.ledger_copies.push(Noted { what, recorded, leaf }),
            Some(Observed::KeyDrilled(what)) => facts.key_drills.push(Noted { what, recorded, leaf }),
            // Told by `status` and the log; no rule looks at it. Or of a newer program.
            Some(Observed::Recovered(_) | Observed::RingSealed(_) | Observed::LogWatched(_)) | None => {}
        }
    }
    Ok(())
}

fn reviews(reader: &Reader) -> Result<Vec<ReviewFact>> {
    let review = |review: holdfast_ledger::PolicyReview| ReviewFact {
        happened: review.happened_at,
        recorded: review.recorded_at,
        reviewer: review.reviewer,
        leaf: review.leaf,
    };
    Ok(reader.policy_reviews()?.into_iter().map(review).collect())
}

/// What was recorded, and what the policy wanted of a time when nobody recorded anything.
fn slots(
    setup: &Setup,
    reader: &Reader,
    versions: &Versions,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<SlotFact>> {
    let recorded = reader.slots_between(since, after(now, AHEAD), None)?;
    let mut slots: Vec<SlotFact> = recorded.iter().filter_map(slot).collect();
    let missing = expectation::unrecorded(reader, versions, &setup.estate, Which::Known, (now, now))?;
    for (_, slot) in missing.into_iter().filter(|(_, slot)| since <= slot.due && slot.due <= now) {
        let expected = translate::expected(&slot);
        slots.push(SlotFact {
            id: expected.id,
            asset: expected.asset,
            dataset: slot.dataset,
            is_full: expected.kind == "full",
            opens: slot.opens,
            closes: slot.closes,
            due: slot.due,
            is_recorded: false,
            settled: None,
        });
    }
    slots.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
    Ok(slots)
}

fn slot(slot: &Recorded) -> Option<SlotFact> {
    let outcome = match slot.state {
        SlotState::Expected => None,
        SlotState::Ok => Some(SlotOutcome::Ok),
        SlotState::Late => Some(SlotOutcome::Late),
        SlotState::Missed => Some(SlotOutcome::Missed),
        SlotState::Degraded => Some(SlotOutcome::Degraded),
        SlotState::Waived => Some(SlotOutcome::Waived),
    };
    Some(SlotFact {
        id: slot.id.clone(),
        asset: AssetName::parse(&slot.asset).ok()?.to_string(),
        dataset: Dataset::parse(&slot.dataset)?,
        is_full: slot.kind == "full",
        opens: slot.opens,
        closes: slot.closes,
        due: slot.due,
        is_recorded: true,
        settled: outcome.and_then(|outcome| Some((slot.settled_at?, outcome))),
    })
}

/// Runs that made a point, with what was read back of it.
fn run_facts(
    reader: &Reader,
    runs: &[Run],
    copies: &BTreeMap<String, Vec<PointCopy>>,
) -> Result<Vec<RunFact>> {
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let mut read_back: BTreeMap<String, BTreeMap<String, (u64, bool)>> = BTreeMap::new();
    for check in reader.checks_of_runs(&ids)? {
        let CheckScope::Run { run, .. } = &check.check.scope else { continue };
        let is_whole = matches!(check.check.outcome, CheckOutcome::Whole | CheckOutcome::Owed);
        // One that could not be asked is no reading.
        if check.check.outcome != CheckOutcome::Unusable {
            let of_run = read_back.entry(run.clone()).or_default();
            of_run.insert(check.check.location.clone(), (check.leaf, is_whole));
        }
    }
    let fact = |run: &Run| {
        let (ended, point) = (run.ended_at?, run.point.clone()?);
        let took = copies.get(&point).into_iter().flatten().filter(|copy| copy.has_since <= ended);
        Some(RunFact {
            dataset: Dataset::parse(&run.dataset)?,
            delivered: took.map(|copy| copy.location.clone()).collect(),
            read_back: read_back.remove(&run.id).unwrap_or_default(),
            id: run.id.clone(),
            asset: run.asset.clone(),
            ended,
            point,
        })
    };
    let mut facts: Vec<RunFact> = runs.iter().filter_map(fact).collect();
    facts.sort_by(|a, b| (a.ended, &a.id).cmp(&(b.ended, &b.id)));
    Ok(facts)
}

/// What points lack since they were made, told without the name of any file.
fn lacks(reader: &Reader, runs: &[Run]) -> Result<BTreeMap<String, String>> {
    let mut lacks = BTreeMap::new();
    for run in runs.iter().filter(|run| run.outcome == Some(RunOutcome::Degraded)) {
        let Some(point) = &run.point else { continue };
        let report: Option<Value> = reader.report(&run.id)?.and_then(|json| serde_json::from_str(&json).ok());
        // Erased with its client, or taken away: either way nobody can tell any more that nothing was missing.
        let Some(report) = report else {
            lacks.insert(point.clone(), "what its run could not do is not known any more".to_owned());
            continue;
        };
        // A location that is owed its copy takes nothing from the point; its copies tell.
        let is_in = |trouble: &&Value| matches!(trouble["kind"].as_str(), Some("unreadable" | "changed"));
        let count = report["troubles"].as_array().map_or(0, |troubles| troubles.iter().filter(is_in).count());
        if let Some(suspect) = report["suspect"].as_str() {
            lacks.insert(point.clone(), format!("it is suspect: {suspect}"));
        } else if count > 0 {
            lacks.insert(
                point.clone(),
                format!("{count} entries could not be read, or changed while they were"),
            );
        }
    }
    Ok(lacks)
}

/// Takes in the purges; returns when each point was decided upon.
fn purges(reader: &Reader, now: Timestamp, facts: &mut Facts) -> Result<BTreeMap<String, Timestamp>> {
    let mut decided = BTreeMap::new();
    for purge in reader.purges(now.saturating_sub(PURGES_BACK).unwrap_or(Timestamp::MIN))? {
        for point in reader.points_of_purge(&purge.id)? {
            decided.entry(point.decided.point).or_insert(purge.begun_at);
        }
        let wait = |wait: &holdfast_ledger::PurgeWait| {
            let at = wait.location.as_deref().map_or_else(String::new, |location| format!(" at {location}"));
            format!("{}{at}: {}", wait.repository, wait.reason)
        };
        facts.purges.push(PurgeFact {
            begun: purge.begun_at,
            done: purge.ended_at.filter(|_| purge.state == PurgeState::Done),
            dropped: purge.ended_at.filter(|_| purge.state == PurgeState::Dropped),
            waits: purge.waits.iter().map(wait).collect(),
            id: purge.id,
        });
    }
    Ok(decided)
}

fn point(
    one: RecordedPoint,
    copies: &BTreeMap<String, Vec<PointCopy>>,
    followed: &Followed,
    lacks: &BTreeMap<String, String>,
    purged: &BTreeMap<String, Timestamp>,
) -> Option<PointFact> {
    let RecordedPoint { point, recorded_at, leaf } = one;
    let mut changes = followed.copies(&point).cloned().unwrap_or_default();
    for copy in copies.get(&point.id).into_iter().flatten() {
        let known = changes.entry(copy.location.clone()).or_default();
        if known.first().is_none_or(|first| copy.has_since < first.recorded) {
            let state = CopyState { is_there: true, ..CopyState::default() };
            // The run that brought it records it with its point.
            known.insert(0, CopyChange { recorded: copy.has_since.max(recorded_at), leaf: None, state });
        }
        if let Some(removed) = copy.removed_at {
            known.push(CopyChange { recorded: removed, leaf: None, state: CopyState::default() });
        }
        known.sort_by_key(|change| change.recorded);
    }
    Some(PointFact {
        dataset: Dataset::parse(&point.dataset)?,
        is_full: point.kind == "full",
        instant: point.instant,
        recorded: recorded_at,
        leaf,
        lacks: lacks.get(&point.id).cloned(),
        purged: purged.get(&point.id).copied(),
        copies: changes,
        base: None,
        followed: Vec::new(),
        id: point.id,
        asset: point.asset,
        repository: point.repository,
    })
}

/// What points of logs go on from and where they were read back, and until when servers said that nothing had happened since a
/// point.
fn logs(reader: &Reader, since: Timestamp, points: &mut [PointFact]) -> Result<()> {
    let by_id: BTreeMap<String, usize> =
        points.iter().enumerate().map(|(place, point)| (point.id.clone(), place)).collect();
    let ids: Vec<&str> =
        points.iter().filter(|point| point.dataset == Dataset::Log).map(|point| point.id.as_str()).collect();
    for log in reader.logs_among(&ids)? {
        let Some(point) = by_id.get(&log.point).and_then(|place| points.get_mut(*place)) else { continue };
        for location in log.checked_at {
            let known = point.copies.entry(location).or_default();
            // What was found later stands in checks of its own.
            if let Some(first) = known.first_mut().filter(|first| first.state.is_there) {
                (first.state.is_checked, first.leaf) = (true, Some(log.leaf));
            }
        }
        point.base = Some(log.base);
    }
    for seen in reader.looks_since(since)? {
        if let Some(point) = by_id.get(&seen.look.point).and_then(|place| points.get_mut(*place)) {
            point.followed.push(LogFollowed { recorded: seen.recorded_at, until: seen.look.until });
        }
    }
    Ok(())
}

fn hold(hold: holdfast_ledger::Hold) -> HoldFact {
    HoldFact {
        id: hold.id,
        asset: hold.hold.asset,
        owner: hold.hold.owner,
        reason: hold.hold.reason,
        review_on: hold.hold.review_on,
        placed: hold.placed_at,
        released: hold.released_at,
    }
}

fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
