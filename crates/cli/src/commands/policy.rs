//! `holdfast policy`: what can be asked of the rules themselves.

mod coverage;
mod history;
mod lint;
mod render;
mod review;
mod show;
mod simulate;

use clap::Subcommand;
use holdfast_model::Policy;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::policy::{self, Written};

use crate::context::Context;
use crate::diagnostics;

/// Ask the rules themselves: what holds for an asset, what is wrong with them, what they will do
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    Show(show::Show),
    Lint(lint::Lint),
    Coverage(coverage::Coverage),
    History(history::History),
    Review(review::Review),
    Render(render::Render),
    Simulate(simulate::Simulate),
}

pub fn run(context: &Context, command: &PolicyCommand) -> Result<Ending> {
    // What was recorded can be told whatever became of the file.
    if let PolicyCommand::History(command) = command {
        return history::run(context, command);
    }
    let mut written = policy::written(&context.places())?;
    let Some(policy) = written.policy.take() else {
        diagnostics::print(std::slice::from_ref(&written.findings));
        return Err(Error::usage("policy.toml has errors; nothing can be told of it")
            .hint("`holdfast validate` lists them"));
    };
    dispatch(context, command, &written, &policy)
}

fn dispatch(
    context: &Context,
    command: &PolicyCommand,
    written: &Written,
    policy: &Policy,
) -> Result<Ending> {
    match command {
        PolicyCommand::Show(command) => show::run(context, command, written, policy),
        PolicyCommand::Lint(command) => lint::run(context, command, written, policy),
        PolicyCommand::Simulate(command) => simulate::run(context, command, written, policy),
        PolicyCommand::Render(command) => render::run(context, command, policy),
        PolicyCommand::Coverage(command) => coverage::run(context, command, written, policy),
        PolicyCommand::History(command) => history::run(context, command),
        PolicyCommand::Review(command) => review::run(context, command, written),
    }
}
