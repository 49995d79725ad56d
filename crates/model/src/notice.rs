//! Notices: what people are told, once for each thing that happens.
//!
//! Whoever is told too little loses data, and whoever is told too much stops reading, which comes to the same. So everything
//! that is so at an instant is a condition; what was said already is known from the ledger; and the difference is a notice
//! for each topic, whatever number of assets it is about. Nothing is remembered elsewhere, so a daemon that was killed says
//! neither less nor the same again.

mod conditions;
mod decide;
mod digest;
mod words;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::conditions::{AlarmSeen, Known, Stuck, conditions, watched};
pub use self::decide::{Pace, decide};
pub use self::digest::{Digest, digest, digest_due};
pub use self::words::{Letter, Sender, words};
use crate::estate::Team;

/// What a notice is about. One notice gathers all that is news on its topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// An objective is broken.
    Breach,
    /// Most of an objective is used up.
    BeforeBreach,
    /// Controls that a team looks after are red.
    Controls(Team),
    /// An alarm of this kind was raised.
    Alarm(String),
    /// A location does not answer.
    Away,
    /// The policy is to be reviewed.
    Review,
    /// A way of telling people fails.
    Delivery,
    /// All of it once a day, as a proof of life.
    Digest,
}

/// Something that is so, was so, or happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it belongs to.
    pub topic: Topic,
    /// An asset's part, a control, a location, a channel, whatever an alarm is about.
    pub target: String,
    /// What tells it from others of the same target; empty where there is one alone.
    pub about: String,
    /// From when on.
    pub since: Timestamp,
    /// Whether it may have begun before that: nobody looked, or nobody looks so far back.
    pub is_older: bool,
    /// Until when; absent while it lasts.
    pub until: Option<Timestamp>,
    /// Why, in one sentence.
    pub why: String,
    /// What to do.
    pub next: Option<String>,
    /// The greater, the worse.
    pub weight: u64,
    /// How long it may wait for others, to be told with them; as long as any where there is none.
    pub waits: Option<SignedDuration>,
}

/// What a notice says of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It began.
    Begun,
    /// It lasts, and is worse than was said before.
    Worse,
    /// It ended, and that it began was said before.
    Ended,
    /// Nobody looks any more whether it lasts.
    Unwatched,
    /// It began and ended since anybody could say so.
    Passed,
    /// It happened, and has no end.
    Happened,
}

/// What a notice said of a target. It lies in the ledger as JSON: fields may be added with a default, none renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Of which.
    pub target: String,
    /// What tells it from others of the same target.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// How bad it was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: u64,
    /// What.
    pub phase: Phase,
    /// From when on it was so, or when it happened.
    pub since: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A notice that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// On what.
    pub topic: Topic,
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub items: Vec<Item>,
}

/// A notice to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// On what.
    pub topic: Topic,
    /// The news, the worst first, each with the words for it.
    pub news: Vec<(Item, Condition)>,
    /// What lasts and was said before, the worst first.
    pub lasting: Vec<Condition>,
}

impl Topic {
    /// Its name in the ledger.
    pub fn name(&self) -> String {
        match self {
            Topic::Breach => "breach".to_owned(),
            Topic::BeforeBreach => "before-breach".to_owned(),
            Topic::Controls(team) => format!("controls-{}", team.as_str()),
            Topic::Alarm(kind) => format!("alarm-{kind}"),
            Topic::Away => "location-away".to_owned(),
            Topic::Review => "review".to_owned(),
            Topic::Delivery => "delivery".to_owned(),
            Topic::Digest => "digest".to_owned(),
        }
    }

    /// The topic of a name.
    pub fn parse(name: &str) -> Option<Topic> {
        let plain =
            [Topic::Breach, Topic::BeforeBreach, Topic::Away, Topic::Review, Topic::Delivery, Topic::Digest];
        if let Some(team) = name.strip_prefix("controls-") {
            return Team::parse(team).map(Topic::Controls);
        }
        if let Some(kind) = name.strip_prefix("alarm-") {
            return Some(Topic::Alarm(kind.to_owned()));
        }
        plain.into_iter().find(|topic| topic.name() == name)
    }

    /// Who looks after it; nobody in particular for what everybody gets.
    pub fn team(&self) -> Option<Team> {
        match self {
            Topic::Breach | Topic::BeforeBreach | Topic::Away => Some(Team::Infrastructure),
            Topic::Controls(team) => Some(*team),
            Topic::Alarm(kind) => Some(match kind.as_str() {
                "purge-stalled" | "log-forked" => Team::Compliance,
                _ => Team::Infrastructure,
            }),
            Topic::Review => Some(Team::Compliance),
            Topic::Delivery | Topic::Digest => None,
        }
    }
}

/// Who looks after a control.
pub fn team_of_control(control: &str) -> Team {
    match control.split('-').next().unwrap_or_default() {
        "RET" | "ENC" | "LOC" | "ACC" | "LOG" | "PRIV" | "REV" => Team::Compliance,
        "REQ" => Team::Support,
        _ => Team::Infrastructure,
    }
}

/// A minute, where the company is and for everybody else.
fn minute(instant: Timestamp, zone: &TimeZone) -> String {
    let there = instant.to_zoned(zone.clone());
    if there.offset().seconds() == 0 {
        return there.strftime("%a %Y-%m-%d %H:%M UTC").to_string();
    }
    let utc = instant.to_zoned(TimeZone::UTC);
    format!("{} ({} UTC)", there.strftime("%a %Y-%m-%d %H:%M %Z"), utc.strftime("%H:%M"))
}

#[cfg(test)]
mod tests;
