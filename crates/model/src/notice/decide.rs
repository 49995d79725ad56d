//! From what is so and what was said to what is to be said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::conditions::end_waits;
use super::{Condition, Item, Notice, Phase, Said, Topic};

/// So long news wait for others, to be told with them.
pub(super) const GATHER: SignedDuration = SignedDuration::from_mins(10);
/// Of an alarm that is raised again people hear this often, however rarely they want to be reminded of what lasts.
const ALARM_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// How often people are told.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// News on a topic that was told less than so long ago are gathered until then.
    pub gather: SignedDuration,
    /// What lasts is said again after so long.
    pub remind: SignedDuration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { gather: GATHER, remind: SignedDuration::from_hours(24) }
    }
}

/// What was said of a target on a topic.
#[derive(Clone, Copy)]
struct Told {
    since: Timestamp,
    until: Option<Timestamp>,
    at: Timestamp,
    weight: u64,
}

/// What was said on a topic.
#[derive(Default)]
struct History<'s> {
    last: Option<Timestamp>,
    told: BTreeMap<(&'s str, &'s str), Vec<Told>>,
}

/// What is to be said now. `from` is when people could first be told anything: what was over by then is no news. What was said
/// comes in the order in which it was written down, and `watched` are the parts whose objectives somebody looks at.
pub fn decide(
    conditions: &[Condition],
    watched: &BTreeSet<String>,
    said: &[Said],
    pace: Pace,
    from: Timestamp,
    now: Timestamp,
) -> Vec<Notice> {
    let mut histories: BTreeMap<&Topic, History<'_>> = BTreeMap::new();
    for (notice, at) in said.iter().zip(said_at(said, now)) {
        histories.entry(&notice.topic).or_default().take(notice, at);
    }
    let mut by_topic: BTreeMap<&Topic, Vec<&Condition>> = BTreeMap::new();
    for condition in conditions {
        by_topic.entry(&condition.topic).or_default().push(condition);
    }
    let topics: BTreeSet<&Topic> = histories.keys().chain(by_topic.keys()).copied().collect();
    let none = History::default();
    let decided = topics.into_iter().filter_map(|topic| {
        let history = histories.get(topic).unwrap_or(&none);
        let conditions = by_topic.get(topic).map_or(&[][..], Vec::as_slice);
        on_topic(topic, (conditions, watched), history, pace, from, now)
    });
    decided.collect()
}

/// When each was said. An instant that lies ahead is what a clock leaves behind that ran ahead and was set back; that one was
/// said before whatever was written down after it, and before now.
fn said_at(said: &[Said], now: Timestamp) -> Vec<Timestamp> {
    let mut latest = now;
    let one = |one: &Said| {
        latest = latest.min(one.at);
        if one.at > now { latest } else { one.at }
    };
    let mut instants: Vec<Timestamp> = said.iter().rev().map(one).collect();
    instants.reverse();
    instants
}

fn on_topic(
    topic: &Topic,
    (conditions, watched): (&[&Condition], &BTreeSet<String>),
    history: &History<'_>,
    pace: Pace,
    from: Timestamp,
    now: Timestamp,
) -> Option<Notice> {
    let is_past = |last: Timestamp, by: SignedDuration| now.duration_since(last) >= by;
    let mut notice = Notice { topic: topic.clone(), news: Vec::new(), lasting: Vec::new() };
    for condition in conditions {
        let told = history.told.get(&condition.key()).map_or(&[][..], Vec::as_slice);
        let phase = match topic {
            Topic::Alarm(_) => alarm(condition, told, pace, from, now),
            Topic::BeforeBreach | Topic::Review => {
                (!told.iter().any(|told| told.since == condition.since)).then_some(Phase::Happened)
            }
            // The day decides, and whoever asks knows it.
            Topic::Digest => None,
            _ => match told.iter().find(|told| told.is(condition)) {
                Some(told) if told.until.is_some() => None,
                Some(_) if condition.until.is_some() => Some(Phase::Ended),
                Some(told) if topic.may_get_worse() && condition.weight > told.weight => Some(Phase::Worse),
                Some(_) => {
                    notice.lasting.push((*condition).clone());
                    None
                }
                None => match condition.until {
                    Some(until) => (until > from).then_some(Phase::Passed),
                    None => Some(Phase::Begun),
                },
            },
        };
        if let Some(phase) = phase {
            notice.news.push((item(condition, phase), (*condition).clone()));
        }
    }
    if topic.lasts() {
        notice.news.extend(over(topic, (conditions, watched), history, now));
    }
    let weight = |condition: &Condition| std::cmp::Reverse(condition.weight);
    notice.news.sort_by(|(a, x), (b, y)| {
        (a.phase, weight(x), a.since, &a.target).cmp(&(b.phase, weight(y), b.since, &b.target))
    });
    notice.lasting.sort_by(|a, b| (weight(a), a.since, &a.target).cmp(&(weight(b), b.since, &b.target)));
    let waits = |condition: &Condition| match topic {
        // A channel that fails had its time already, and whoever waits for its return wants to know at once.
        Topic::Delivery => SignedDuration::ZERO,
        _ => condition.waits.unwrap_or(pace.gather),
    };
    let gather = notice.news.iter().map(|(_, condition)| waits(condition)).min();
    let is_news = gather.is_some_and(|gather| history.last.is_none_or(|last| is_past(last, gather)));
    let is_reminder = topic.is_said_again()
        && !notice.lasting.is_empty()
        && history.last.is_some_and(|last| is_past(last, pace.remind));
    (is_news || is_reminder).then_some(notice)
}

