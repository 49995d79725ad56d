//! Somebody elsewhere is told regularly that all is well, and raises the alarm when that stays away: a machine that lost its
//! power says nothing by itself.
//!
//! Well means that the daemon comes round, that verdicts were judged lately, and that what is to be said reaches somebody. Red
//! controls are no reason to be silent: they are told by notices, and those get there.

use holdfast_ledger::{Delivery, DeliveryState, Reader};
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
/// So far ahead it may lie: further, a clock was set back, and whatever is judged may be what was known before that.
const JUDGED_AHEAD: SignedDuration = SignedDuration::from_mins(10);

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

/// Why verdicts that were made as of then are none of now.
pub(crate) fn unjudged(judged: Timestamp, now: Timestamp) -> Option<String> {
    if judged.duration_since(now) > JUDGED_AHEAD {
        return Some(format!(
            "what was judged last is of {judged}, which lies ahead: the clock was set back"
        ));
    }
    let is_old = now.duration_since(judged) > JUDGED_WITHIN;
    is_old.then(|| format!("nothing was judged since {judged}"))
}

/// Why we are not well, where we are not.
fn unwell(setup: &Setup, reader: &Reader, now: Timestamp) -> Result<Option<String>> {
    let Some(judged) = reader.assessed_until()? else { return Ok(Some("nothing was judged yet".to_owned())) };
    if let Some(why) = unjudged(judged, now) {
        return Ok(Some(why));
    }
    if setup.estate.alerts.channels.is_empty() {
        return Ok(Some("no channel is declared, so nobody is told anything".to_owned()));
    }
    let patience =
        SignedDuration::try_from(setup.estate.alerts.escalate_after).unwrap_or(SignedDuration::MAX);
    for (one, said_at) in reader.deliveries_waiting()? {
        let is_over = now.duration_since(said_at) >= patience;
        let is_delivered = |other: &Delivery| other.state == DeliveryState::Delivered;
        if is_over && !reader.deliveries_of(&one.notice)?.iter().any(is_delivered) {
            return Ok(Some(format!("the notice {} reaches nobody since {said_at}", one.notice)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_judged_by_a_clock_that_ran_ahead_is_not_well() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let at = |minutes| unjudged(now + SignedDuration::from_mins(minutes), now);
        assert_eq!((at(0), at(10), at(-120)), (None, None, None));
        assert!(at(-121).unwrap().contains("nothing was judged since"));
        assert!(at(11).unwrap().contains("set back"));
    }
}
