//! From the ledger to what may have to be said.

use std::collections::BTreeMap;

use holdfast_ledger::{Delivery, DeliveryState, Reader, SlotState};
use holdfast_model::notice::{AlarmSeen, Digest, Known, Said, Stuck, Topic};
use holdfast_model::verdict::{ControlVerdict, Observed, Row, Worst, review_due};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::ping;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::verdicts::{HEADLINE, stocktaking};

/// What was said longer ago is of no interest; nothing is red for so long without being said again.
const SAID_BACK: SignedDuration = SignedDuration::from_hours(400 * 24);
/// So many looks in a row must find a location away.
const LOOKS: usize = 2;

/// All that is known, and all that was said.
pub(super) struct Gathered {
    pub(super) known: Known,
    pub(super) digest: Digest,
    pub(super) said: Vec<Said>,
    /// Each with when its notice was said.
    pub(super) waiting: Vec<(Delivery, Timestamp)>,
    /// When people could first be told anything.
    pub(super) from: Timestamp,
}

/// Gathers it; `None` before anything was judged.
pub(super) fn gather(setup: &Setup, reader: &Reader, now: Timestamp) -> Result<Option<Gathered>> {
    let Some(assessed) = reader.verdicts_at(now)? else { return Ok(None) };
    let waiting = reader.deliveries_waiting()?;
    let mut known = Known {
        now,
        assessed: assessed.at,
        controls: Vec::new(),
        away: away(setup, reader)?,
        alarms: alarms(reader, now)?,
        review_due: review(setup, reader, now)?,
        stuck: stuck(setup, reader, &waiting, now)?,
        zone: setup.policy.zone.clone(),
    };
    let mut digest = Digest { slots: slots(reader, now)?, ..Digest::default() };
    for ((name, target), document) in &assessed.verdicts {
        match target {
            None if name == HEADLINE => digest.worst = read::<Option<Worst>>(&document["worst"])?,
            None => known.controls.push(read::<ControlVerdict>(document)?),
            Some(_) => {}
        }
    }
    for control in &mut known.controls {
        if control.is_of_objectives() || control.verdict.is_red() {
            let rows = assessed.rows(&control.control);
            control.rows = rows.map(|(_, row)| read::<Row>(row)).collect::<Result<_>>()?;
        }
    }
    digest.waiting = waiting.len() as u64;
    let said = said(reader, now)?;
    // Where that lies ahead, a clock ran ahead, and what is known better is when it was said at the latest.
    let first = reader.first_said()?.filter(|first| *first <= now);
    let from = first.or_else(|| said.iter().map(|one| one.at).min()).unwrap_or(now).min(now);
    Ok(Some(Gathered { known, digest, said, waiting, from }))
}

fn read<T: serde::de::DeserializeOwned>(document: &Value) -> Result<T> {
    T::deserialize(document)
        .map_err(|error| Error::not_done(format!("a verdict in the ledger cannot be read: {error}")))
}

/// What was said, in the order in which it was written down. A notice of a clock that ran ahead was said before anything was
/// recorded after it.
fn said(reader: &Reader, now: Timestamp) -> Result<Vec<Said>> {
    let since = now.saturating_sub(SAID_BACK).unwrap_or(Timestamp::MIN);
    let mut said = Vec::new();
    let (mut latest, mut end) = (Timestamp::MAX, u64::MAX);
    for notice in reader.notices_since(since)?.into_iter().rev() {
        let mut at = notice.said_at;
        if at > now {
            let after = reader.earliest_recorded(notice.leaf + 1..end)?;
            latest = after.map_or(latest, |after| latest.min(after));
            end = notice.leaf + 1;
            at = at.min(latest);
        }
        // Topics of a newer program are said by that one.
        let Some(topic) = Topic::parse(&notice.topic) else { continue };
        said.push(Said { topic, at, items: serde_json::from_value(notice.items).unwrap_or_default() });
    }
    said.reverse();
    Ok(said)
}

