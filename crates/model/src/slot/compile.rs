//! From the words of a schedule to a cadence that keeps the objective.
//!
//! "Hourly" cannot keep an objective of one hour: just before the next copy lands, the newest one is an hour old *plus*
//! the time to capture and to copy. So what is measured is taken off the objective, and what is left is how far apart
//! points may be:
//!
//! interval ≤ objective − capture − copy
//!
//! and the same with the shortest period of the literal rule in place of the objective, so that a literal slot always
//! has a whole compiled one inside it, the day with 23 hours included.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use super::calendar;
use crate::{Cadence, SentenceId, show_duration};

/// With fewer measurements than this, the longest of them stands for the 99th percentile.
pub const SAMPLES_FOR_P99: usize = 100;

/// How long the work for a point lasts, at the 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasts {
    /// From the instant of consistency to the end of the capture.
    pub capture: Duration,
    /// From there until the point is checked and at enough locations.
    pub copy: Duration,
    /// How that is known.
    pub basis: LastsBasis,
}

/// How a duration is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastsBasis {
    /// The policy assumes it until something was measured.
    Assumed,
    /// It was measured this many times.
    Measured {
        /// The smaller of the two counts.
        samples: usize,
    },
}

/// How old the newest protected state may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// The longest age.
    pub age: Duration,
    /// The sentences that promise it; empty where it only follows from the schedule.
    pub sentences: Vec<SentenceId>,
}

/// A cadence of elapsed time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// From the opening of one slot to that of the next.
    pub interval: Duration,
    /// From the opening of a slot to the instant at which its point must be protected.
    pub within: Duration,
    /// What it keeps.
    pub objective: Objective,
    /// What it was reckoned with.
    pub lasts: Lasts,
    /// How much longer the work could last before the objective breaks.
    pub headroom: Duration,
    /// Whether every interval is as long as a period of the literal rule, so that its start has to keep clear of both
    /// ends of that period.
    pub(super) is_literal: bool,
}

/// Why no cadence keeps the objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cannot {
    /// The objective, or the shortest period of the literal rule where that is what is too short.
    pub within: Duration,
    /// What the work lasts.
    pub lasts: Lasts,
}

impl fmt::Display for Cannot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no cadence can do it: capture {} + copy {} leave too little of {}",
            show_duration(self.lasts.capture),
            show_duration(self.lasts.copy),
            show_duration(self.within)
        )
    }
}

impl std::error::Error for Cannot {}

impl Lasts {
    /// Capture and copy together.
    pub fn total(&self) -> Duration {
        self.capture.saturating_add(self.copy)
    }

    /// From measured durations, in any order; `None` while either has never been measured.
    pub fn measured(captures: &[Duration], copies: &[Duration]) -> Option<Lasts> {
        let basis = LastsBasis::Measured { samples: captures.len().min(copies.len()) };
        Some(Lasts { capture: relied_upon(captures)?, copy: relied_upon(copies)?, basis })
    }
}

impl Objective {
    /// Whether a sentence promises it.
    pub fn is_stated(&self) -> bool {
        !self.sentences.is_empty()
    }
}

/// The duration that schedules rely on: the 99th percentile (nearest rank), or the longest while there are fewer than
/// [`SAMPLES_FOR_P99`].
pub fn relied_upon(samples: &[Duration]) -> Option<Duration> {
    if samples.len() < SAMPLES_FOR_P99 {
        return samples.iter().max().copied();
    }
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * 99).div_ceil(100);
    sorted.get(rank - 1).copied()
}

/// The distances that people can remember, in minutes; each divides a day, so that points come at the same times of
/// every day.
const INTERVALS_MINUTES: [u64; 19] =
    [1440, 720, 480, 360, 240, 180, 120, 60, 30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1];

