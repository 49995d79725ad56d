//! A month of the policy in a minute: `holdfast serve --once` every six hours, on a clock that is set forward between two
//! calls. The bytes, the server and its outage are real; only the time is not (Debian's faketime, on the wall clock alone).
//!
//! What a schedule is worth shows on the days on which something is missing. So for a night a location is down, and for
//! two days later nobody runs at all; and what came of it must stand in `slots` by itself.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use holdfast_testkit::corpus;
use serde_json::Value;

use super::comparison;
use super::estate::{Places, SITES};
use super::product::Product;
use super::sftp_server::SftpServer;
use super::{chapter, recovery, say, verdicts};
use crate::{lab, process};

const DAY_H: u64 = 24;
const MONTH_H: u64 = 31 * DAY_H;
const EVERY_H: u64 = 6;
/// The server is down from noon of the ninth day to the next morning.
const OUTAGE_H: std::ops::Range<u64> = 8 * DAY_H + 12..9 * DAY_H + 6;
/// And nothing runs on the sixteenth and the seventeenth day.
const OFF_H: std::ops::Range<u64> = 15 * DAY_H..17 * DAY_H;
/// When every byte at both places is read.
const WEEKLY_H: [u64; 4] = [6 * DAY_H, 13 * DAY_H, 20 * DAY_H, 27 * DAY_H];
/// The most days that the demo's policy keeps a point, and its grace.
const KEPT_DAYS: u64 = 10 + 2;

/// The program after the month.
pub(super) struct End {
    /// As its last call was: each call begins anew at that instant.
    pub(super) last: Product,
    /// An hour later, on a clock that runs on.
    pub(super) running_on: Product,
}

/// Tells the month; fails at the first thing that is not as promised.
pub(super) fn tell(
    product: &Product,
    places: &Places,
    server: &mut SftpServer,
    sites: &[PathBuf],
) -> Result<End> {
    chapter("A month of the policy, on a clock that is set forward");
    lab::ensure_packages(&["faketime"]).context("the month needs Debian's faketime")?;
    approve(places)?;
    say("The policy is approved now, and keeps websites 7 to 10 days, so that a month sees purges.");
    say("`holdfast serve --once` every six hours, new content every day, and every byte read once a week.");
    let midnight = next_midnight()?;
    let (mut passes, mut changed) = (0, 0);
    for hour in (0..MONTH_H).step_by(EVERY_H as usize) {
        if hour % DAY_H == 0 {
            for site in sites {
                changed += corpus::change_site(site, 100 + hour / DAY_H)?;
            }
        }
        match hour {
            hour if hour == OUTAGE_H.start => server.stop()?,
            hour if hour == OUTAGE_H.end => server.start_again()?,
            _ => {}
        }
        if OFF_H.contains(&hour) {
            continue;
        }
        let now = product.at(&clock(midnight, hour)?);
        now.quietly(&["serve", "--once", "--quiet"], 0)?;
        passes += 1;
        if WEEKLY_H.contains(&hour) {
            // Retention spares the last point of which every byte was read; without this, the first one for ever.
            now.quietly(&["verify", "--read-data", "--quiet"], 0)?;
        }
    }
    say(&format!("{passes} calls; {} of content came and went.", super::megabytes(changed)));
    let end = product.at(&clock(midnight, MONTH_H)?);
    slots(&end, midnight)?;
    kept(&end, places, midnight)?;
    // Each call begins anew at its instant, and a rebuilding in the past is refused.
    let later = product.at(&clock(midnight, MONTH_H + 1)?);
    recovery::tell(&end, &later, places, &server.url(&places.server_data))?;
    let last = product.at(&clock(midnight, MONTH_H + 2)?);
    verdicts::tell(&later, &last)?;
    let ahead = (midnight + (MONTH_H + 3) * 3600).saturating_sub(now()?);
    Ok(End { last, running_on: product.at(&format!("{ahead} seconds")) })
}

