//! Carries what `ops` has to say out of this machine.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use holdfast_ops::alerts::carrier::{Carried, Carrier, Failure, Mail, Post};
use tokio::runtime::{Builder, Runtime};

use crate::{mail, request};

/// So long a server has for each step. One that takes longer is tried again later, and holds up nothing meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// So long a message has altogether. A server that says a word now and then would have its channel for itself for ever.
const TOTAL: Duration = Duration::from_secs(60);

/// Does it in a thread of its own, which is left to itself when it does not come back in time.
fn within(
    total: Duration,
    mail: Mail,
    send: impl FnOnce(&Mail) -> Result<Carried, Failure> + Send + 'static,
) -> Result<Carried, Failure> {
    let failed = |reason: String| Failure { reason, ..Failure::default() };
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move || drop(sender.send(send(&mail)));
    let thread = std::thread::Builder::new().name("mail".to_owned()).spawn(work);
    thread.map_err(|error| failed(format!("the system gives no thread: {error}")))?;
    receiver.recv_timeout(total).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => {
            Err(failed(format!("the server took longer than {} s", total.as_secs())))
        }
        RecvTimeoutError::Disconnected => Err(failed("a bug ended the sending".to_owned())),
    })
}

/// The one that carries.
#[derive(Debug)]
pub struct Courier {
    runtime: Runtime,
}

impl Courier {
    /// Readies it; nothing is contacted.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new() -> std::io::Result<Courier> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("courier").enable_all().build()?;
        Ok(Courier { runtime })
    }
}

impl Carrier for Courier {
    fn mail(&self, mail: &Mail) -> Result<Carried, Failure> {
        within(TOTAL, mail.clone(), mail::send)
    }

    fn post(&self, post: &Post) -> Result<Carried, Failure> {
        self.runtime.block_on(request::send(post))
    }
}

/// An error with everything below it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
mod tests {
    use holdfast_model::estate::MailServer;

    use super::*;

    fn mail() -> Mail {
        Mail {
            server: MailServer { host: "mail.example".to_owned(), port: 25, is_implicit_tls: false },
            authority: None,
            login: None,
            host: "here".to_owned(),
            from: "a@b.example".to_owned(),
            to: vec!["c@b.example".to_owned()],
            taken_by: std::collections::BTreeSet::new(),
            message_id: "<x@b.example>".to_owned(),
            date: jiff::Timestamp::UNIX_EPOCH,
            subject: "a subject".to_owned(),
            text: "a text".to_owned(),
        }
    }

    #[test]
    fn a_server_that_never_comes_to_an_end_is_left_alone() {
        // It waits for a word that comes only once we gave up.
        let (word, waits) = std::sync::mpsc::channel::<()>();
        let taken = within(Duration::from_millis(10), mail(), move |_| {
            let _ = waits.recv();
            Ok(Carried { payload: Vec::new(), answer: "250 taken".to_owned() })
        });
        let failure = taken.unwrap_err();
        assert!(failure.reason.contains("took longer") && !failure.is_refusal, "{failure:?}");
        drop(word);
        let taken = within(TOTAL, mail(), |mail| {
            Ok(Carried { payload: Vec::new(), answer: format!("250 {}", mail.subject) })
        });
        assert_eq!(taken.unwrap().answer, "250 a subject");
    }
}
