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

/// Shows progress until dropped.
pub struct ProgressLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

const PLAIN_SECONDS: u64 = 10;

/// Starts showing `progress` of what `label` says.
pub fn show(context: &Context, label: &str, progress: &Arc<Progress>) -> ProgressLine {
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
            bar
        });
        let period = Duration::from_millis(if is_moving { 100 } else { PLAIN_SECONDS * 1000 });
        while stopped.recv_timeout(period) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let seconds = (clock.monotonic() - start).as_secs_f64();
            let text = format!("{label}: {}", describe(&progress, seconds));
            match &bar {
                Some(bar) => {
                    bar.set_message(text);
                    bar.tick();
                }
                None => output::note(text),
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    });
    ProgressLine { stop: Some(stop), thread: Some(thread) }
}

fn describe(progress: &Progress, seconds: f64) -> String {
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
    parts.push(if total > 0 {
        format!("{} of {}", words::bytes(bytes), words::bytes(total))
    } else {
        words::bytes(bytes)
    });
    parts.push(format!("{}/s", words::bytes(rate as u64)));
    if stored > 0 {
        parts.push(format!("{} stored", words::bytes(stored)));
    }
    if total > bytes && rate > 1.0 {
        parts.push(format!("{} left", words::seconds((total - bytes) as f64 / rate)));
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
