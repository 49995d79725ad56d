//! Whether the clock can be right. When it cannot, nothing is decided.
//!
//! Time may pass without backups, and then old points go all the same; so the clock is compared with the last reading of
//! it that anything of holdfast wrote down, and not with the last backup.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// What the clock says, and what it is doubted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockEvidence {
    /// The wall clock.
    pub now: Timestamp,
    /// What it said when it was last read and written down, where that is known.
    pub last_reading: Option<Timestamp>,
    /// A longer pause than this since then is taken for a jump of the clock.
    pub pause_days_max: u32,
}

/// Why nothing is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The clock shows less than at the last reading.
    ClockWentBack {
        /// The last reading.
        last_reading: Timestamp,
        /// The wall clock.
        now: Timestamp,
    },
    /// The clock shows far more than at the last reading.
    ClockJumped {
        /// The last reading.
        last_reading: Timestamp,
        /// The wall clock.
        now: Timestamp,
        /// The longest pause that is believed, in days.
        pause_days_max: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::ClockWentBack { last_reading, now } => write!(
                f,
                "nothing is purged: the clock was last read at {last_reading}, but now it says {now}; set the clock right first"
            ),
            Refusal::ClockJumped { last_reading, now, pause_days_max } => write!(
                f,
                "nothing is purged: the clock was last read at {last_reading} and now it says {now}, a pause of more than \
                 {pause_days_max} days; set the clock right first, or say that it is"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// How far clocks of well-kept machines may differ.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(10);

impl ClockEvidence {
    /// Whether the clock can be right.
    ///
    /// # Errors
    /// With the reason when it cannot.
    pub fn doubt(&self) -> Result<(), Refusal> {
        let (now, pause_days_max) = (self.now, self.pause_days_max);
        let Some(last_reading) = self.last_reading else { return Ok(()) };
        if last_reading.duration_since(now) > SKEW_MAX {
            return Err(Refusal::ClockWentBack { last_reading, now });
        }
        if now.duration_since(last_reading) > super::days_of(pause_days_max) {
            return Err(Refusal::ClockJumped { last_reading, now, pause_days_max });
        }
        Ok(())
    }

    /// Whether an instant is to come, by more than clocks differ.
    pub fn is_future(&self, instant: Timestamp) -> bool {
        instant.duration_since(self.now) > SKEW_MAX
    }
}