/// The longest cadence that keeps both the literal rule and the objective.
///
/// `objective` is `None` where the policy states none: then it follows from the schedule, and nothing is made more
/// frequent than the words say. Only for cadences up to a day; rarer ones without an objective stay literal.
///
/// # Errors
/// When no interval of a minute or more would do.
pub fn compile(
    literal: Cadence,
    objective: Option<&Objective>,
    lasts: Lasts,
) -> Result<Option<Compiled>, Cannot> {
    let total = lasts.total();
    let shortest = Duration::try_from(calendar::shortest(literal)).unwrap_or_default();
    let nominal = match literal {
        Cadence::Hourly => Some(Duration::from_secs(3600)),
        Cadence::Daily => Some(Duration::from_secs(86_400)),
        _ => None,
    };
    let objective = match (objective, nominal) {
        (Some(objective), _) => objective.clone(),
        (None, Some(nominal)) => Objective { age: nominal.saturating_add(total), sentences: Vec::new() },
        (None, None) => return Ok(None),
    };
    let fits = |interval: Duration| {
        let needed = interval.saturating_add(total);
        let keeps_literal = needed <= shortest || (Some(interval) == nominal && total < shortest);
        // A capture that lasts longer than the interval would meet the next one of the same data.
        needed <= objective.age && keeps_literal && lasts.capture <= interval
    };
    let mut intervals = INTERVALS_MINUTES.iter().map(|minutes| Duration::from_secs(minutes * 60));
    let Some(interval) = intervals.find(|interval| fits(*interval)) else {
        return Err(Cannot { within: objective.age.min(shortest), lasts });
    };
    let spare = objective.age - interval;
    Ok(Some(Compiled {
        interval,
        within: if objective.is_stated() { spare } else { interval },
        headroom: spare - total,
        is_literal: Some(interval) == nominal,
        objective,
        lasts,
    }))
}

impl fmt::Display for Lasts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (capture, copy) = (show_duration(self.capture), show_duration(self.copy));
        write!(f, "capture {capture} + copy {copy} ({})", self.basis)
    }
}

impl fmt::Display for LastsBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LastsBasis::Assumed => f.write_str("assumed by the policy, not measured yet"),
            LastsBasis::Measured { samples } if *samples < SAMPLES_FOR_P99 => {
                write!(f, "the longest of {samples} measurements")
            }
            LastsBasis::Measured { samples } => write!(f, "99th percentile of {samples} measurements"),
        }
    }
}

impl Compiled {
    /// The sum behind the cadence: `every 30m: 30m + capture 10m + copy 10m (…) = 50m ≤ 1h, 10m to spare`.
    pub fn reckoned(&self) -> String {
        let Lasts { capture, copy, basis } = &self.lasts;
        let span = |duration: &Duration| show_duration(*duration);
        let sum = self.interval.saturating_add(self.lasts.total());
        let interval = span(&self.interval);
        if !self.objective.is_stated() {
            return format!(
                "every {interval}; no objective is stated, so the newest state is at worst {interval} + capture {} + \
                 copy {} = {} old ({basis})",
                span(capture),
                span(copy),
                span(&sum)
            );
        }
        format!(
            "every {interval}: {interval} + capture {} + copy {} = {} ≤ {}, {} to spare ({basis})",
            span(capture),
            span(copy),
            span(&sum),
            span(&self.objective.age),
            span(&self.headroom)
        )
    }

    /// Seconds after the start of each multiple of the interval, counted from 1970, at which this dataset's slots open.
    /// Spread by name, so that ten thousand assets do not all start at once. `latest_start` and `earliest_end` bound the
    /// literal period, in seconds of UTC, over everything that the zone does.
    pub(super) fn phase_s(&self, name: &str, latest_start: i64, earliest_end: i64) -> i64 {
        let interval = i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        if !self.is_literal {
            return spread(name, interval);
        }
        let total = SignedDuration::try_from(self.lasts.total()).unwrap_or(SignedDuration::MAX).as_secs();
        let room = earliest_end - latest_start;
        // Half of the room, so that longer durations, measured later, do not move the slots.
        let band = if total * 2 <= room { room / 2 } else { room - total };
        (latest_start + spread(name, band.max(1))).rem_euclid(interval)
    }
}

/// A number below `below` that depends on nothing but the name (FNV-1a).
fn spread(name: &str, below: i64) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // Whole minutes read better, where there are enough of them.
    let step: i64 = if below >= 3600 { 60 } else { 1 };
    i64::try_from(hash >> 1).unwrap_or_default() % (below / step) * step
}
