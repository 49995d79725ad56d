//! Whether the clock can be right. When it cannot, nothing is decided.
//!
//! Time may pass without backups, and then old points go all the same; so the clock is compared with the last reading of
//! it that anything of holdfast wrote down, and not with the last backup.
//!
//! That a jump was right is somebody's word, and how much time really passed in it nobody knows. So what lies in it counts
//! towards no minimum.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// What the clock says, and what it is doubted against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockEvidence {
    /// The wall clock.
    pub now: Timestamp,
    /// What it said when it was last read and written down, where that is known.
    pub last_reading: Option<Timestamp>,
    /// A longer pause than this since then is taken for a jump of the clock.
    pub pause_days_max: u32,
    /// Jumps that somebody said were right: from the last reading before to the first one after. They do not overlap.
    pub jumps: Vec<(Timestamp, Timestamp)>,
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

    /// What the clock says, where it can be right.
    pub fn trusted(&self) -> Option<Timestamp> {
        self.doubt().is_ok().then_some(self.now)
    }

    /// How much time is known to have passed since an instant: all but what lies in jumps.
    pub fn proven(&self, since: Timestamp) -> SignedDuration {
        let in_jump = |(from, to): &(Timestamp, Timestamp)| {
            let (from, to) = ((*from).max(since), (*to).min(self.now));
            to.duration_since(from).max(SignedDuration::ZERO)
        };
        let jumped =
            self.jumps.iter().map(in_jump).fold(SignedDuration::ZERO, SignedDuration::saturating_add);
        self.now.duration_since(since).saturating_sub(jumped)
    }

    /// Whether an instant is to come, by more than clocks differ.
    pub fn is_future(&self, instant: Timestamp) -> bool {
        instant.duration_since(self.now) > SKEW_MAX
    }
}
