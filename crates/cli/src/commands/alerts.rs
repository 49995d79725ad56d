//! `holdfast alerts`.

use clap::{Args, Subcommand};
use holdfast_ops::alerts::{self, AlertsReport, SaidNotice};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_server::Courier;
use jiff::SignedDuration;

use crate::context::Context;
use crate::{output, words};

/// List what people were told, and what waits to reach them
///
/// `holdfast serve` tells people what happens: before an objective breaks (at 70 % of it), when it breaks and when that ends;
/// which controls turn red; alarms; locations that do not answer; the review of the policy, 30 and 7 days ahead and when it is
/// overdue; and once a day all of it, so that whoever hears nothing knows that nobody watches. What goes on together is one
/// notice with a count, and what lasts is said again once a day.
///
/// Whom and how says estate.toml, in [alerts] and [alerts.channels.NAME]: by mail or by a webhook, for the teams
/// infrastructure, compliance and support. What cannot be delivered is tried again until it can, and after a quarter of an
/// hour it is said by every other channel.
///
/// Ends with 1 when something waits, when no channel is declared, or when the ping is not taken.
#[derive(Args, Debug)]
pub struct Alerts {
    #[command(subcommand)]
    command: Option<AlertsCommand>,
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
    /// Show all of each notice, as it was sent
    #[arg(long)]
    full: bool,
}

#[derive(Subcommand, Debug)]
enum AlertsCommand {
    Test(Test),
}

/// Send a test message by one channel or by all, and say what came of it
///
/// Ends with 0 when every one was taken, with 1 when some were, and with 3 when none was.
#[derive(Args, Debug)]
struct Test {
    /// The channel [default: all]
    channel: Option<String>,
}

pub fn run(context: &Context, command: &Alerts) -> Result<Ending> {
    let setup = context.setup()?;
    if let Some(AlertsCommand::Test(test)) = &command.command {
        let courier =
            Courier::new().map_err(|error| Error::not_done(format!("ready what carries it: {error}")))?;
        let report = alerts::trial(&setup, test.channel.as_deref(), &courier)?;
        if context.options.json {
            output::json(&report);
        } else {
            let rows = report.channels.iter().map(|trial| {
                let taken = if trial.is_taken { "taken" } else { "NOT TAKEN" };
                vec![trial.channel.clone(), taken.to_owned(), trial.said.clone()]
            });
            output::table(&["Channel", "Message", "What was said"], rows.collect());
        }
        return Ok(report.ending);
    }
    let report = alerts::list(&setup, SignedDuration::from_hours(24 * i64::from(command.days)))?;
    if context.options.json {
        output::json(&report);
    } else {
        show(&report, command.full);
    }
    Ok(report.ending)
}

fn show(report: &AlertsReport, is_full: bool) {
    if report.channels.is_empty() {
        output::note("no channel is declared, so nobody is told; add [alerts.channels.NAME] to estate.toml");
    } else {
        let rows = report.channels.iter().map(|channel| {
            vec![
                channel.name.clone(),
                channel.teams.join(", "),
                channel.to.clone(),
                channel.waiting.to_string(),
                channel.delivered_at.map_or_else(|| "-".to_owned(), words::minute),
                channel.detail.clone().unwrap_or_default(),
            ]
        });
        output::table(&["Channel", "Teams", "To", "Waiting", "Last delivered", "Trouble"], rows.collect());
    }
    if let Some(ping) = &report.ping {
        let taken = ping.taken.map_or_else(|| "never".to_owned(), words::minute);
        let trouble =
            ping.failing.as_ref().map(|(since, why)| format!("; not since {}: {why}", words::minute(*since)));
        let withheld = ping.withheld.as_ref().map(|why| format!("; withheld: {why}"));
        output::note(format!(
            "ping: last taken {taken}{}{}",
            trouble.unwrap_or_default(),
            withheld.unwrap_or_default()
        ));
    }
    if is_full {
        for said in &report.notices {
            output::line(format!("{}  {}\n\n{}\n", said.notice.id, said.notice.subject, said.notice.text));
        }
    } else if !report.notices.is_empty() {
        let rows = report.notices.iter().map(|said| {
            let team = said.notice.team.clone().unwrap_or_else(|| "all".to_owned());
            vec![words::minute(said.notice.said_at), team, said.notice.subject.clone(), became(said)]
        });
        output::table(&["Said", "Team", "Subject", "Delivered"], rows.collect());
    }
}

/// What became of a notice, on each channel.
fn became(said: &SaidNotice) -> String {
    let of = said.deliveries.iter().map(|one| match one.attempts {
        0 | 1 => format!("{}: {}", one.channel, one.state),
        attempts => format!("{}: {}, {attempts} attempts", one.channel, one.state),
    });
    of.collect::<Vec<_>>().join("; ")
}
