//! People who are told: channels of a customer at real servers, and what arrived there.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "test support")]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_ledger::{Ledger, NewObservation};
use holdfast_ops::Tell;
use holdfast_ops::serve::{Service, serve};
use holdfast_ops::setup::Places;
use holdfast_server::Courier;
use holdfast_testkit::servers::{Hook, PASSWORD, Smtp, TakenMail, USER};
use holdfast_world::fake::FakeClock;
use holdfast_world::signals::Stop;
use holdfast_world::{SystemRandom, World};
use jiff::Timestamp;
use serde_json::json;

use super::Customer;

/// What signs webhooks.
pub const SECRET: &str = "a secret of the webhook";

/// A channel by mail for everybody.
pub fn mail_channel(customer: &Customer, smtp: &Smtp, settings: &str) -> String {
    customer.secret("mail.toml", &format!("user = \"{USER}\"\npassword = \"{PASSWORD}\"\n"));
    fs::copy(smtp.authority(), customer.path("etc/mail-ca.pem")).unwrap();
    format!(
        "[alerts]\n{settings}[alerts.channels.mail]\nkind = \"email\"\nteams = [\"infrastructure\", \"compliance\", \"support\"]\n\
         server = \"smtp://127.0.0.1:{}\"\nfrom = \"holdfast@hosting.example\"\nto = [\"night@hosting.example\"]\n\
         credentials = {{ file = \"keys/mail.toml\" }}\nca_file = \"mail-ca.pem\"\n",
        smtp.port()
    )
}

/// A second channel, by HTTP.
pub fn hook_channel(customer: &Customer, hook: &Hook) -> String {
    customer.secret("pager.toml", &format!("secret = \"{SECRET}\"\n"));
    format!(
        "[alerts.channels.pager]\nkind = \"webhook\"\nteams = [\"infrastructure\"]\nurl = \"{}\"\n\
         credentials = {{ file = \"keys/pager.toml\" }}\n",
        hook.url("alerts")
    )
}

/// Waits for something to be so; fails with what is there instead.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>, instead: impl Fn() -> String) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{what} did not come: {}", instead());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for a mail whose subject has these words.
#[track_caller]
pub fn wait_for_mail(smtp: &Smtp, words: &str) -> TakenMail {
    let find = || smtp.mails().into_iter().find(|mail| mail.header("Subject").contains(words));
    wait_for(words, find, || subjects(smtp).join("\n"))
}

/// The subjects of all mails, oldest first.
pub fn subjects(smtp: &Smtp) -> Vec<String> {
    smtp.mails().iter().map(|mail| mail.header("Subject")).collect()
}

/// Says of both locations that they are on other machines: on one machine no test could show a kept policy.
pub fn put_elsewhere_at(customer: &Customer, at: Timestamp) {
    probed_at(customer, at, &[("here", None), ("there", None)]);
}

/// What a look at locations came to.
pub fn probed_at(customer: &Customer, at: Timestamp, looks: &[(&str, Option<&str>)]) {
    let path = customer.path("state/ledger.db");
    let clock = Arc::new(FakeClock::new(at));
    let ledger = Ledger::open(&path, "a test", clock, Arc::new(SystemRandom)).unwrap();
    for (name, failure) in looks {
        let probe = json!({
            "location": name, "place": format!("file://{}", customer.path(name).display()), "failure": failure,
            "description": name, "fingerprint": name, "device": format!("device of {name}"),
            "machine": format!("machine of {name}"), "marker": format!("marker of {name}"),
            "is_here": false, "here_because": "a test says so",
        });
        let body = json!({ "probe": probe });
        let seen = NewObservation { kind: "probe".to_owned(), subject: (*name).to_owned(), body };
        ledger.write(|transaction| transaction.observe(seen, at)).unwrap();
    }
    ledger.close().unwrap();
}

/// Lets a daemon do what is due at an instant; returns what it said.
#[track_caller]
pub fn serve_at(customer: &Customer, at: Timestamp) -> String {
    customer.the_clock_ran_on_to(at);
    let said: Arc<std::sync::Mutex<String>> = Arc::default();
    let heard = Arc::clone(&said);
    let tell: Tell = Arc::new(move |line: &str| {
        let mut heard = heard.lock().unwrap();
        heard.push_str(line);
        heard.push('\n');
    });
    let world = World { clock: Arc::new(FakeClock::new(at)), ..World::system() };
    let service = Service {
        places: Places { config: customer.path("etc"), state: customer.path("state") },
        world,
        stop: Stop { draining: Arc::default(), interrupted: Arc::default() },
        is_once: true,
        tell,
        carrier: Some(Arc::new(Courier::new().unwrap())),
    };
    serve(&service).unwrap();
    let said = said.lock().unwrap();
    said.clone()
}