/// Locations that did not answer the last times that they were asked.
fn away(setup: &Setup, reader: &Reader) -> Result<BTreeMap<String, (Timestamp, String)>> {
    let mut away: BTreeMap<String, (Timestamp, String, usize)> = BTreeMap::new();
    for one in reader.observations_of("probe")? {
        let Some(Observed::Probe(probe)) = stocktaking::read(&one) else { continue };
        match probe.failure {
            None => {
                away.remove(&probe.location);
            }
            Some(why) => {
                let entry = away.entry(probe.location).or_insert((one.recorded_at, String::new(), 0));
                (entry.1, entry.2) = (why, entry.2 + 1);
            }
        }
    }
    let is_used = |name: &String| setup.estate.locations.contains_key(name.as_str());
    let away = away.into_iter().filter(|(name, (_, _, looks))| is_used(name) && *looks >= LOOKS);
    Ok(away.map(|(name, (since, why, _))| (name, (since, why))).collect())
}

fn alarms(reader: &Reader, now: Timestamp) -> Result<Vec<AlarmSeen>> {
    let soon = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    let alarms = reader.alarms_between(Known::alarms_from(now), soon)?.into_iter();
    let seen = alarms.map(|alarm| AlarmSeen {
        kind: alarm.alarm.kind.as_str().to_owned(),
        subject: alarm.alarm.subject,
        message: alarm.alarm.message,
        recorded: alarm.recorded_at,
    });
    Ok(seen.collect())
}

fn review(setup: &Setup, reader: &Reader, now: Timestamp) -> Result<Option<jiff::civil::Date>> {
    let reviews = reader.policy_reviews()?;
    let last = reviews.iter().map(|review| review.happened_at).filter(|at| *at <= now).max();
    let mut effective = setup.policy.header.value.effective;
    for one in reader.observations_of("policy-seen")? {
        if let Some(Observed::PolicySeen(seen)) = stocktaking::read(&one) {
            effective = effective.min(seen.effective);
        }
    }
    Ok(review_due(&setup.policy, last, effective))
}

/// Slots of a day: in time, late or lacking something, missed.
fn slots(reader: &Reader, now: Timestamp) -> Result<(u64, u64, u64)> {
    let since = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let slots = reader.slots_between(since, now, None)?;
    let count =
        |wanted: &[SlotState]| slots.iter().filter(|slot| wanted.contains(&slot.state)).count() as u64;
    Ok((count(&[SlotState::Ok]), count(&[SlotState::Late, SlotState::Degraded]), count(&[SlotState::Missed])))
}

/// Channels on which something waits for longer than it may, or was given up last, and a ping that nobody takes.
fn stuck(
    setup: &Setup,
    reader: &Reader,
    waiting: &[(Delivery, Timestamp)],
    now: Timestamp,
) -> Result<Vec<Stuck>> {
    let alerts = &setup.estate.alerts;
    let patience = SignedDuration::try_from(alerts.escalate_after).unwrap_or(SignedDuration::MAX);
    let is_over = |since: Timestamp| since.saturating_add(patience).unwrap_or(Timestamp::MAX) <= now;
    let mut oldest: BTreeMap<&str, Stuck> = BTreeMap::new();
    let is_declared = |(one, _): &&(Delivery, Timestamp)| alerts.channels.contains_key(one.channel.as_str());
    for (one, said_at) in waiting.iter().filter(is_declared) {
        let why = one.detail.clone().unwrap_or_else(|| "nobody tried to send it".to_owned());
        let stuck = Stuck { channel: one.channel.clone(), since: *said_at, why };
        oldest.entry(&one.channel).or_insert(stuck);
    }
    // One that was given up is no sign that anything arrives again: the next that is delivered is.
    for (one, said_at) in reader.last_settled()? {
        if one.state == DeliveryState::GivenUp
            && let Some((name, _)) = alerts.channels.get_key_value(one.channel.as_str())
        {
            let why = format!("given up: {}", one.detail.unwrap_or_default());
            let stuck = Stuck { channel: one.channel, since: said_at, why };
            oldest.entry(name.as_str()).or_insert(stuck);
        }
    }
    let mut stuck: Vec<Stuck> = oldest.into_values().filter(|one| is_over(one.since)).collect();
    if alerts.ping.is_some()
        && let Some((since, why)) = ping::failing(setup)?
        && is_over(since)
    {
        stuck.push(Stuck { channel: ping::NAME.to_owned(), since, why });
    }
    Ok(stuck)
}
