//! A message that is sent now, to see whether it gets there. Nothing of it is written down: what proves that notices reach
//! people is that a notice did.

use std::collections::BTreeSet;

use holdfast_model::notice::Sender;
use serde::Serialize;

use super::carrier::Carrier;
use super::deliver::{self, Message};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// What came of the messages.
#[derive(Debug, Serialize)]
pub struct TrialReport {
    /// For each channel.
    pub channels: Vec<Trial>,
    /// How it ended: done when every one was taken.
    pub ending: Ending,
}

/// What came of one message.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// The channel.
    pub channel: String,
    /// Whether it was taken.
    pub is_taken: bool,
    /// What the other side said, or what went wrong.
    pub said: String,
}

/// Sends a message by one channel, or by all.
pub fn trial(setup: &Setup, channel: Option<&str>, carrier: &dyn Carrier) -> Result<TrialReport> {
    let declared = &setup.estate.alerts.channels;
    let names = || declared.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if declared.is_empty() {
        return Err(Error::usage("no channel is declared").hint("add [alerts.channels.NAME] to estate.toml"));
    }
    if let Some(name) = channel
        && !declared.contains_key(name)
    {
        return Err(
            Error::usage(format!("there is no channel {name:?}")).hint(format!("there are: {}", names()))
        );
    }
    let now = setup.world.clock.now();
    let host = setup.world.environment.hostname();
    let sender = Sender::of(&setup.policy, host);
    let asked = declared.iter().filter(|(name, _)| channel.is_none_or(|asked| asked == name.as_str()));
    let trials = asked.map(|(name, channel)| {
        let teams: Vec<&str> = channel.teams.iter().map(|team| team.as_str()).collect();
        let mut random = [0; 6];
        setup.world.random.fill(&mut random);
        let number = random.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let message = Message {
            id: format!("test-{}-{number:x}", now.as_second()),
            date: now,
            topic: "test".to_owned(),
            team: None,
            subject: format!("holdfast {}: a test of the channel {name}", sender.company),
            text: format!(
                "This is a test. It was sent by hand from {host} at {now}.\n\nNotices for {} come this way.\n",
                teams.join(", ")
            ),
            items: serde_json::Value::Array(Vec::new()),
        };
        let sent = deliver::send(setup, carrier, (name, channel), &message, BTreeSet::new());
        let (is_taken, said) = match sent {
            Ok(carried) => (true, carried.answer),
            Err(failure) => (false, failure.reason),
        };
        Trial { channel: name.to_string(), is_taken, said }
    });
    let channels: Vec<Trial> = trials.collect();
    let ending = match channels.iter().filter(|trial| trial.is_taken).count() {
        0 => Ending::NotDone,
        taken if taken < channels.len() => Ending::Attention,
        _ => Ending::Done,
    };
    Ok(TrialReport { channels, ending })
}
