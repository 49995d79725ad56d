//! What is to be said is written down, with the channels that it goes to.

use std::collections::BTreeSet;

use holdfast_ledger::{Attempt, Delivery, DeliveryState, Ledger, NewNotice, Reader};
use holdfast_model::ChannelName;
use holdfast_model::estate::{Alerts, Team};
use holdfast_model::notice::{self, Item, Letter, Pace, Sender, Topic};
use jiff::{SignedDuration, Timestamp};

use super::deliver::Message;
use super::gather::{self, Gathered};
use crate::error::{Error, Result};
use crate::setup::Setup;

/// Decides and writes down; returns the subjects.
pub(super) fn say(setup: &Setup, ledger: &Ledger, now: Timestamp) -> Result<Vec<String>> {
    let reader = ledger.read();
    let alerts = &setup.estate.alerts;
    let Some(gathered) = gather::gather(setup, reader, now)? else { return Ok(Vec::new()) };
    let (withdrawn, mut new) = withdraw(alerts, &gathered.waiting, reader)?;
    let sender = Sender::of(&setup.policy, setup.world.environment.hostname());
    let conditions = notice::conditions(&gathered.known);
    let watched = notice::watched(&gathered.known);
    let remind = SignedDuration::try_from(alerts.remind_after).unwrap_or(SignedDuration::MAX);
    let pace = Pace { remind, ..Pace::default() };
    let zone = &setup.policy.zone;
    for notice in notice::decide(&conditions, &watched, &gathered.said, pace, gathered.from, now) {
        let items: Vec<Item> = notice.news.iter().map(|(item, _)| item.clone()).collect();
        let letter = notice::words(&notice, &sender, zone, now);
        new.push(written(alerts, &notice.topic, letter, &items, &gathered)?);
    }
    if notice::digest_due(&gathered.said, alerts.digest_at, zone, now).is_some() {
        let (letter, items) = notice::digest(&gathered.known, &conditions, &gathered.digest, &sender);
        new.push(written(alerts, &Topic::Digest, letter, &items, &gathered)?);
    }
    if withdrawn.is_empty() && new.is_empty() {
        return Ok(Vec::new());
    }
    let mut said = Vec::new();
    ledger.write(|transaction| {
        withdrawn.into_iter().try_for_each(|attempt| transaction.attempted(attempt, now))?;
        for notice in new {
            let subject = notice.subject.clone();
            let id = transaction.say(notice, now)?;
            said.push(format!("notice {id}: {subject}"));
        }
        Ok(())
    })?;
    Ok(said)
}

fn written(
    alerts: &Alerts,
    topic: &Topic,
    letter: Letter,
    items: &[Item],
    gathered: &Gathered,
) -> Result<NewNotice> {
    let items = serde_json::to_value(items).map_err(|e| Error::not_done(format!("write a notice: {e}")))?;
    let subject = letter.short_subject();
    let team = topic.team().map(|team| team.as_str().to_owned());
    let channels = channels(alerts, topic, gathered);
    Ok(NewNotice { topic: topic.name(), team, subject, text: letter.text, items, channels })
}

/// That a channel fails is told by every other one. Where all do, by all: whichever comes back first says it.
fn channels(alerts: &Alerts, topic: &Topic, gathered: &Gathered) -> Vec<String> {
    let all = || alerts.channels.keys().map(ToString::to_string);
    if *topic == Topic::Delivery {
        let is_well = |name: &String| !gathered.known.stuck.iter().any(|stuck| stuck.channel == *name);
        let well: Vec<String> = all().filter(is_well).collect();
        return if well.is_empty() { all().collect() } else { well };
    }
    match topic.team() {
        Some(team) => alerts.of_team(team).iter().map(ToString::to_string).collect(),
        None => all().collect(),
    }
}

/// A notice that one channel was given up to take, for the channels that never had it; `None` where another one has it, or
/// will.
pub(super) fn elsewhere(
    setup: &Setup,
    reader: &Reader,
    notice: &Message,
    given_up: &ChannelName,
    why: &str,
) -> Result<Option<NewNotice>> {
    let all = reader.deliveries_of(&notice.id)?;
    if all.iter().any(|one| one.channel != given_up.as_str() && !is_lost(one)) {
        return Ok(None);
    }
    let never_had_it = |name: &&ChannelName| !all.iter().any(|one| one.channel == name.as_str());
    let channels: Vec<String> =
        setup.estate.alerts.channels.keys().filter(never_had_it).map(ToString::to_string).collect();
    if channels.is_empty() {
        return Ok(None);
    }
    let text = format!("For a day {given_up} did not take this: {why}\n\n{}", notice.text);
    let (topic, team, subject) = (notice.topic.clone(), notice.team.clone(), notice.subject.clone());
    Ok(Some(again((topic, team), (subject, text), channels)))
}

/// Whether nobody gets it on that channel any more.
fn is_lost(one: &Delivery) -> bool {
    matches!(one.state, DeliveryState::Withdrawn | DeliveryState::GivenUp)
}

/// What was said already, for others. What it says of which target stands in the first one.
fn again(
    (topic, team): (String, Option<String>),
    (subject, text): (String, String),
    channels: Vec<String>,
) -> NewNotice {
    let items = serde_json::Value::Array(Vec::new());
    NewNotice { topic, team, subject, text, items, channels }
}

type Withdrawn = (Vec<Attempt>, Vec<NewNotice>);

/// Takes back what waits for channels that are not declared any more. What would reach nobody then is said again, to those
/// who are there now.
fn withdraw(alerts: &Alerts, waiting: &[(Delivery, Timestamp)], reader: &Reader) -> Result<Withdrawn> {
    let (mut attempts, mut new) = (Vec::new(), Vec::new());
    let waits_in_vain =
        |one: &&Delivery| !one.state.is_settled() && !alerts.channels.contains_key(one.channel.as_str());
    let notices: BTreeSet<&str> =
        waiting.iter().map(|(one, _)| one).filter(waits_in_vain).map(|one| one.notice.as_str()).collect();
    for id in notices {
        let all = reader.deliveries_of(id)?;
        attempts.extend(all.iter().filter(waits_in_vain).map(|one| Attempt {
            notice: one.notice.clone(),
            channel: one.channel.clone(),
            state: DeliveryState::Withdrawn,
            detail: Some("there is no such channel any more".to_owned()),
            payload_sha256: None,
        }));
        let reaches = |one: &Delivery| !is_lost(one) && !waits_in_vain(&one);
        let Some(old) = reader.notice(id)?.filter(|_| !all.iter().any(reaches)) else { continue };
        let team = old.team.as_deref().and_then(Team::parse);
        let all = || alerts.channels.keys().cloned().collect();
        let channels = team.map_or_else(all, |team| alerts.of_team(team));
        let channels = channels.iter().map(ToString::to_string).collect();
        new.push(again((old.topic, old.team), (old.subject, old.text), channels));
    }
    Ok((attempts, new))
}
