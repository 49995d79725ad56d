//! One run in a thread of its own. However it ends, its end is told: a run that nobody hears of again would hold its place
//! among those under way for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use holdfast_model::AssetName;
use holdfast_model::scheduler::RunId;
use holdfast_repo::Progress;

use super::Message;
use crate::backup::{self, BackupReport, How};
use crate::setup::Setup;

/// How a run ended: with a report, or with nothing but a reason.
pub(super) type Outcome = Result<Box<BackupReport>, String>;

/// Begins a backup that was written down already.
pub(super) fn begin(run: RunId, setup: Arc<Setup>, asset: AssetName, how: How, ended: &Sender<Message>) {
    let sender = ended.clone();
    let work = move || {
        let name = asset.as_ref();
        let worked =
            catch_unwind(AssertUnwindSafe(|| backup::carry_out(&setup, name, how, &Progress::default())));
        let outcome = match worked {
            Ok(Ok(report)) => Ok(Box::new(report)),
            Ok(Err(error)) => Err(error.message),
            Err(panic) => Err(format!("a bug ended it: {}", said(&*panic))),
        };
        // Nobody listens any more when the process is about to end.
        let _ = sender.send(Message::Ended(run, outcome));
    };
    if let Err(error) = thread::Builder::new().name(format!("run {run}")).spawn(work) {
        let _ = ended.send(Message::Ended(run, Err(format!("no thread could be started: {error}"))));
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say which")
}
