//! What waits is sent, on each channel in its turn and beside the others: one that does not answer holds none of them up.
//!
//! A channel that cannot be reached is left alone for a while, ever longer up to a quarter of an hour, and never given up.
//! A server that takes everything but one message is not that; that message waits alone, and is given up after a day.
//!
//! Each attempt is no news: written down is what changes, or a year of a wrong address would be a log of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use holdfast_ledger::{Attempt, Delivery, DeliveryState, Ledger};
use holdfast_model::ChannelName;
use holdfast_model::estate::{Channel, Way, check_address};
use holdfast_world::{ExposeSecret, SecretString};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::carrier::{Carried, Carrier, Failure, Mail, Post};
use super::{say, secrets};
use crate::error::{Error, Result};
use crate::setup::Setup;

/// What came of it.
#[derive(Default)]
pub(super) struct Delivered {
    pub(super) attempts: u64,
    pub(super) waiting: u64,
    pub(super) lines: Vec<String>,
}

/// What is sent.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) date: Timestamp,
    pub(super) topic: String,
    pub(super) team: Option<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) items: Value,
}

/// How often what waits was tried since the program began, and when last. In the ledger stands what came of it.
#[derive(Debug, Default)]
pub(crate) struct Tries(Mutex<BTreeMap<(String, String), Tried>>);

/// What is remembered of one that waits.
#[derive(Clone, Debug)]
struct Tried {
    times: u32,
    last: Timestamp,
    /// Who has it already. Forgotten with the process; then some get it twice, with the same Message-ID.
    taken_by: BTreeSet<String>,
}

impl Tries {
    fn of(&self, one: &Delivery) -> Option<Tried> {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.get(&(one.notice.clone(), one.channel.clone())).cloned()
    }

    fn note(&self, one: &Delivery, tried: Option<Timestamp>, taken_by: &BTreeSet<String>) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (one.notice.clone(), one.channel.clone());
        match tried {
            Some(at) => {
                let entry = tries.entry(key);
                let entry = entry.or_insert_with(|| Tried { times: 0, last: at, taken_by: BTreeSet::new() });
                (entry.times, entry.last) = (entry.times.saturating_add(1), at);
                entry.taken_by.extend(taken_by.iter().cloned());
            }
            None => {
                tries.remove(&key);
            }
        }
    }
}

/// A channel works for so long in one turn; what it did not get done waits for the next, in which others come first.
const TURN_MAX: Duration = Duration::from_secs(60);
/// What is not taken for so long is given up.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Of what a server says so many letters are kept: it may say whatever it likes, and the log is for ever.
const DETAIL_MAX: usize = 300;
const AGAIN_FIRST: SignedDuration = SignedDuration::from_secs(5);
const AGAIN_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Sends what is due.
pub(super) fn deliver(
    setup: &Setup,
    ledger: &Ledger,
    (carrier, tries): (&dyn Carrier, &Tries),
    stop: &AtomicBool,
) -> Result<Delivered> {
    let mut by_channel: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for (one, _) in ledger.read().deliveries_waiting()? {
        by_channel.entry(one.channel.clone()).or_default().push(one);
    }
    let mut total = Delivered::default();
    let outcomes: Vec<Result<Delivered>> = std::thread::scope(|scope| {
        let threads =
            setup.estate.alerts.channels.iter().filter_map(|(name, channel)| {
                let waiting = by_channel.remove(name.as_str())?;
                Some(scope.spawn(move || {
                    on_channel(setup, ledger, (carrier, tries), stop, (name, channel), &waiting)
                }))
            });
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::not_done("a bug ended the sending of notices")))
        });
        joined.collect()
    });
    for outcome in outcomes {
        // One that fails takes nothing away from the others.
        let outcome = outcome.unwrap_or_else(|error| Delivered {
            lines: vec![format!("alerts: not sent: {error}")],
            waiting: 1,
            ..Delivered::default()
        });
        total.attempts += outcome.attempts;
        total.waiting += outcome.waiting;
        total.lines.extend(outcome.lines);
    }
    Ok(total)
}

