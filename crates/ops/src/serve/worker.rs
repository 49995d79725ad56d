//! Work in a thread of its own. However it ends, its end is told: a run that nobody hears of again would hold its place
//! among those under way for ever. And told only once the thread has let go of all that it was given: whoever hears the
//! last one closes the ledger, and one that somebody still held would keep its lease.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use holdfast_model::scheduler::RunId;
use holdfast_model::{AssetName, Dataset};
use holdfast_repo::Progress;

use super::Message;
use crate::backup::{self, BackupReport, How};
use crate::setup::Setup;

/// How a run ended: with a report, or with nothing but a reason.
pub(super) type Outcome = Result<Box<BackupReport>, String>;

/// Begins a backup that was written down already.
pub(super) fn begin(
    run: RunId,
    setup: Arc<Setup>,
    (asset, dataset): (AssetName, Dataset),
    how: How,
    ended: &Sender<Message>,
) {
    let work =
        move || backup::carry_out(&setup, (asset.as_ref(), dataset), how, &Progress::default()).map(Box::new);
    alone(&format!("run {run}"), ended, move |outcome| Message::Ended(run, outcome), work);
}

/// Does `work` in a thread of its own, and sends what `message` makes of its outcome, or of the reason why there is none.
pub(super) fn alone<T>(
    name: &str,
    ended: &Sender<Message>,
    message: impl Fn(Result<T, String>) -> Message + Clone + Send + 'static,
    work: impl FnOnce() -> crate::error::Result<T> + Send + 'static,
) {
    let (sender, told) = (ended.clone(), message.clone());
    let thread = move || {
        let outcome = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(worked) => worked.map_err(|error| error.message),
            Err(panic) => Err(format!("a bug ended it: {}", said(&*panic))),
        };
        // Nobody listens any more when the process is about to end.
        let _ = sender.send(told(outcome));
    };
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(thread) {
        let _ = ended.send(message(Err(format!("no thread could be started: {error}"))));
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say which")
}