/// What the policy expected, and what came of it.
fn slots(end: &Product, midnight: u64) -> Result<()> {
    let instant = |hour| clock_rfc3339(midnight, hour);
    let (since, until) = (instant(0)?, instant(MONTH_H)?);
    let report = end.json(&["slots", "--since", &since, "--until", &until], 1)?;
    let slots = report["slots"].as_array().context("slots --json has no slots")?;
    let of = |state: &str| slots.iter().filter(|slot| slot["state"] == state).count();
    let (ok, late, degraded, missed) = (of("ok"), of("late"), of("degraded"), of("missed"));
    ensure!(
        ok + late + degraded + missed == slots.len(),
        "not every slot is accounted for: {}",
        report["counts"]
    );
    ensure!(missed >= SITES.len(), "two days without any run missed only {missed} slots");
    ensure!(
        late + degraded >= SITES.len(),
        "a location was down, and only {} slots show it",
        late + degraded
    );
    let (off, on) = (instant(OFF_H.start)?, instant(OFF_H.end + DAY_H)?);
    for slot in slots.iter().filter(|slot| slot["state"] == "missed") {
        let due = slot["due"].as_str().unwrap_or_default();
        ensure!(off.as_str() < due && due <= on.as_str(), "missed, though something ran: {slot}");
    }
    say(&format!("{} slots: {ok} ok, {late} late, {degraded} degraded, {missed} missed.", slots.len()));
    say("The days of the outage, and those on which nothing ran, as `slots` tells them:");
    let asset = SITES[0].0;
    for hours in [OUTAGE_H, OFF_H] {
        let (since, until) = (instant(hours.start)?, instant(hours.end + DAY_H / 2)?);
        end.expect(&["slots", asset, "--since", &since, "--until", &until], &[], 1)?;
    }
    end.expect(&["runs", asset, "--days", "2"], &[], 0)
}

/// What was purged is gone from both places, as a walk through them finds; what should be there is.
fn kept(end: &Product, places: &Places, midnight: u64) -> Result<()> {
    let oldest = clock_rfc3339(midnight, MONTH_H - KEPT_DAYS * DAY_H)?;
    let mut listed = 0;
    for (asset, _) in SITES {
        let points = end.json(&["points", asset], 1)?;
        let points = points.as_array().context("points --json is no list")?;
        let times: Vec<&str> = points.iter().filter_map(|point: &Value| point["time"].as_str()).collect();
        ensure!(times.len() == points.len() && times.len() > 10, "{asset}: {} points", points.len());
        for time in times {
            ensure!(time > oldest.as_str(), "{asset} has a point of {time}, which should be gone");
        }
        listed += points.len();
    }
    for place in [&places.disk, &places.server_data] {
        let snapshots = comparison::objects(place)?
            .into_keys()
            .filter(|name| name.contains("/snapshots/") && !name.contains("holdfast-log/"));
        let lying = snapshots.count();
        ensure!(lying == listed, "{} has {lying} points, and {listed} are listed", place.display());
    }
    let objects = comparison::same_objects(&places.disk, &places.server_data)?;
    say(&format!(
        "{listed} points are left, none older than {KEPT_DAYS} days, at both places ({objects} objects)."
    ));
    end.expect(&["verify", "--read-data"], &[], 0)
}

/// What `serve` asks for before it runs a policy, and a retention that a month can show.
fn approve(places: &Places) -> Result<()> {
    let path = places.config.join("policy.toml");
    let mut policy = fs::read_to_string(&path)?;
    for (old, new) in [
        ("# approved_by = \"<who approved this version>\"", "approved_by = \"the demo\""),
        (
            "retention = { min_days = 30, max_days = 60 }\n\n# 5.",
            "retention = { min_days = 7, max_days = 10 }\n\n# 5.",
        ),
    ] {
        ensure!(policy.contains(old), "the shipped policy has no {old:?} any more");
        policy = policy.replacen(old, new, 1);
    }
    fs::write(&path, policy).with_context(|| format!("cannot write {}", path.display()))
}

/// Seconds since 1970 of the next midnight in UTC.
fn next_midnight() -> Result<u64> {
    Ok(now()?.next_multiple_of(86_400))
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs())
}

/// So many hours later, as faketime reads it.
fn clock(midnight: u64, hour: u64) -> Result<String> {
    date(midnight, hour, "+%F %T UTC")
}

fn clock_rfc3339(midnight: u64, hour: u64) -> Result<String> {
    date(midnight, hour, "+%FT%TZ")
}

fn date(midnight: u64, hour: u64, format: &str) -> Result<String> {
    let instant = format!("@{}", midnight + hour * 3600);
    Ok(process::output(process::command("date", &["-u", "-d", &instant, format]))?.trim().to_owned())
}
