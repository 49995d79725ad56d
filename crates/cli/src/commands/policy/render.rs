//! `holdfast policy render`.

use clap::Args;
use holdfast_model::Policy;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::policy::render::{self, Form};

use crate::context::Context;
use crate::output;

/// Write the policy as a document for people, from the rules that run
///
/// Goes to stdout as Markdown, or with --html as one file that needs nothing else and prints well.
#[derive(Args, Debug)]
pub struct Render {
    /// Write HTML instead of Markdown
    #[arg(long)]
    html: bool,
}

pub fn run(context: &Context, command: &Render, policy: &Policy) -> Result<Ending> {
    let form = if command.html { Form::Html } else { Form::Markdown };
    let text = render::render(policy, form);
    if context.options.json {
        let form = if command.html { "html" } else { "markdown" };
        output::json(&serde_json::json!({ "form": form, "text": text }));
    } else {
        output::line(text.trim_end());
    }
    Ok(Ending::Done)
}
