//! `holdfast report`.

use std::path::PathBuf;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::report::{self, Wanted, Written};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Purpose;
use crate::context::Context;
use crate::{output, words};

/// Write the evidence pack: how the policy was kept over a period, and what proves it
///
/// A folder with report.html for people (any browser, or paper), report.json and tables (CSV) for programs, the audit log and
/// its signed heads, and MANIFEST, the signed list of all of it. `holdfast-audit-verify DIR --key KEY` checks the pack without
/// this program; KEY is the log's public key, see `holdfast key list`.
///
/// A pack holds what was recorded until the end of its period. The same period gives the same bytes whenever it is asked for,
/// whatever was changed since; only what was erased since reads [erased]. That it was made is an entry in the audit log.
///
/// Ends with 1 when any control is red at the end of the period: the pack is written all the same.
#[derive(Args, Debug)]
pub struct Report {
    /// From this day (in UTC) or time on [default: the first day of the month before the end's, so that one whole month is in it]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Until the end of this day (in UTC), or as of this time [default: now]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// The folder, which is made; one that is there must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Without the values about people: who restored what, and what for; their hashes stay in the log
    #[arg(long)]
    without_values: bool,
    #[command(flatten)]
    purpose: Purpose,
}

pub fn run(context: &Context, command: &Report) -> Result<Ending> {
    let now = context.world.clock.now();
    let given = |option, text: &Option<String>, is_end| {
        text.as_deref().map(|text| instant(option, text, is_end)).transpose()
    };
    let to = given("--to", &command.to, true)?;
    // Today is not over yet: what there is of it.
    let is_today = |(to, is_day): &(Timestamp, bool)| *is_day && *to > now && to.duration_since(now) <= DAY;
    let wanted = Wanted {
        from: given("--from", &command.from, false)?.map(|(from, _)| from),
        to: to.filter(|to| !is_today(to)).map(|(to, _)| to),
        out: command.out.clone(),
        purpose: command.purpose.purpose.clone(),
        with_values: !command.without_values,
    };
    let setup = context.setup()?;
    let bar = context.draws_progress().then(spinner);
    output::drawing(bar.clone());
    let step = |text: &str| {
        if let Some(bar) = &bar {
            bar.set_message(text.to_owned());
        }
    };
    let written = report::report(&setup, &wanted, &step);
    output::drawing(None);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let written = written?;
    if context.options.json {
        output::json(&written);
    } else {
        print(&written);
    }
    Ok(written.ending)
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A day in UTC, or an instant; of a day its end, where `is_end`.
fn instant(option: &str, text: &str, is_end: bool) -> Result<(Timestamp, bool)> {
    if let Ok(instant) = text.parse() {
        return Ok((instant, false));
    }
    let day = text.parse::<Date>().and_then(|day| if is_end { day.tomorrow() } else { Ok(day) });
    let start = day.and_then(|day| day.to_zoned(TimeZone::UTC)).map_err(|error| {
        Error::usage(format!("{option} {text:?}: {error}"))
            .hint("write a day like 2026-11-23, or a time like 2026-11-23T04:00:00+00:00")
    })?;
    Ok((start.timestamp(), true))
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

fn print(written: &Written) {
    output::line(format!("{}: {} to {}", written.out.display(), written.from, written.to));
    output::line(format!(
        "{}, {}; {} of the log; signed by {}",
        words::count(written.files as u64, "file"),
        words::bytes(written.bytes),
        words::many(written.leaves, "leaf", "leaves"),
        written.key
    ));
    let counts: Vec<String> = written.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    output::line(counts.join(", "));
    output::line(format!("Verify it: holdfast-audit-verify {} --key KEY", written.out.display()));
}