fn on_channel(
    setup: &Setup,
    ledger: &Ledger,
    (carrier, tries): (&dyn Carrier, &Tries),
    stop: &AtomicBool,
    (name, channel): (&ChannelName, &Channel),
    waiting: &[Delivery],
) -> Result<Delivered> {
    let clock = &setup.world.clock;
    let mut outcome = Delivered { waiting: waiting.len() as u64, ..Delivered::default() };
    let unreached = waiting.iter().filter(|one| one.state == DeliveryState::Failed);
    if unreached.clone().any(|one| !is_time(one, tries, clock.now())) {
        return Ok(outcome);
    }
    let was_unreached = unreached.count() > 0;
    let begun = clock.monotonic();
    for one in waiting.iter().filter(|one| is_time(one, tries, clock.now())) {
        if stop.load(Ordering::SeqCst) || clock.monotonic().saturating_sub(begun) >= TURN_MAX {
            break;
        }
        let Some(notice) = ledger.read().notice(&one.notice)? else { continue };
        let message = Message {
            id: notice.id,
            date: notice.said_at,
            topic: notice.topic,
            team: notice.team,
            subject: notice.subject,
            text: notice.text,
            items: notice.items,
        };
        let taken_by = tries.of(one).map(|tried| tried.taken_by).unwrap_or_default();
        let is_with_some = !taken_by.is_empty();
        let sent = send(setup, carrier, (name, channel), &message, taken_by);
        let (state, detail, payload_sha256) = match &sent {
            Ok(carried) => (DeliveryState::Delivered, carried.answer.clone(), Some(hash(&carried.payload))),
            // Some have it: what one reader's address does not take reaches people all the same.
            Err(failure) if failure.is_refusal && is_given_up(one, clock.now()) && is_with_some => {
                (DeliveryState::Delivered, format!("but {}", failure.reason), None)
            }
            Err(failure) if failure.is_refusal && is_given_up(one, clock.now()) => {
                (DeliveryState::GivenUp, failure.reason.clone(), None)
            }
            Err(failure) if failure.is_refusal => (DeliveryState::Refused, failure.reason.clone(), None),
            Err(failure) => (DeliveryState::Failed, failure.reason.clone(), None),
        };
        let detail: String = detail.chars().take(DETAIL_MAX).collect();
        let taken_by = sent.err().map(|failure| failure.taken_by).unwrap_or_default();
        tries.note(one, (!state.is_settled()).then(|| clock.now()), &taken_by);
        let is_known = state == one.state;
        let attempt = Attempt {
            notice: message.id.clone(),
            channel: name.to_string(),
            state,
            detail: Some(detail.clone()),
            payload_sha256,
        };
        if !is_known {
            // What one channel never took, another one says.
            let elsewhere = match state {
                DeliveryState::GivenUp => say::elsewhere(setup, ledger.read(), &message, name, &detail)?,
                _ => None,
            };
            ledger.write(|transaction| {
                transaction.attempted(attempt, clock.now())?;
                elsewhere.map_or(Ok(()), |notice| transaction.say(notice, clock.now()).map(|_| ()))
            })?;
            outcome.attempts += 1;
        }
        match state {
            DeliveryState::Delivered => {
                outcome.waiting -= 1;
                if was_unreached && outcome.attempts == 1 {
                    outcome.lines.push(format!("alerts: {name} delivers again"));
                }
            }
            DeliveryState::GivenUp => {
                outcome.waiting -= 1;
                outcome.lines.push(format!(
                    "alerts: {name} did not take a notice for a day, and gets it no more: {detail}"
                ));
            }
            DeliveryState::Refused if is_known => {}
            DeliveryState::Refused => {
                outcome.lines.push(format!("alerts: {name} does not take a notice: {detail}"));
            }
            _ => {
                if !is_known {
                    outcome.lines.push(format!("alerts: {name} cannot be reached: {detail}"));
                }
                break;
            }
        }
    }
    Ok(outcome)
}

