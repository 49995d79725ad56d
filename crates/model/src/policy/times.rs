//! The calendar that schedules follow, and what captures and copies take before anything was measured.
//!
//! The zone's rules come from the program and not from the machine: the same policy must give the same slots on every
//! machine, today and when an auditor asks again.

use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::rule::duration;
use crate::diagnostic::Problems;
use crate::reading::Fields;
use crate::scheduler::Limits;
use crate::slot::{Lasts, LastsBasis};

/// The keys beside the schedules.
pub(super) struct Times {
    pub(super) zone: TimeZone,
    pub(super) assume: Lasts,
    pub(super) limits: Limits,
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

impl Default for Times {
    fn default() -> Times {
        let assume = Lasts { capture: TEN_MINUTES, copy: TEN_MINUTES, basis: LastsBasis::Assumed };
        Times { zone: TimeZone::UTC, assume, limits: Limits::default() }
    }
}

pub(super) fn times(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Times {
    let mut times = Times::default();
    if let Some(name) = fields.text(problems, "zone") {
        match TimeZoneDatabase::bundled().get(&name.value) {
            Ok(zone) => times.zone = zone,
            Err(_) => problems
                .error("bad-value", &name.span.range(), format!("there is no zone {:?}", name.value))
                .hint("write a name of the IANA database, e.g. \"Europe/London\", or \"UTC\""),
        }
    }
    if let Some(assume) = assume(problems, fields) {
        times.assume = assume;
    }
    if let Some(limits) = limits(problems, fields) {
        times.limits = limits;
    }
    times
}

/// `limits = { runs = 4, per_host = 2, per_location = 4 }`: how much may run at once.
fn limits(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Limits> {
    let mut table = fields.table(problems, "limits")?;
    let usual = Limits::default();
    let mut limit = |key, usual: usize| {
        let Some(limit) = table.whole(problems, key) else { return usual };
        if !(1..=1000).contains(&limit.value) {
            problems.error("bad-value", &limit.span.range(), "a limit lies between 1 and 1000 runs at once");
        }
        usize::try_from(limit.value).unwrap_or(usual)
    };
    let (overall, per_host, per_location) = (
        limit("runs", usual.overall),
        limit("per_host", usual.per_host),
        limit("per_location", usual.per_location),
    );
    table.finish(problems);
    Some(Limits { overall, per_host, per_location })
}

/// `assume = { capture = "10m", copy = "10m" }`.
pub(super) fn assume(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Lasts> {
    let mut assume = fields.table(problems, "assume")?;
    let capture = duration(problems, &mut assume, "capture");
    let capture = assume.require(problems, "capture", capture);
    let copy = duration(problems, &mut assume, "copy");
    let copy = assume.require(problems, "copy", copy);
    assume.finish(problems);
    Some(Lasts { capture: capture?.value, copy: copy?.value, basis: LastsBasis::Assumed })
}
