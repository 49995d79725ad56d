//! `holdfast serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::metrics;
use holdfast_ops::serve::{self, Service};
use holdfast_server::{Courier, Endpoint};

use crate::context::Context;
use crate::output;

/// Run the policy: back up in time, purge daily, read old data again, account for every slot
///
/// Writes down what the policy expects some hours ahead, begins each backup in time to keep its objective, and settles
/// every slot: ok, late, degraded, missed or waived. `holdfast slots` shows them. What was expected while no daemon was
/// running is accounted for at the next start: as missed, or by the points that were made by hand.
///
/// policy.toml is adopted as a version, from its effective day on or from now, whichever is later; header.approved_by
/// must name who approved it. Both files are looked at every second, and a change that stays is taken over without a signal.
/// One that makes no sense is told, kept as an alarm, and not used: what held before holds on.
///
/// A location that was away gets what it is owed within about ten minutes of its return, without a run, and it is read back
/// there.
///
/// Each day it reads a share of old data again at every location, so that all of it is read within 30 days, beside the runs and
/// without holding any up. Damage is an alarm at once, and so is data that was not read for longer than that.
///
/// People are told what breaks, before and when it does and when it ends, by the channels of estate.toml: see
/// `holdfast alerts --help`.
///
/// Tells what happens on stderr. The first SIGTERM or SIGINT drains: what runs may end, nothing new begins. The second
/// one interrupts what runs, the third ends the process at once. Ends with 0 after draining, with 130 when it was
/// interrupted, with 2 without a usable configuration, and with 3 when another holdfast has the state folder or nothing
/// can be written down any more.
///
/// Runs with the lowest CPU and I/O priority, as `backup` does.
///
/// With --once it does what is due and ends, for machines on which a timer of their own calls it; that has to come often
/// enough for the tightest objective, and at least every three hours.
#[derive(Args, Debug)]
pub struct Serve {
    /// Do what is due now, and end
    #[arg(long)]
    once: bool,
    /// Where Prometheus can ask for measurements, at /metrics, and anybody whether the daemon is well, at /healthz, e.g.
    /// 127.0.0.1:9477 [default: what [metrics] in estate.toml says, else nowhere]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub fn run(context: &Context, command: &Serve) -> Result<Ending> {
    super::yield_to_production(context);
    let courier =
        Courier::new().map_err(|error| Error::not_done(format!("ready what carries notices: {error}")))?;
    let _endpoint = endpoint(context, command)?;
    let service = Service {
        places: context.places(),
        world: context.world.clone(),
        stop: context.stop.clone(),
        is_once: command.once,
        tell: Arc::new(|line: &str| output::note(line)),
        carrier: Some(Arc::new(courier)),
    };
    let served = serve::serve(&service)?;
    if context.options.json {
        output::json(&served);
    } else if !context.options.quiet {
        output::note(format!(
            "ended: {} runs, {} of them failed; {} slots settled",
            served.runs, served.failed, served.settled
        ));
    }
    Ok(served.ending)
}

/// What answers to Prometheus, where the command line or the estate wants it. A change of the estate holds from the next start.
fn endpoint(context: &Context, command: &Serve) -> Result<Option<Endpoint>> {
    let declared = || context.load().ok()?.setup?.estate.alerts.metrics_listen;
    let Some(listen) = command.listen.or_else(declared) else { return Ok(None) };
    let (state, clock) = (context.places().state, Arc::clone(&context.world.clock));
    let (state_again, clock_again) = (state.clone(), Arc::clone(&clock));
    let well = move || metrics::health(&state_again, clock_again.now());
    let endpoint = Endpoint::begin(listen, move || metrics::snapshot(&state, clock.now()), well);
    let endpoint = endpoint.map_err(|error| {
        Error::not_done(format!("listen on {listen}: {error}"))
            .hint("--listen or [metrics] in estate.toml name another address")
    })?;
    output::note(format!("measurements: http://{}/metrics", endpoint.address()));
    Ok(Some(endpoint))
}
