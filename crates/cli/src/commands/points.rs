//! `holdfast points`.

use clap::Args;
use holdfast_ops::Troubles;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::{following, points};

use crate::context::Context;
use crate::{output, words};

/// List the restorable points of an asset
#[derive(Args, Debug)]
pub struct Points {
    /// The asset, as estate.toml calls it
    asset: String,
}

pub fn run(context: &Context, command: &Points) -> Result<Ending> {
    let setup = context.setup()?;
    let troubles = Troubles::default();
    let points = points::points(&setup, &command.asset, &troubles)?;
    let is_red = points.iter().any(|p| p.verdict == "FAIL") || !troubles.list().is_empty();
    if context.options.json {
        output::json(&points);
    } else {
        // Of an asset that has one part alone nobody needs to read which.
        let is_of_several = setup.asset(&command.asset)?.class().datasets().len() > 1;
        let rows = points
            .iter()
            .map(|point| {
                vec![
                    words::short(&point.id).to_owned(),
                    words::time(point.time),
                    if is_of_several {
                        format!("{}, {}", point.dataset, point.kind)
                    } else {
                        point.kind.clone()
                    },
                    point.bytes.map_or_else(|| "?".to_owned(), words::bytes),
                    point.copies.join(", "),
                    point.checked.map_or_else(|| "-".to_owned(), words::time),
                    format!("{}: {}", point.verdict, point.reason),
                ]
            })
            .collect();
        output::table(&["Point", "Time", "Kind", "Size", "Copies", "Checked", "Verdict"], rows);
        for (from, until) in following::seconds(&setup, &command.asset)? {
            let (from, until) = (words::time(from), words::time(until));
            output::line(format!("By its log each second can be had from {from} until {until}."));
        }
        super::print_troubles(context, &troubles.list());
    }
    Ok(if is_red { Ending::Attention } else { Ending::Done })
}
