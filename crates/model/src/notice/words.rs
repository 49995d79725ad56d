//! A notice in words, for somebody who was asleep a minute ago: the subject says what is broken and how much of it, the first
//! lines say since when, why and what to do.
//!
//! Names of folders and words of other programs come from outside. A line break in one would begin a header or a line of its
//! own, so nothing of it is left.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Condition, Item, Notice, Phase, Topic, minute};
use crate::Policy;

/// A message: the same words whatever way it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// Whose notices these are.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The company, by the policy.
    pub company: String,
    /// How it is reached, by the policy.
    pub contact: Vec<String>,
    /// The machine that says it.
    pub host: String,
}

/// So many are described; the rest is counted.
const SHOWN: usize = 20;
/// So many letters a subject has at most.
const SUBJECT_MAX: usize = 160;

impl Sender {
    /// As the policy names it.
    pub fn of(policy: &Policy, host: &str) -> Sender {
        let (header, contact) = (&policy.header.value, &policy.contact.value);
        let number = contact.company_number.as_ref().map(|number| format!("company number {number}"));
        let lines =
            [Some(contact.address.join(", ")), number, Some(contact.email.clone()), contact.phone.clone()];
        Sender {
            company: header.company.clone(),
            contact: lines.into_iter().flatten().filter(|line| !line.is_empty()).collect(),
            host: host.to_owned(),
        }
    }
}

/// The words of a notice.
pub fn words(notice: &Notice, sender: &Sender, zone: &TimeZone, now: Timestamp) -> Letter {
    let of = |phase: Phase| notice.news.iter().filter(move |(item, _)| item.phase == phase);
    let what = headline(notice);
    let mut text = format!("{what}\n");
    let sections = [
        (Phase::Begun, began(&notice.topic)),
        (Phase::Worse, "Worse than was told before"),
        (Phase::Happened, ""),
        (Phase::Passed, "Was broken meanwhile, and is in order again"),
        (Phase::Ended, ended(&notice.topic)),
        (
            Phase::Unwatched,
            "Not watched any more: removed, or without an objective; nothing was restored to order",
        ),
    ];
    for (phase, title) in sections {
        let count = of(phase).count();
        if count > 0 {
            if !title.is_empty() {
                let _ = write!(text, "\n{title}: {count}\n");
            }
            text.push('\n');
            text += &blocks(of(phase).map(|(item, condition)| (Some(item), condition)), count, zone);
        }
    }
    if !notice.lasting.is_empty() {
        let _ = write!(text, "\nStill so, and told before: {}\n\n", notice.lasting.len());
        text += &blocks(notice.lasting.iter().map(|one| (None, one)), notice.lasting.len(), zone);
    }
    let _ = write!(text, "\nSaid at {}. `holdfast status` tells all of it.\n", minute(now, zone));
    text += &footer(sender);
    Letter { subject: one_line(&format!("holdfast {}: {what}", sender.company)), text }
}

