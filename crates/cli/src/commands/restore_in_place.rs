//! `holdfast restore --in-place`: out of a point into the folder that it was made of.

use std::sync::Arc;

use holdfast_ops::audit::When;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore::in_place::{self, InPlaceReport, InPlaceReportPlan, InPlaceWish};
use holdfast_ops::setup::Setup;
use holdfast_ops::{Progress, state_lock};

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// So many names of each kind are shown.
const SHOWN: usize = 20;

pub fn run(context: &Context, setup: &Setup, wish: &InPlaceWish, is_yes: bool) -> Result<Ending> {
    if !is_yes {
        let plan = in_place::plan(setup, wish)?;
        if context.options.json {
            output::json(&plan);
        } else {
            print_plan(&plan);
            super::print_troubles(context, &plan.troubles);
            output::line(format!(
                "Nothing was changed. To carry it out: the same command with --point {} --yes",
                words::short(&plan.point)
            ));
        }
        return Ok(Ending::Done);
    }
    // A safety point is a run like any other.
    let _lock = state_lock::take(&setup.places.state, "restore", context.world.environment.pid())?;
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, &wish.asset, &progress, Totals::Exact);
        let mut tell = |step: &str| {
            if !context.options.quiet {
                output::note(step);
            }
        };
        in_place::restore(setup, wish, &progress, &mut tell)?
    };
    let ending = report.ending.and(super::anchor(context, setup, When::NewDay));
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
        super::print_troubles(context, &report.troubles);
    }
    Ok(ending)
}

fn print_plan(plan: &InPlaceReportPlan) {
    let changes = &plan.changes;
    output::line(format!(
        "{}: point {} from {} in place, into {}: {} replaced, {} brought back, {} as they are, {}",
        plan.asset,
        words::short(&plan.point),
        words::time(plan.time),
        plan.path.display(),
        words::count(changes.replaced_count, "file"),
        changes.new_count,
        changes.unchanged,
        words::bytes(changes.bytes),
    ));
    output::line(match plan.makes_safety_point {
        true => "A point of what is there now is made first.",
        false => "NO point of what is there now is made.",
    });
    let kinds =
        [("replaced", &changes.replaced, changes.replaced_count), ("new", &changes.new, changes.new_count)];
    for (what, names, count) in kinds {
        for name in names.iter().take(SHOWN) {
            output::line(format!("  {what}: {name}"));
        }
        let more = count.saturating_sub(names.len().min(SHOWN) as u64);
        if more > 0 {
            output::line(format!("  {what}: {more} more (--json names {} of them)", names.len()));
        }
    }
    for name in &changes.blocked {
        output::note(format!(
            "note: {name} is no folder there, but a symlink or a file: nothing in it is restored through that"
        ));
    }
    if !plan.left_out.is_empty() {
        output::note(format!(
            "note: the point holds besides: {}; that stays as it is",
            plan.left_out.join(", ")
        ));
    }
}

fn print(report: &InPlaceReport) {
    let plan = &report.plan;
    output::line(format!(
        "{}: point {} restored in place, into {}: {}, {} in {}",
        plan.asset,
        words::short(&plan.point),
        plan.path.display(),
        words::count(report.restored.files, "file"),
        words::bytes(report.restored.bytes),
        words::seconds(report.seconds),
    ));
    if let Some(point) = &report.safety_point {
        output::line(format!("  what was there before is in point {}", words::short(point)));
    }
}