/// An alarm is raised as often as somebody looks, and said once in a while.
fn alarm(condition: &Condition, told: &[Told], pace: Pace, from: Timestamp, now: Timestamp) -> Option<Phase> {
    let is_new = match told.last() {
        None => condition.since > from,
        Some(last) => {
            // One of a clock that ran ahead came before whatever was recorded after it was said.
            let is_later = if last.since > last.at {
                condition.since >= last.at && condition.since != last.since
            } else {
                condition.since > last.since
            };
            is_later && now.duration_since(last.at) >= pace.remind.min(ALARM_AGAIN)
        }
    };
    is_new.then_some(Phase::Happened)
}

/// What was said to last, and of which nothing is known any more.
fn over(
    topic: &Topic,
    (conditions, watched): (&[&Condition], &BTreeSet<String>),
    history: &History<'_>,
    now: Timestamp,
) -> Vec<(Item, Condition)> {
    let mut over = Vec::new();
    let mut by_target: BTreeMap<(&str, &str), Vec<&Condition>> = BTreeMap::new();
    for condition in conditions {
        by_target.entry(condition.key()).or_default().push(condition);
    }
    for (key @ (target, about), told) in &history.told {
        let is_unwatched = *topic == Topic::Breach && !watched.contains(*target);
        let phase = if is_unwatched { Phase::Unwatched } else { Phase::Ended };
        let known = by_target.get(key).map_or(&[][..], Vec::as_slice);
        let open = told.iter().filter(|told| told.until.is_none());
        for told in open.filter(|told| !known.iter().any(|condition| told.is(condition))) {
            let condition = Condition {
                topic: topic.clone(),
                target: (*target).to_owned(),
                about: (*about).to_owned(),
                since: told.since,
                is_older: false,
                until: Some(now.max(told.since)),
                why: String::new(),
                next: None,
                weight: 0,
                waits: end_waits(topic, target),
            };
            over.push((item(&condition, phase), condition));
        }
    }
    over
}

fn item(condition: &Condition, phase: Phase) -> Item {
    Item {
        target: condition.target.clone(),
        about: condition.about.clone(),
        weight: condition.weight,
        phase,
        since: condition.since,
        until: condition.until,
    }
}

impl Condition {
    /// What it is told apart by on its topic.
    fn key(&self) -> (&str, &str) {
        (&self.target, &self.about)
    }
}

impl<'s> History<'s> {
    fn take(&mut self, notice: &'s Said, at: Timestamp) {
        self.last = self.last.max(Some(at));
        for item in &notice.items {
            let told = self.told.entry((&item.target, &item.about)).or_default();
            // Nothing that was said to be over goes on after that, whatever a clock said.
            let until = item.until.map(|until| until.min(at));
            let new = Told { since: item.since, until, at, weight: item.weight };
            match item.phase {
                Phase::Worse => {
                    for open in told.iter_mut().filter(|told| told.until.is_none()) {
                        open.weight = open.weight.max(item.weight);
                    }
                }
                Phase::Ended | Phase::Unwatched => {
                    // Of what began earlier than anybody can still see, another instant is told; that is the oldest.
                    let same = told.iter().position(|told| told.until.is_none() && told.since == item.since);
                    let known = same.or_else(|| told.iter().position(|told| told.until.is_none()));
                    if let Some(known) = known.and_then(|at| told.get_mut(at)) {
                        known.until = until.or(Some(at));
                    }
                }
                Phase::Begun | Phase::Passed | Phase::Happened => told.push(new),
            }
        }
    }
}

impl Told {
    /// Whether a condition is the one that was told of.
    fn is(&self, condition: &Condition) -> bool {
        let overlaps = match self.until {
            None => condition.until.is_none_or(|until| until >= self.since),
            Some(until) => self.since <= condition.since && until >= condition.since,
        };
        self.since == condition.since || (condition.is_older && overlaps)
    }
}

impl Topic {
    /// Whether what it is about goes on until it ends.
    fn lasts(&self) -> bool {
        matches!(self, Topic::Breach | Topic::Controls(_) | Topic::Away | Topic::Delivery)
    }

    /// Whether people are told when what they know of is worse than it was.
    fn may_get_worse(&self) -> bool {
        matches!(self, Topic::Controls(_))
    }

    /// Whether people are reminded while it does. Red controls stand in each day's digest.
    fn is_said_again(&self) -> bool {
        matches!(self, Topic::Breach | Topic::Away | Topic::Delivery)
    }
}
