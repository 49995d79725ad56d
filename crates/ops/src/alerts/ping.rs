//! Somebody elsewhere is told regularly that all is well, and raises the alarm when that stays away: a machine that lost its
//! power says nothing by itself.
//!
//! Well means that the daemon comes round, that verdicts were judged lately, and that what is to be said reaches somebody. Red
//! controls are no reason to be silent: they are told by notices, and those get there.

use holdfast_ledger::Reader;
use holdfast_model::estate::check_address;
use holdfast_world::{ExposeSecret, SecretString};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::carrier::{Carrier, Post};
use super::secrets;
use crate::error::Result;
use crate::record;
use crate::setup::Setup;

/// How it is called beside the channels.
pub(super) const NAME: &str = "the ping";
/// Where it is remembered.
const KIND: &str = "alerts";
const RECORD: &str = "ping";
/// So old may the last assessment be; one is made every hour.
const JUDGED_WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// What came of the pings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pinged {
    /// The last one that was tried.
    pub tried: Option<Timestamp>,
    /// The last one that was taken.
    pub taken: Option<Timestamp>,
    /// Since when none was, and why.
    pub failing: Option<(Timestamp, String)>,
    /// Why none was sent although it was time.
    pub withheld: Option<String>,
}

/// What came of the pings so far.
pub(super) fn pinged(state: &std::path::Path) -> Result<Pinged> {
    Ok(record::one(state, KIND, RECORD)?.unwrap_or_default())
}

/// Since when no ping is taken, and why.
pub(super) fn failing(setup: &Setup) -> Result<Option<(Timestamp, String)>> {
    Ok(pinged(&setup.places.state)?.failing)
}

/// Pings when it is time; returns what there is to say.
pub(super) fn ping(
    setup: &Setup,
    reader: &Reader,
    carrier: &dyn Carrier,
    now: Timestamp,
) -> Result<Vec<String>> {
    let Some(declared) = &setup.estate.alerts.ping else { return Ok(Vec::new()) };
    let mut pinged = pinged(&setup.places.state)?;
    let every = SignedDuration::try_from(declared.every).unwrap_or(SignedDuration::MAX);
    let is_time = |tried: Timestamp| tried > now || now.duration_since(tried) >= every;
    // Once nothing keeps it back any more, nobody waits for the next time.
    if pinged.withheld.is_none() && !pinged.tried.is_none_or(is_time) {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    pinged.tried = Some(now);
    let withheld = unwell(setup, reader, now)?;
    if withheld.is_some() {
        if withheld == pinged.withheld {
            return Ok(lines);
        }
        lines.extend(withheld.as_ref().map(|why| format!("alerts: no ping: {why}")));
    }
    pinged.withheld = withheld;
    if pinged.withheld.is_none() {
        let sent = secrets::read(setup, declared.credentials.as_ref()).and_then(|secrets| {
            let url = declared.url.clone().map(SecretString::from).or_else(|| secrets.url.clone());
            let url = url.ok_or_else(|| "the credentials hold no url".to_owned())?;
            check_address(url.expose_secret())?;
            let authority = secrets::authority(setup, declared.ca_file.as_deref())?;
            let id = format!("ping-{}", now.as_second());
            let post =
                Post { url, authority, id, date: now, body: Vec::new(), secret: secrets.secret.clone() };
            carrier.post(&post).map_err(|failure| secrets.hide(&failure.reason))
        });
        match sent {
            Ok(_) => {
                if pinged.failing.take().is_some() {
                    lines.push("alerts: the ping is taken again".to_owned());
                }
                pinged.taken = Some(now);
            }
            Err(why) => {
                if pinged.failing.is_none() {
                    lines.push(format!("alerts: the ping is not taken: {why}"));
                }
                let since = pinged.failing.take().map_or(now, |(since, _)| since.min(now));
                pinged.failing = Some((since, why));
            }
        }
    }
    record::keep(&setup.places.state, KIND, RECORD, &pinged)?;
    Ok(lines)
}

/// Why we are not well, where we are not.
fn unwell(setup: &Setup, reader: &Reader, now: Timestamp) -> Result<Option<String>> {
    let Some(judged) = reader.assessed_until()? else { return Ok(Some("nothing was judged yet".to_owned())) };
    if now.duration_since(judged) > JUDGED_WITHIN {
        return Ok(Some(format!("nothing was judged since {judged}")));
    }
    let patience =
        SignedDuration::try_from(setup.estate.alerts.escalate_after).unwrap_or(SignedDuration::MAX);
    let deliveries = reader.deliveries_since(now)?;
    for one in deliveries.iter().filter(|one| !one.state.is_settled()) {
        let Some(notice) = reader.notice(&one.notice)? else { continue };
        let is_over = now.duration_since(notice.said_at) >= patience;
        if is_over && reader.deliveries_of(&notice.id)?.iter().all(|other| !other.state.is_settled()) {
            return Ok(Some(format!("the notice {} reaches nobody since {}", notice.id, notice.said_at)));
        }
    }
    Ok(None)
}
