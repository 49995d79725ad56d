//! `holdfast audit log`.

use clap::Args;
use holdfast_ops::action::Actor;
use holdfast_ops::audit::{self, Entry, Filter};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::context::Context;
use crate::{output, words};

/// List what was done, by whom
#[derive(Args, Debug)]
pub struct Log {
    /// What was recorded from then on: a time like 2026-11-23T04:00:00+00:00, a day like 2026-11-23, or `all` [default: the
    /// last 7 days]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// By somebody whose name holds this
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// About this asset, client or repository
    #[arg(long, value_name = "NAME")]
    asset: Option<String>,
    /// Of this kind: e.g. run-ended, purge-decided, action-begun, or an action: ls, restore, restic, repair [default: all; the
    /// table leaves out lease-taken and lease-returned]
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

pub fn run(context: &Context, command: &Log) -> Result<Ending> {
    let setup = context.setup()?;
    let since = match command.since.as_deref() {
        None => Some(context.world.clock.now() - SignedDuration::from_hours(7 * 24)),
        Some("all") => None,
        Some(text) => Some(instant(text, &setup.policy.zone)?),
    };
    let filter = Filter {
        since,
        actor: command.actor.clone(),
        asset: command.asset.clone(),
        kind: command.kind.clone(),
    };
    let mut entries = Vec::new();
    audit::entries(&setup, &filter, &mut |entry| entries.push(entry))?;
    if context.options.json {
        output::json(&entries);
        return Ok(Ending::Done);
    }
    // Every command takes the ledger and gives it back; that is for whoever asks for it.
    if command.kind.is_none() {
        entries.retain(|entry| !entry.kind.starts_with("lease-"));
    }
    let header = ["Leaf", "Time", "Entry", "Who", "With", "What"];
    output::table(&header, entries.iter().map(row).collect());
    Ok(Ending::Done)
}

fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Result<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day = text.parse::<jiff::civil::Date>().and_then(|day| day.to_zoned(zone.clone()));
    day.map(|day| day.timestamp()).map_err(|_| {
        Error::usage(format!("--since {text:?} is no time"))
            .hint("write it like 2026-11-23T04:00:00+00:00 or 2026-11-23, or `all`")
    })
}

fn row(entry: &Entry) -> Vec<String> {
    vec![
        entry.leaf.to_string(),
        words::minute(entry.happened_at),
        entry.kind.clone(),
        entry.actor.as_deref().map(Actor::shown).unwrap_or_default(),
        entry.asset.clone().unwrap_or_default(),
        what(&entry.fact),
    ]
}

/// What a fact says besides, in short.
fn what(fact: &Value) -> String {
    let Some(fields) = fact.as_object() else { return String::new() };
    let names = [
        "kind", "point", "paths", "target", "purpose", "outcome", "detail", "reason", "state", "location",
        "message",
    ];
    let said = names.iter().filter_map(|name| {
        let text = match fields.get(*name)? {
            Value::String(text) if *name == "point" => words::short(text).to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(list) if !list.is_empty() => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            }
            _ => return None,
        };
        Some(text.escape_debug().to_string())
    });
    said.collect::<Vec<_>>().join(", ")
}
