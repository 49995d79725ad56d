//! `holdfast purge --history`.

use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::purge::history::{self, PastPurge};
use holdfast_ops::setup::Setup;
use jiff::SignedDuration;

use crate::context::Context;
use crate::{output, words};

pub fn run(context: &Context, setup: &Setup, days: u32) -> Result<Ending> {
    let back = SignedDuration::from_hours(24 * i64::from(days));
    let since = context.world.clock.now().checked_sub(back);
    let since = since.map_err(|error| Error::usage(format!("--days {days}: {error}")))?;
    let past = history::history(&setup.places.state, since)?;
    let now = context.world.clock.now();
    let is_open = past.iter().any(|past| past.is_open(now));
    if context.options.json {
        output::json(&past);
    } else {
        print(&past);
    }
    Ok(if is_open { Ending::Attention } else { Ending::Done })
}

fn print(past: &[PastPurge]) {
    let rows = past.iter().map(|past| {
        let purge = &past.purge;
        let version = purge.purge.policy_version.map_or("-".to_owned(), |version| version.to_string());
        let what = match &purge.purge.client {
            Some(client) => format!("everything of {client}"),
            None => words::count(past.points.len() as u64, "point"),
        };
        let state = match purge.state.as_str() {
            "begun" => "under way or cut off",
            state => state,
        };
        vec![
            purge.id.clone(),
            words::minute(purge.begun_at),
            purge.purge.by.clone(),
            version,
            what,
            state.to_owned(),
        ]
    });
    output::table(&["Purge", "Began", "By", "Policy", "Decided", "State"], rows.collect());
    let receipts: Vec<Vec<String>> = past.iter().flat_map(|past| &past.receipts).map(receipt).collect();
    if !receipts.is_empty() {
        let header =
            ["Purge", "Receipt of", "Repository", "Phase", "What", "Objects", "Bytes", "Points gone"];
        output::table(&header, receipts);
    }
    for past in past {
        for wait in &past.purge.waits {
            let place = wait.location.as_deref().map_or(String::new(), |location| format!(" at {location}"));
            let points = words::count(wait.points, "point");
            let (id, repository) = (&past.purge.id, &wait.repository);
            output::note(format!("{id}: {repository}: {points} waited{place}: {}", wait.reason));
        }
    }
}

fn receipt(receipt: &holdfast_ops::Receipt) -> Vec<String> {
    let what = &receipt.receipt;
    vec![
        what.purge.clone(),
        what.location.clone(),
        what.repository.clone(),
        what.phase.as_str().to_owned(),
        what.group.clone(),
        what.objects.to_string(),
        words::bytes(what.bytes),
        what.points.len().to_string(),
    ]
}
