//! `holdfast policy show`.

use std::collections::BTreeMap;

use clap::Args;
use holdfast_model::Policy;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::Written;
use holdfast_ops::policy::show::{self, Row, Shown};

use crate::context::Context;
use crate::output;

/// Show what holds for an asset, and which sentence of the policy each value comes from
///
/// General and specific rules are merged: the strictest wins, and the weaker ones are named beside it.
#[derive(Args, Debug)]
pub struct Show {
    /// The assets, as estate.toml calls them [default: the rules of every class]
    #[arg(value_name = "ASSET")]
    assets: Vec<String>,
}

pub fn run(context: &Context, command: &Show, written: &Written, policy: &Policy) -> Result<Ending> {
    let shown = show::show(written, policy, &command.assets)?;
    if context.options.json {
        output::json(&shown);
        return Ok(Ending::Done);
    }
    let mut sentences = BTreeMap::new();
    // Parts for which the same holds are shown together.
    for group in shown.chunk_by(|a, b| a.asset == b.asset && a.class == b.class && a.rows == b.rows) {
        print(group);
    }
    for part in &shown {
        let of_part = part.rows.iter().flat_map(|row| &row.sentences);
        sentences.extend(of_part.map(|sentence| (number(&sentence.id), sentence)));
    }
    output::line("What the sentences ask for:");
    for sentence in sentences.values() {
        output::line(format!("  {:<5} {}", sentence.id, sentence.summary));
    }
    Ok(Ending::Done)
}

fn print(group: &[Shown]) {
    let Some(part) = group.first() else { return };
    let whose = part.asset.as_deref().map(|asset| format!("{asset}: ")).unwrap_or_default();
    let datasets: Vec<&str> = group.iter().map(|part| part.dataset).collect();
    output::line(format!("{whose}{}: {}", part.class, datasets.join(", ")));
    let rows = part.rows.iter().map(|row| {
        let sentences: Vec<&str> = row.sentences.iter().map(|sentence| sentence.id.as_str()).collect();
        vec![row.name.to_owned(), row.value.clone(), sentences.join(", "), rules(row)]
    });
    output::columns(&["What", "Holds", "Sentence", "Rule (line)"], rows.collect());
    output::line("");
}

fn rules(row: &Row) -> String {
    let from = row.rules.iter().map(|rule| format!("{} ({})", rule.key, rule.line));
    let weaker = row
        .overruled
        .iter()
        .map(|weaker| format!("overrules {} ({}): {}", weaker.rule.key, weaker.rule.line, weaker.value));
    from.chain(weaker).collect::<Vec<_>>().join("\n")
}

/// For sorting: 4.10 comes after 4.9.
fn number(id: &str) -> Vec<u32> {
    id.split('.').filter_map(|part| part.parse().ok()).collect()
}
