//! What people were told, by which ways, and what waits.

use std::collections::BTreeMap;

use holdfast_ledger::{Delivery, DeliveryState, Notice};
use holdfast_model::estate::{Team, Way};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ping::{self, Pinged};
use crate::ending::Ending;
use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// What people were told.
#[derive(Debug, Serialize)]
pub struct AlertsReport {
    /// The ways by which they are told.
    pub channels: Vec<ChannelState>,
    /// What was said within the span, and all that waits, oldest first.
    pub notices: Vec<SaidNotice>,
    /// What came of the pings; absent where none are declared.
    pub ping: Option<Pinged>,
    /// How it stands.
    pub ending: Ending,
}

/// How it stands with a channel.
#[derive(Debug, Serialize)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// `email` or `webhook`.
    pub kind: &'static str,
    /// Whom it reaches.
    pub teams: Vec<&'static str>,
    /// Where messages go, without secrets.
    pub to: String,
    /// Notices that wait for it.
    pub waiting: u64,
    /// When it took something last, within the span.
    pub delivered_at: Option<Timestamp>,
    /// What went wrong last, while something waits.
    pub detail: Option<String>,
}

/// A notice, and what became of it.
#[derive(Debug, Serialize)]
pub struct SaidNotice {
    /// What was said.
    #[serde(flatten)]
    pub notice: Notice,
    /// On each channel.
    pub deliveries: Vec<Delivery>,
}

/// An address without its path, which may hold a secret.
fn origin(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// What was said within so long, and what waits.
pub fn list(setup: &Setup, back: SignedDuration) -> Result<AlertsReport> {
    let now = setup.world.clock.now();
    let since = now.saturating_sub(back).unwrap_or(Timestamp::MIN);
    let reader = journal::reader_if_current(&setup.places.state)?;
    let mut notices = Vec::new();
    let mut deliveries: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    if let Some(reader) = &reader {
        for one in reader.deliveries_since(since)? {
            deliveries.entry(one.notice.clone()).or_default().push(one);
        }
        for id in deliveries.keys() {
            notices.extend(reader.notice(id)?);
        }
        // What nobody was there to be told stands there as well.
        let known: Vec<String> = notices.iter().map(|notice: &Notice| notice.id.clone()).collect();
        notices.extend(reader.notices_since(since)?.into_iter().filter(|one| !known.contains(&one.id)));
        notices.sort_by_key(|notice| notice.leaf);
    }
    let channels = setup.estate.alerts.channels.iter().map(|(name, channel)| {
        let own = deliveries.values().flatten().filter(|one| one.channel == name.as_str());
        let waiting: Vec<&Delivery> = own.clone().filter(|one| !one.state.is_settled()).collect();
        let delivered = own.filter(|one| one.state == DeliveryState::Delivered);
        let to = match &channel.way {
            Way::Mail { server, to, .. } => format!("{} by {}:{}", to.join(", "), server.host, server.port),
            Way::Webhook { url } => {
                url.as_deref().map_or_else(|| "an address in its credentials".to_owned(), origin)
            }
        };
        ChannelState {
            name: name.to_string(),
            kind: channel.way.kind(),
            teams: channel.teams.iter().map(|team: &Team| team.as_str()).collect(),
            to,
            waiting: waiting.len() as u64,
            delivered_at: delivered.filter_map(|one| one.tried_at).max(),
            detail: waiting.iter().rev().find_map(|one| one.detail.clone()),
        }
    });
    let channels: Vec<ChannelState> = channels.collect();
    let ping = setup.estate.alerts.ping.as_ref().map(|_| ping::pinged(&setup.places.state)).transpose()?;
    let is_red = channels.is_empty()
        || channels.iter().any(|channel| channel.waiting > 0)
        || ping.as_ref().is_some_and(|ping| ping.failing.is_some() || ping.withheld.is_some());
    let with =
        |notice: Notice| SaidNotice { deliveries: deliveries.remove(&notice.id).unwrap_or_default(), notice };
    let notices = notices.into_iter().map(with).collect();
    Ok(AlertsReport {
        channels,
        notices,
        ping,
        ending: if is_red { Ending::Attention } else { Ending::Done },
    })
}
