//! `holdfast restore`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore::database::DatabaseWish;
use holdfast_ops::restore::in_place::InPlaceWish;
use holdfast_ops::restore::{self, RestoreReport, Wish};
use holdfast_ops::setup::Setup;

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Restore an asset, or a part of it
///
/// The asset's root goes into DIR itself: <path>/index.php becomes DIR/index.php. With --all, each asset goes into
/// DIR/<asset>, and its databases and what else lies elsewhere into DIR/<asset>.beside, in the order in which the policy wants its classes back. What cannot be read whole at one location is read
/// from the next; that ends with 4 even though the files are whole. What was interrupted goes on with --overwrite. DIR
/// must lie neither among the copies nor in what is backed up.
///
/// With --database, a database of the point is loaded into a server: into a new one (--into), in place of the old one, or
/// one table of it (--table). The plan is shown, and carried out with --yes.
///
/// With --in-place, files and folders go back to where they were (--include names them). The plan is shown here, too.
///
/// The audit log has it first: who, which point, which paths, where to, what for. Without the log nothing is restored,
/// unless somebody breaks the glass.
#[derive(Args, Debug)]
pub struct Restore {
    /// The asset, as estate.toml calls it
    #[arg(required_unless_present = "all")]
    asset: Option<String>,
    /// Every asset of the estate
    #[arg(long, conflicts_with_all = ["asset", "point"])]
    all: bool,
    /// The folder to restore into
    #[arg(long, value_name = "DIR", required_unless_present_any = ["database", "in_place"])]
    to: Option<PathBuf>,
    /// Back into the asset's own folder, with owners and modes as they were
    ///
    /// The plan is shown, and carried out with --yes. A point of what is there now is made first. Each file is replaced at once
    /// or not at all; what is not in the point stays. Nothing is restored through a symlink.
    #[arg(long, requires = "asset", group = "replacing", conflicts_with_all = ["to", "all", "whole", "overwrite", "break_glass"])]
    in_place: bool,
    #[command(flatten)]
    which: super::WhichPoint,
    /// Read from this location only
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
    /// Only what matches: a pattern without a slash matches a name anywhere, one with a slash a path below the root
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Everything in the point, each at its own absolute path below DIR: databases and what lies elsewhere, too
    #[arg(long)]
    whole: bool,
    /// Restore over what is in DIR, writing only what differs; what is not in the point stays
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    purpose: super::Purpose,
    /// Restore without the audit log, because it cannot be had and there is no time to mend it
    ///
    /// A signed record is written beside DIR and, sealed, at every location that can be reached. It comes into the log later
    /// and is red until somebody reviews it: `holdfast audit break-glass`. Ends with 1 at best.
    #[arg(long, value_name = "REASON")]
    break_glass: Option<String>,
    #[command(flatten)]
    database: super::restore_database::ToServer,
}

pub fn run(context: &Context, command: &Restore) -> Result<Ending> {
    let setup = context.setup()?;
    if let Some(name) = &command.database.database {
        let wish = DatabaseWish {
            asset: command.asset.clone().unwrap_or_default(),
            which: command.which.which()?,
            location: command.location.clone(),
            purpose: command.purpose.purpose.clone(),
            ..command.database.wish(name)
        };
        return super::restore_database::run(context, &setup, &wish, command.database.yes);
    }
    if command.in_place {
        let wish = InPlaceWish {
            asset: command.asset.clone().unwrap_or_default(),
            dataset: command.which.dataset,
            which: command.which.which()?,
            location: command.location.clone(),
            include: command.include.clone(),
            is_unsafe: command.database.no_safety_point,
            purpose: command.purpose.purpose.clone(),
        };
        return super::restore_in_place::run(context, &setup, &wish, command.database.yes);
    }
    let wish = Wish {
        asset: command.asset.clone().unwrap_or_default(),
        dataset: command.which.dataset,
        to: command.to.clone().unwrap_or_default(),
        which: command.which.which()?,
        location: command.location.clone(),
        include: command.include.clone(),
        whole: command.whole,
        overwrite: command.overwrite,
        purpose: command.purpose.purpose.clone(),
        break_glass: command.break_glass.clone(),
    };
    if command.all {
        return all(context, &setup, &wish);
    }
    let report = watched(context, &wish.asset, &|progress| restore::restore(&setup, &wish, progress))?;
    if context.options.json {
        output::json(&report);
    } else {
        print(context, &report);
    }
    Ok(report.ending)
}

fn all(context: &Context, setup: &Setup, wish: &Wish) -> Result<Ending> {
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    for (name, dataset) in restore::recovery_order(setup) {
        let restored = watched(context, &name, &|progress| {
            restore::restore_one_of_all(setup, wish, (&name, dataset), progress)
        });
        match restored {
            Ok(report) => {
                ending = ending.and(report.ending);
                if !context.options.json {
                    print(context, &report);
                }
                reports.push(serde_json::json!(report));
            }
            Err(error) => {
                ending = ending.and(error.ending);
                output::note(format!("{name}: NOT RESTORED"));
                output::error(&error);
                reports.push(serde_json::json!({
                    "asset": name, "error": error.message, "hint": error.hint, "ending": error.ending,
                }));
            }
        }
        if ending == Ending::Interrupted {
            break;
        }
    }
    if context.options.json {
        output::json(&reports);
    }
    Ok(ending)
}

fn watched(
    context: &Context,
    name: &str,
    restore: &dyn Fn(&Progress) -> Result<RestoreReport>,
) -> Result<RestoreReport> {
    let progress = Arc::new(Progress::default());
    let _line = progress_line::show(context, name, &progress, Totals::Exact);
    restore(&progress)
}

fn print(context: &Context, report: &RestoreReport) {
    output::line(format!(
        "{}: point {} from {} restored to {}: {}, {} in {}",
        report.asset,
        words::short(&report.point),
        words::time(report.time),
        report.to.display(),
        words::count(report.restored.files, "file"),
        words::bytes(report.restored.bytes),
        words::seconds(report.seconds),
    ));
    if !report.left_out.is_empty() {
        output::note(format!(
            "  the point holds besides: {} (--whole restores them too, --database loads a database)",
            report.left_out.join(", ")
        ));
    }
    super::print_troubles(context, &report.troubles);
}
