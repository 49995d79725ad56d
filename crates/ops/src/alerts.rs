//! Telling people: what is to be said is decided by `model::notice` and written into the ledger; what waits there is sent.
//!
//! What is said and not written down is said again by the next process, or by none. So a notice is in the ledger before
//! anybody tries to send it, what came of each attempt after it, and what was said already is read from there alone. A process
//! that is killed between sending and writing sends once more, under the same name.
//!
//! Sockets are not opened here: who carries messages is handed in.

pub mod carrier;
mod deliver;
mod gather;
mod list;
mod ping;
mod say;
mod secrets;
mod trial;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use holdfast_ledger::Ledger;
use jiff::Timestamp;

pub(crate) use self::deliver::Tries;
pub use self::list::{AlertsReport, ChannelState, SaidNotice, list};
pub(crate) use self::ping::unjudged;
pub use self::trial::{Trial, TrialReport, trial};
use crate::alerts::carrier::Carrier;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// When a ping was last taken.
pub(crate) fn pinged_at(state: &Path) -> Result<Option<Timestamp>> {
    Ok(ping::pinged(state)?.taken)
}

/// What a turn came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// Lines for whoever reads along.
    pub(crate) lines: Vec<String>,
    /// Whether anything was written into the ledger.
    pub(crate) is_recorded: bool,
    /// Whether anything waits to be sent.
    pub(crate) is_waiting: bool,
}

/// Decides what is to be said, sends what waits, and tells whoever watches from elsewhere that we are well.
///
/// Each of the three is done whatever became of the others: what waits is sent although nothing new can be decided.
pub(crate) fn turn(
    setup: &Setup,
    ledger: &Ledger,
    (carrier, tries): (&dyn Carrier, &Tries),
    stop: &AtomicBool,
) -> Turn {
    let now = setup.world.clock.now();
    let mut turn = Turn::default();
    let failed = |what: &str, error: &Error| format!("alerts: {what}: {error}");
    if !setup.estate.alerts.channels.is_empty() {
        let said = say::say(setup, ledger, now);
        turn.is_recorded = said.as_ref().is_ok_and(|said| !said.is_empty());
        turn.lines.extend(said.unwrap_or_else(|error| vec![failed("nothing new is said", &error)]));
        match deliver::deliver(setup, ledger, (carrier, tries), stop) {
            Ok(delivered) => {
                turn.is_recorded |= delivered.attempts > 0;
                turn.is_waiting = delivered.waiting > 0;
                turn.lines.extend(delivered.lines);
            }
            Err(error) => turn.lines.push(failed("nothing is sent", &error)),
        }
    }
    let pinged = ping::ping(setup, ledger.read(), carrier, now);
    turn.lines.extend(pinged.unwrap_or_else(|error| vec![failed("no ping", &error)]));
    turn
}
