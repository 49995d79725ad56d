//! `holdfast purge --audit`.

use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::purge::audit::{self, PlaceAudit};
use holdfast_ops::setup::Setup;

use crate::context::Context;
use crate::{output, words};

pub fn run(context: &Context, setup: &Setup) -> Result<Ending> {
    let report = audit::audit(setup)?;
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    let rows = report.places.iter().map(|place| {
        let objects = place.findings.iter().map(|f| f.sum.objects).sum::<u64>();
        let bytes = place.findings.iter().map(|f| f.sum.bytes).sum::<u64>();
        let oldest = place.findings.iter().filter_map(|f| f.since).min();
        let found = if objects == 0 { "-".to_owned() } else { words::count(objects, "object") };
        vec![
            place.place.clone(),
            place.verdict.to_owned(),
            format!("{}, {}", words::count(place.objects, "object"), words::bytes(place.bytes)),
            found,
            if objects == 0 { "-".to_owned() } else { words::bytes(bytes) },
            oldest.map_or("-".to_owned(), words::minute),
        ]
    });
    output::table(&["Place", "Verdict", "Walked", "Found", "Bytes", "Oldest since"], rows.collect());
    report.places.iter().for_each(print);
    if let Some(why) = &report.unrecorded {
        output::note(format!("note: not written down as evidence: {why}"));
    }
    Ok(report.ending)
}

fn print(place: &PlaceAudit) {
    let name = &place.place;
    for finding in &place.findings {
        let objects = words::count(finding.sum.objects, "object");
        let bytes = words::bytes(finding.sum.bytes);
        output::line(format!("{name}: {}: {objects}, {bytes}: {}", finding.kind, finding.why));
        // Whoever may write there chose the name.
        output::line(format!("  e.g. {}", finding.example.escape_debug()));
    }
    for exempt in &place.exempt {
        let point = words::short(&exempt.point);
        output::line(format!("{name}: exempt: point {point} of {}: {}", exempt.repository, exempt.reason));
    }
    if let Some(locked) = &place.locked {
        output::line(format!("{name}: older versions: {}", super::locked(locked)));
    }
    if place.within_grace.objects > 0 {
        let objects = words::count(place.within_grace.objects, "object");
        output::line(format!("{name}: {objects} within grace, {}", words::bytes(place.within_grace.bytes)));
    }
    for reason in &place.reasons {
        output::note(format!("{name}: NO_EVIDENCE: {reason}"));
    }
    for what in &place.cannot_tell {
        output::note(format!("{name}: cannot tell: {what}"));
    }
}
