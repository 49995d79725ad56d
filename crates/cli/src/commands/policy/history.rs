//! `holdfast policy history`.

use clap::Args;
use holdfast_model::policy::Change;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::history;

use crate::context::Context;
use crate::{output, words};

/// List the recorded versions of the policy, what each changed, and its reviews
///
/// A version is recorded when `holdfast serve` adopts policy.toml. It holds from its effective day or from its recording,
/// whichever is later, and is asked about that time ever after, whatever the file says now. What the file says otherwise
/// than the latest version is listed as not recorded.
///
/// Ends with 1 when policy.toml is not the latest recorded version.
#[derive(Args, Debug)]
pub struct History {}

pub fn run(context: &Context, _command: &History) -> Result<Ending> {
    let history = history::history(&context.places(), context.world.clock.now())?;
    let ending = if history.unrecorded.is_none() { Ending::Done } else { Ending::Attention };
    if context.options.json {
        output::json(&history);
        return Ok(ending);
    }
    let row = |version: &history::Version| {
        vec![
            version.number.to_string(),
            version.version.to_string(),
            words::minute(version.effective),
            version.approver.clone(),
            words::short(&version.sha256).to_owned(),
            if version.in_force { "in force".to_owned() } else { String::new() },
        ]
    };
    let header = ["Number", "Version", "Effective", "Approver", "SHA-256", ""];
    output::table(&header, history.versions.iter().map(row).collect());
    for version in history.versions.iter().filter(|version| !version.changes.is_empty()) {
        output::line(format!("\nNumber {} changed:", version.number));
        version.changes.iter().for_each(print);
    }
    for review in &history.reviews {
        let of = review.policy_version.map_or_else(
            || format!("text {}, not recorded", words::short(&review.policy_sha256)),
            |number| format!("number {number}"),
        );
        let note = review.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        output::line(format!(
            "Reviewed {} by {} ({of}){note}",
            words::minute(review.happened_at),
            review.reviewer
        ));
    }
    if let Some(changes) = &history.unrecorded {
        let what = if history.versions.is_empty() { "no version is recorded" } else { "policy.toml differs" };
        output::note(format!(
            "NOT RECORDED: {what}: {} of policy.toml; `holdfast serve` adopts a version that is approved",
            words::count(changes.len() as u64, "key")
        ));
        if !history.versions.is_empty() {
            changes.iter().for_each(print);
        }
    }
    Ok(ending)
}

fn print(change: &Change) {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    output::line(format!("  {}: {} -> {}", change.key, shown(&change.before), shown(&change.after)));
}
