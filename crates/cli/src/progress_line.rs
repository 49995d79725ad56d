//! How far it is: a moving line on a terminal, a plain one every ten seconds elsewhere.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_ops::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::Context;
use crate::output;
use crate::words;

/// What the totals of an operation are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// They were counted.
    Exact,
    /// They are those of the last time.
    Estimated,
}

/// Shows progress until dropped.
pub struct ProgressLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

const PLAIN_SECONDS: u64 = 10;

/// Starts showing `progress` of what `label` says.
pub fn show(context: &Context, label: &str, progress: &Arc<Progress>, totals: Totals) -> ProgressLine {
    if context.options.quiet {
        return ProgressLine { stop: None, thread: None };
    }
    let (stop, stopped) = channel();
    let is_moving = context.draws_progress();
    let progress = Arc::clone(progress);
    let label = label.to_owned();
    let clock = Arc::clone(&context.world.clock);
    let thread = std::thread::spawn(move || {
        let start = clock.monotonic();
        let bar = is_moving.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            output::drawing(Some(bar.clone()));
            bar
        });
        let period = Duration::from_millis(if is_moving { 100 } else { PLAIN_SECONDS * 1000 });
        while stopped.recv_timeout(period) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let seconds = (clock.monotonic() - start).as_secs_f64();
            let text = format!("{label}: {}", describe(&progress, seconds, totals));
            match &bar {
                Some(bar) => {
                    bar.set_message(text);
                    bar.tick();
                }
                None => output::note(text),
            }
        }
        if let Some(bar) = bar {
            output::drawing(None);
            bar.finish_and_clear();
        }
    });
    ProgressLine { stop: Some(stop), thread: Some(thread) }
}

fn describe(progress: &Progress, seconds: f64, totals: Totals) -> String {
    let about = if totals == Totals::Estimated { "about " } else { "" };
    let (files, bytes, stored) = (progress.files.get(), progress.bytes.get(), progress.bytes_stored.get());
    let (objects, objects_total) = (progress.objects.get(), progress.objects_total.get());
    let rate = bytes as f64 / seconds.max(0.001);
    let mut parts = Vec::new();
    if files > 0 {
        let total = progress.files_total.get();
        parts.push(if total > 0 { format!("{files} of {total} files") } else { words::count(files, "file") });
    }
    if objects_total > 0 {
        parts.push(format!("{objects} of {objects_total} objects"));
    }
    let total = progress.bytes_total.get();
    // An estimate that was passed is none.
    parts.push(if total > bytes || (total > 0 && totals == Totals::Exact) {
        format!("{} of {about}{}", words::bytes(bytes), words::bytes(total))
    } else {
        words::bytes(bytes)
    });
    parts.push(format!("{}/s", words::bytes(rate as u64)));
    if stored > 0 {
        parts.push(format!("{} stored", words::bytes(stored)));
    }
    if total > bytes && rate > 1.0 {
        parts.push(format!("{about}{} left", words::seconds((total - bytes) as f64 / rate)));
    }
    parts.join(", ")
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_as_an_estimate_where_it_is_one() {
        let progress = Progress::default();
        progress.bytes.set(10 << 20);
        assert_eq!(describe(&progress, 1.0, Totals::Estimated), "10.0 MiB, 10.0 MiB/s");
        progress.bytes_total.set(100 << 20);
        assert_eq!(
            describe(&progress, 1.0, Totals::Estimated),
            "10.0 MiB of about 100 MiB, 10.0 MiB/s, about 9.0 s left"
        );
        assert_eq!(describe(&progress, 1.0, Totals::Exact), "10.0 MiB of 100 MiB, 10.0 MiB/s, 9.0 s left");
        progress.bytes.set(200 << 20);
        assert_eq!(describe(&progress, 1.0, Totals::Estimated), "200 MiB, 200 MiB/s");
    }
}