/// The one line that is read on a telephone at night.
fn headline(notice: &Notice) -> String {
    let of = |phases: &[Phase]| -> Vec<&(Item, Condition)> {
        notice.news.iter().filter(|(item, _)| phases.contains(&item.phase)).collect()
    };
    let begun = of(&[Phase::Begun, Phase::Worse, Phase::Happened]);
    let (over, unwatched) = (of(&[Phase::Ended, Phase::Passed]), of(&[Phase::Unwatched]));
    let (first, count) = match (begun.first(), over.first(), unwatched.first(), notice.lasting.first()) {
        (Some((_, first)), ..) => (first, begun.len()),
        (None, Some((_, first)), ..) => (first, over.len()),
        (None, None, Some((_, first)), _) => (first, unwatched.len()),
        (None, None, None, Some(first)) => (first, notice.lasting.len()),
        (None, None, None, None) => return notice.topic.name(),
    };
    let is_worse = begun.first().is_some_and(|(item, _)| item.phase == Phase::Worse);
    let (is_begun, is_over) = (!begun.is_empty(), !over.is_empty());
    let named = many(&first.target, count);
    let left = match notice.lasting.len() + begun.len() {
        0 => String::new(),
        left => format!("; {left} still {}", if left == 1 { "is" } else { "are" }),
    };
    let line = match (&notice.topic, is_begun, is_over) {
        (Topic::Breach, true, _) => format!("BREACH: {named} beyond the objective"),
        (Topic::Breach, false, true) => format!("ENDED: {named} within the objective again{left}"),
        (Topic::Breach, false, false) if !unwatched.is_empty() => {
            format!("NO LONGER WATCHED: {named} removed or without an objective{left}")
        }
        (Topic::Breach, false, false) => format!("STILL BROKEN: {named} beyond the objective"),
        (Topic::BeforeBreach, ..) => format!("BREAKS SOON: {named}: {}", first.why),
        (Topic::Controls(_), true, _) if is_worse => format!("WORSE: {named}: {}", first.why),
        (Topic::Controls(_), true, _) => format!("RED: {named}: {}", first.why),
        (Topic::Controls(_), ..) => format!("NOT RED ANY MORE: {named}{left}"),
        (Topic::Alarm(kind), ..) => format!("ALARM, {}: {named}: {}", kind.replace('-', " "), first.why),
        (Topic::Away, true, _) => format!("LOCATION AWAY: {named}: {}", first.why),
        (Topic::Away, false, true) => format!("LOCATION BACK: {named}{left}"),
        (Topic::Away, false, false) => format!("LOCATION STILL AWAY: {named}"),
        (Topic::Review, ..) => format!("REVIEW: {}", first.why),
        (Topic::Delivery, true, _) => format!("NOTICES DO NOT ARRIVE by {named}: {}", first.why),
        (Topic::Delivery, false, true) => format!("NOTICES ARRIVE AGAIN by {named}{left}"),
        (Topic::Delivery, false, false) => format!("NOTICES STILL DO NOT ARRIVE by {named}"),
        (Topic::Digest, ..) => "daily".to_owned(),
    };
    one_line(&line)
}

fn many(target: &str, count: usize) -> String {
    match count {
        0 | 1 => target.to_owned(),
        2 => format!("{target} and 1 other"),
        _ => format!("{target} and {} others", count - 1),
    }
}

fn began(topic: &Topic) -> &'static str {
    match topic {
        Topic::Breach => "Beyond the objective from now on",
        Topic::Controls(_) => "Red from now on",
        Topic::Away => "Do not answer",
        Topic::Delivery => "Reach nobody",
        _ => "New",
    }
}

fn ended(topic: &Topic) -> &'static str {
    match topic {
        Topic::Breach => "Within the objective again",
        Topic::Controls(_) => "Not red any more",
        Topic::Away => "Answer again, or are not used any more",
        Topic::Delivery => "Deliver again, or are not used any more",
        _ => "Over",
    }
}

/// One paragraph for each, up to a screenful or two.
pub(super) fn blocks<'c>(
    told: impl Iterator<Item = (Option<&'c Item>, &'c Condition)>,
    count: usize,
    zone: &TimeZone,
) -> String {
    let mut text = String::new();
    for (item, condition) in told.take(SHOWN) {
        let _ = writeln!(text, "  {}", one_line(&condition.target));
        let since = item.map_or(condition.since, |item| item.since);
        let about = if condition.is_older { "at the latest " } else { "" };
        let _ = writeln!(text, "    since  {about}{}", minute(since, zone));
        if let Some(until) = condition.until {
            let _ = writeln!(text, "    until  {}", minute(until, zone));
        } else if !condition.why.is_empty() {
            let _ = writeln!(text, "    why    {}", one_line(&condition.why));
        }
        if let (Some(next), None) = (&condition.next, condition.until) {
            let _ = writeln!(text, "    do     {}", one_line(next));
        }
    }
    if count > SHOWN {
        let _ = writeln!(text, "  ... and {} more; `holdfast status` names all", count - SHOWN);
    }
    text
}

pub(super) fn footer(sender: &Sender) -> String {
    let mut text =
        format!("\n-- \nholdfast on {}, for {}\n", one_line(&sender.host), one_line(&sender.company));
    for line in &sender.contact {
        let _ = writeln!(text, "{}", one_line(line));
    }
    text
}

pub(super) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// On one line, whatever stands in it, and not longer than anybody reads.
pub(super) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() || is_a_trick(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ")
}

/// Marks that turn the direction of writing, and other ends of lines.
fn is_a_trick(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

impl Letter {
    /// The subject, no longer than a server takes in one line.
    pub fn short_subject(&self) -> String {
        if self.subject.chars().count() <= SUBJECT_MAX {
            return self.subject.clone();
        }
        // Dots that need no encoding: an encoded subject cannot be read in a server's log.
        let start: String = self.subject.chars().take(SUBJECT_MAX - 3).collect();
        format!("{start}...")
    }
}