/// Whether one may be tried. An attempt that lies ahead is what a clock leaves behind that was set back.
fn is_time(one: &Delivery, tries: &Tries, now: Timestamp) -> bool {
    let recorded = || Some((u32::try_from(one.attempts).unwrap_or(u32::MAX), one.tried_at?));
    let known = tries.of(one).map(|tried| (tried.times, tried.last));
    let Some((times, tried)) = known.or_else(recorded) else { return true };
    let doublings = times.saturating_sub(1).min(16);
    let pause = AGAIN_FIRST.checked_mul(1 << doublings).unwrap_or(AGAIN_MAX).min(AGAIN_MAX);
    tried > now || now.duration_since(tried) >= pause
}

/// Whether it was not taken for long enough. What is refused stands there since it was refused first.
fn is_given_up(one: &Delivery, now: Timestamp) -> bool {
    one.state == DeliveryState::Refused && now.duration_since(one.recorded_at) >= GIVE_UP_AFTER
}

/// Sends one message by one channel, to whom of a mail's readers does not have it.
pub(super) fn send(
    setup: &Setup,
    carrier: &dyn Carrier,
    (name, channel): (&ChannelName, &Channel),
    message: &Message,
    taken_by: BTreeSet<String>,
) -> std::result::Result<Carried, Failure> {
    let unready = |reason: String| Failure { reason, ..Failure::default() };
    let secrets = secrets::read(setup, channel.credentials.as_ref()).map_err(unready)?;
    let authority = secrets::authority(setup, channel.ca_file.as_deref()).map_err(unready)?;
    let sent = match &channel.way {
        Way::Mail { server, from, to } => {
            let host = from.split_once('@').map_or("localhost", |(_, host)| host);
            let login = match (secrets.user.clone(), secrets.password.clone()) {
                (Some(user), Some(password)) => Some((user, password)),
                (None, None) => None,
                _ => return Err(unready("the credentials need both user and password".to_owned())),
            };
            carrier.mail(&Mail {
                server: server.clone(),
                authority,
                login,
                host: setup.world.environment.hostname().to_owned(),
                from: from.clone(),
                to: to.clone(),
                taken_by,
                message_id: format!("<{}.{name}@{host}>", message.id),
                date: message.date,
                subject: message.subject.clone(),
                text: message.text.clone(),
            })
        }
        Way::Webhook { url } => {
            let url = url.clone().map(SecretString::from).or_else(|| secrets.url.clone());
            let Some(url) = url else { return Err(unready("the credentials hold no url".to_owned())) };
            check_address(url.expose_secret()).map_err(unready)?;
            let body = json!({
                "id": message.id,
                "said_at": message.date,
                "company": setup.policy.header.value.company,
                "topic": message.topic,
                "team": message.team,
                "subject": message.subject,
                "text": message.text,
                "items": message.items,
            });
            let body = body.to_string().into_bytes();
            let (id, date, secret) = (message.id.clone(), setup.world.clock.now(), secrets.secret.clone());
            carrier.post(&Post { url, authority, id, date, body, secret })
        }
    };
    sent.map_err(|failure| Failure { reason: secrets.hide(&failure.reason), ..failure })
}

fn hash(payload: &[u8]) -> String {
    Sha256::digest(payload).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_a_day_is_given_up_and_a_channel_that_is_away_never() {
        let refused: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let one = |state| Delivery {
            notice: "n".to_owned(),
            channel: "mail".to_owned(),
            state,
            attempts: 1,
            detail: None,
            payload_sha256: None,
            tried_at: Some(refused),
            recorded_at: refused,
            leaf: 1,
        };
        let after = |hours| refused + SignedDuration::from_hours(hours);
        assert!(!is_given_up(&one(DeliveryState::Refused), after(23)));
        assert!(is_given_up(&one(DeliveryState::Refused), after(24)));
        assert!(!is_given_up(&one(DeliveryState::Failed), after(1000)));
        // Pauses grow although nothing is written down.
        let (tries, waits) = (Tries::default(), one(DeliveryState::Refused));
        for _ in 0..20 {
            tries.note(&waits, Some(after(1)), &BTreeSet::new());
        }
        let soon = after(1) + SignedDuration::from_mins(14);
        assert!(!is_time(&waits, &tries, soon) && is_time(&waits, &Tries::default(), soon));
        assert!(is_time(&waits, &tries, after(1) + AGAIN_MAX));
    }
}
