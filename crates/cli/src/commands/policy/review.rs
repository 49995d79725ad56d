//! `holdfast policy review`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::{Written, review};
use holdfast_ops::recovery;

use crate::context::Context;
use crate::{output, words};

/// Record that the policy was reviewed, as it is written now
///
/// Keeps in the ledger who reviewed which text, and when; `policy history` lists it, and `policy lint` counts the next
/// review from it. That nothing had to change is a valid outcome. The name is kept as it is given: nobody's signature is
/// checked. While `holdfast serve` runs, it writes the review down.
#[derive(Args, Debug)]
pub struct Review {
    /// Who reviewed it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What came of it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub fn run(context: &Context, command: &Review, written: &Written) -> Result<Ending> {
    let note = command.note.as_deref();
    let review = review::review(
        &context.places(),
        &context.world,
        written,
        (&command.by, note),
        &context.stop.interrupted,
    )?;
    // Where nothing can be loaded, nothing can be brought anywhere; the review stands all the same.
    if let Ok(setup) = context.setup() {
        recovery::deliver_entered(&setup);
    }
    if context.options.json {
        output::json(&review);
    } else {
        let of = review
            .policy_version
            .map_or_else(|| "not recorded as a version yet".to_owned(), |number| format!("number {number}"));
        output::line(format!(
            "the policy ({of}) was reviewed by {} on {}",
            review.reviewer,
            words::minute(review.happened_at)
        ));
    }
    Ok(Ending::Done)
}
