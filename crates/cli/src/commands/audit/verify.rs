//! `holdfast audit verify`.

use holdfast_ops::audit::{self, PlaceVerdict, VerifyReport};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;

use crate::context::Context;
use crate::{output, words};

pub fn run(context: &Context, against: &[String], against_all: bool) -> Result<Ending> {
    let setup = context.setup()?;
    let against: Vec<String> =
        if against_all { setup.location_names().map(str::to_owned).collect() } else { against.to_vec() };
    let report = audit::verify(&setup, &against)?;
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    print(&report);
    if against.is_empty() {
        output::note(
            "hint: whoever has this machine can make all of this agree; --against LOCATION compares with what lies elsewhere",
        );
    }
    Ok(report.ending)
}

fn print(report: &VerifyReport) {
    let row = |place: &PlaceVerdict| {
        vec![
            place.place.clone(),
            place.checkpoints.to_string(),
            format!("{} of {}", place.covers, report.leaves),
            place.newest.map(words::minute).unwrap_or_default(),
            place.verdict.to_owned(),
            place.reason.clone().unwrap_or_default(),
        ]
    };
    let header = ["Place", "Checkpoints", "Leaves covered", "Newest", "Verdict", ""];
    output::table(&header, report.places.iter().map(row).collect());
    for finding in &report.findings {
        output::line(format!("{}: {}: {}", finding.kind.to_uppercase(), finding.place, finding.message));
    }
    let open = report.open.iter().take(SHOWN);
    open.for_each(|open| output::line(format!("without a result: {open}")));
    if report.open.len() > SHOWN {
        output::line(format!("... and {} more; --json lists all", report.open.len() - SHOWN));
    }
    for restart in &report.restarts {
        let when = words::minute(restart.happened_at);
        output::line(format!("this log began anew on {when}, says {}: {}", restart.by, restart.reason));
    }
    if report.unreviewed > 0 {
        let count = words::count(report.unreviewed as u64, "restore");
        output::line(format!("{count} without the log, not reviewed: `holdfast audit break-glass`"));
    }
    let tables = match report.rows {
        Some(rows) => format!("; {} follow from them", words::count(rows, "row")),
        None => String::new(),
    };
    output::line(format!("{}: {}{tables}", report.verdict, words::many(report.leaves, "leaf", "leaves")));
}

const SHOWN: usize = 20;
