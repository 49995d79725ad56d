//! Telling people when the ways to them fail: servers that are down, silent, in the clear or wrong, and a daemon that is killed.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;
#[path = "support/told.rs"]
mod told;

use std::collections::BTreeSet;
use std::fs;

use holdfast_testkit::servers::{Hook, PASSWORD, Smtp, SmtpSecurity, TakenMail, USER};
use serde_json::Value;
use support::daemon::{Daemon, fast_policy};
use support::{Customer, code, text};
use told::{hook_channel, mail_channel, subjects, wait_for, wait_for_mail};

/// A customer whose only site has a point; the next one is far.
fn customer() -> Customer {
    customer_within("24h")
}

fn customer_within(objective: &str) -> Customer {
    let customer = Customer::with_a_point();
    fast_policy(&customer, objective, 1);
    customer
}

fn alerts(customer: &Customer) -> Value {
    let output = customer.command(&["alerts", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)))
}

fn control(customer: &Customer) -> Value {
    let output = customer.command(&["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let controls = status["controls"].as_array().cloned().unwrap_or_default();
    controls.into_iter().find(|control| control["control"] == "NOTIF-01").unwrap_or_default()
}

/// The verdict on one channel, or on the second way.
fn verdict(customer: &Customer, target: &str) -> String {
    let rows = control(customer)["rows"].as_array().cloned().unwrap_or_default();
    let row = rows.into_iter().find(|row| row["target"] == target).unwrap_or_default();
    row["verdict"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_outage_is_told_by_the_second_way_turns_the_control_red_and_clears() {
    let (customer, mut smtp, hook) = (customer(), Smtp::start(SmtpSecurity::StartTls), Hook::start());
    customer.declare(&mail_channel(&customer, &smtp, "escalate = \"2s\"\n"));
    customer.declare(&hook_channel(&customer, &hook));
    smtp.kill();
    let daemon = Daemon::start(&customer);
    let told = |words: &str| {
        wait_for(words, || hook.posts().into_iter().find(|post| post.body.contains(words)), || daemon.said())
    };
    let post = told("NOTICES DO NOT ARRIVE by mail");
    let body: Value = serde_json::from_str(&post.body).unwrap();
    assert_eq!((body["topic"].as_str(), post.path.as_str()), (Some("delivery"), "/alerts"));
    assert_eq!(post.header("webhook-id"), body["id"].as_str().unwrap());
    assert!(post.header("webhook-signature").starts_with("v1,"), "{post:?}");
    wait_for(
        "red",
        || (verdict(&customer, "mail") == "FAIL").then_some(()),
        || control(&customer).to_string(),
    );
    // Whoever looks sees what waits, and why.
    let listed = customer.holdfast(&["alerts"]);
    assert_eq!(code(&listed), 1);
    let channels = alerts(&customer)["channels"].clone();
    assert!(channels[0]["detail"].as_str().unwrap().contains("Connection refused"), "{channels}");
    assert!(channels[0]["waiting"].as_u64() > Some(0), "{channels}");
    smtp.restart();
    wait_for_mail(&smtp, "daily:");
    told("NOTICES ARRIVE AGAIN by mail");
    wait_for(
        "green",
        || (verdict(&customer, "mail") == "PASS").then_some(()),
        || control(&customer).to_string(),
    );
    assert_eq!(verdict(&customer, "pager"), "PASS", "{}", control(&customer));
    // Both servers run on this machine, whatever they are called by.
    assert_eq!(verdict(&customer, "a second way"), "FAIL", "{}", control(&customer));
    daemon.end(0, 1);
    // All that was said arrived by mail, each under a name of its own and once.
    let ids: Vec<String> = smtp.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
    let said = alerts(&customer);
    for notice in said["notices"].as_array().unwrap() {
        for delivery in notice["deliveries"].as_array().unwrap() {
            assert_eq!(delivery["state"], "delivered", "{notice}");
            assert_eq!(delivery["payload_sha256"].as_str().unwrap().len(), 64);
            let id = format!("<{}.mail@hosting.example>", notice["id"].as_str().unwrap());
            assert!(delivery["channel"] != "mail" || ids.contains(&id), "{id}: {ids:?}");
        }
    }
    assert_eq!(code(&customer.holdfast(&["alerts"])), 0);
    customer.run(0, &["audit", "verify"]);
}

#[test]
fn a_server_that_swallows_everything_holds_up_no_backup_and_is_told_by_the_second_way() {
    let (customer, smtp, hook) = (customer_within("62s"), Smtp::start(SmtpSecurity::StartTls), Hook::start());
    customer.declare(&mail_channel(&customer, &smtp, "escalate = \"2s\"\n"));
    customer.declare(&hook_channel(&customer, &hook));
    smtp.freeze();
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("ended with point");
    let is_told =
        || hook.posts().into_iter().find(|post| post.body.contains("NOTICES DO NOT ARRIVE by mail"));
    wait_for("the second way", is_told, || daemon.said());
    smtp.thaw();
    wait_for_mail(&smtp, "daily:");
    daemon.end(0, 1);
}

#[test]
fn a_daemon_that_is_killed_loses_nothing() {
    let (customer, mut smtp) = (customer(), Smtp::start(SmtpSecurity::StartTls));
    customer.declare(&mail_channel(&customer, &smtp, ""));
    smtp.kill();
    let daemon = Daemon::start(&customer);
    let waiting = || {
        let said = alerts(&customer);
        let notices = said["notices"].as_array().unwrap().clone();
        let waits = notices.iter().any(|one| one["deliveries"][0]["attempts"].as_u64() > Some(0));
        waits.then_some(notices)
    };
    let before = wait_for("a notice that waits", waiting, || daemon.said());
    daemon.kill();
    smtp.restart();
    let daemon = Daemon::start(&customer);
    wait_for_mail(&smtp, "daily:");
    let ids = || smtp.mails().iter().map(|mail| mail.header("Message-ID")).collect::<BTreeSet<_>>();
    for notice in &before {
        let id = format!("<{}.mail@hosting.example>", notice["id"].as_str().unwrap());
        wait_for(&id, || ids().contains(&id).then_some(()), || subjects(&smtp).join("\n"));
    }
    daemon.end(0, 1);
    // Nothing was said again because of it.
    assert_eq!(subjects(&smtp).iter().filter(|subject| subject.contains("daily:")).count(), 1);
}

#[test]
fn what_waits_for_a_channel_that_is_declared_no_more_is_said_by_those_that_are() {
    let (customer, mut smtp, hook) = (customer(), Smtp::start(SmtpSecurity::StartTls), Hook::start());
    let mail = mail_channel(&customer, &smtp, "");
    customer.declare(&mail);
    smtp.kill();
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("mail cannot be reached");
    let pager = format!("[alerts]\n{}", hook_channel(&customer, &hook))
        .replace("[\"infrastructure\"]", "[\"compliance\"]");
    customer.change_estate(&mail, &pager);
    let find = || hook.posts().into_iter().find(|post| post.body.contains("daily:"));
    wait_for("the digest by another way", find, || daemon.said());
    daemon.end(0, 1);
    let said = alerts(&customer);
    let states: BTreeSet<String> = said["notices"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|notice| notice["deliveries"].as_array().unwrap())
        .map(|one| format!("{} {}", one["channel"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, ["mail withdrawn", "pager delivered"].map(str::to_owned).into());
}

#[test]
fn a_server_without_starttls_with_another_certificate_or_password_gets_nothing() {
    let customer = customer();
    let (plain, good) = (Smtp::start(SmtpSecurity::None), Smtp::start(SmtpSecurity::StartTls));
    customer.declare(&mail_channel(&customer, &plain, ""));
    let refused = customer.run(3, &["alerts", "test", "mail"]);
    assert!(refused.contains("NOT TAKEN") && refused.to_lowercase().contains("starttls"), "{refused}");
    customer.change_estate(&format!(":{}", plain.port()), &format!(":{}", good.port()));
    // The authority of the other server.
    let refused = customer.run(3, &["alerts", "test", "mail"]);
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    fs::copy(good.authority(), customer.path("etc/mail-ca.pem")).unwrap();
    customer.secret("mail.toml", &format!("user = \"{USER}\"\npassword = \"another-PASSWORD\"\n"));
    let refused = customer.run(3, &["alerts", "test", "mail"]);
    assert!(refused.contains("535") && !refused.contains("another-PASSWORD"), "{refused}");
    assert_eq!((plain.mails(), good.mails()), (Vec::new(), Vec::new()));
    customer.secret("mail.toml", &format!("user = \"{USER}\"\npassword = \"{PASSWORD}\"\n"));
    let taken = customer.run(0, &["alerts", "test"]);
    assert!(taken.contains("taken") && taken.contains("250"), "{taken}");
    let mail = &good.mails()[0];
    assert!(mail.is_encrypted && mail.header("Subject").contains("a test of the channel mail"), "{mail:?}");
    let usage = customer.run(2, &["alerts", "test", "post"]);
    assert!(usage.contains("there are: mail"), "{usage}");
}

#[test]
fn encrypted_from_the_first_byte_works_too() {
    let (customer, smtp) = (customer(), Smtp::start(SmtpSecurity::Implicit));
    let channel = mail_channel(&customer, &smtp, "").replace("smtp://", "smtps://");
    customer.declare(&channel.replace("credentials = { file = \"keys/mail.toml\" }\n", ""));
    customer.run(0, &["alerts", "test"]);
    assert!(smtp.mails()[0].is_encrypted);
}

#[test]
fn one_message_that_a_server_does_not_take_holds_up_no_other() {
    let (customer, smtp) = (customer(), Smtp::start(SmtpSecurity::StartTls));
    customer.declare(&mail_channel(&customer, &smtp, ""));
    smtp.refuse("daily:");
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("does not take a notice");
    wait_for_mail(&smtp, "RED:");
    assert!(!subjects(&smtp).iter().any(|subject| subject.contains("daily:")), "{:?}", subjects(&smtp));
    smtp.refuse("");
    wait_for_mail(&smtp, "daily:");
    daemon.end(0, 1);
}

#[test]
fn an_address_that_is_none_any_more_keeps_a_mail_from_nobody_else() {
    let (customer, smtp) = (customer(), Smtp::start(SmtpSecurity::StartTls));
    let channel = mail_channel(&customer, &smtp, "");
    let two = "to = [\"gone@hosting.example\", \"night@hosting.example\"]";
    customer.declare(&channel.replace("to = [\"night@hosting.example\"]", two));
    smtp.forget("gone@hosting.example");
    let taken = customer.run(0, &["alerts", "test"]);
    assert!(taken.contains("nobody of that name"), "{taken}");
    assert_eq!(smtp.mails()[0].to, ["night@hosting.example"]);
    customer.change_estate(two, "to = [\"gone@hosting.example\"]");
    let refused = customer.run(3, &["alerts", "test"]);
    assert!(refused.contains("NOT TAKEN") && refused.contains("550"), "{refused}");
    assert_eq!(smtp.mails().len(), 1);
}

#[test]
fn who_is_put_off_gets_it_later_and_nobody_gets_it_twice() {
    let (customer, smtp) = (customer(), Smtp::start(SmtpSecurity::StartTls));
    let two = "to = [\"night@hosting.example\", \"later@hosting.example\"]";
    let channel = mail_channel(&customer, &smtp, "");
    customer.declare(&channel.replace("to = [\"night@hosting.example\"]", two));
    smtp.put_off("later@hosting.example");
    let daemon = Daemon::start(&customer);
    wait_for_mail(&smtp, "daily:");
    // Every other notice goes out meanwhile.
    wait_for_mail(&smtp, "RED:");
    smtp.put_off("");
    let late =
        || smtp.mails().into_iter().find(|mail| is_daily(mail) && mail.to == ["later@hosting.example"]);
    wait_for("the late one", late, || daemon.said());
    daemon.end(0, 1);
    let mails = smtp.mails();
    let daily: Vec<_> = mails.iter().filter(|mail| is_daily(mail)).collect();
    assert_eq!(daily.len(), 2, "{daily:?}");
    assert_eq!(daily[0].to, ["night@hosting.example"]);
    assert_eq!(daily[0].header("Message-ID"), daily[1].header("Message-ID"));
}

fn is_daily(mail: &TakenMail) -> bool {
    mail.header("Subject").contains("daily:")
}

#[test]
fn a_webhook_is_signed_follows_no_redirect_and_goes_nowhere_in_the_clear() {
    let (customer, hook) = (customer(), Hook::start());
    customer.declare(&format!("[alerts]\n{}", hook_channel(&customer, &hook)));
    customer.run(0, &["alerts", "test", "pager"]);
    let post = hook.posts().remove(0);
    let signed = format!("{}.{}.{}", post.header("webhook-id"), post.header("webhook-timestamp"), post.body);
    let output = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", told::SECRET, "-binary"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write;
            child.stdin.take().unwrap().write_all(signed.as_bytes())?;
            child.wait_with_output()
        });
    let mac = output.unwrap().stdout;
    let encoded = base64(&mac);
    assert_eq!(post.header("webhook-signature"), format!("v1,{encoded}"));
    for status in [302, 500, 404] {
        hook.answer(status);
        assert!(customer.run(3, &["alerts", "test", "pager"]).contains(&status.to_string()));
    }
    customer.secret("pager.toml", "url = \"http://192.0.2.1/x\"\n");
    customer.change_estate(&format!("url = \"{}\"\n", hook.url("alerts")), "");
    let refused = customer.run(3, &["alerts", "test", "pager"]);
    assert!(refused.contains("in the clear"), "{refused}");
}

/// By openssl, which shares nothing with us.
fn base64(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut child = std::process::Command::new("openssl")
        .args(["base64", "-A"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn without_a_channel_nobody_is_told_and_that_is_red() {
    let customer = customer();
    let daemon = Daemon::start(&customer);
    daemon.wait_until_said("purge: done");
    daemon.end(0, 1);
    let found = control(&customer);
    assert_eq!(found["verdict"], "NO_EVIDENCE", "{found}");
    assert!(found["next"].as_str().unwrap().contains("alerts.channels"), "{found}");
    assert!(customer.run(1, &["alerts"]).contains("nobody is told"));
    customer.run(2, &["alerts", "test"]);
    // An estate that speaks of alerts and declares none is told by validate.
    customer.declare("[alerts]\n");
    assert!(customer.run(1, &["validate"]).contains("estate.nobody-told"));
}

#[test]
fn the_ping_tells_somebody_elsewhere_that_all_is_well_and_who_does_not_answer_is_told() {
    let (customer, smtp, mut hook) = (customer(), Smtp::start(SmtpSecurity::StartTls), Hook::start());
    customer.declare(&mail_channel(&customer, &smtp, "escalate = \"2s\"\n"));
    customer.declare(&format!("[alerts.ping]\nurl = \"{}\"\nevery = \"1s\"\n", hook.url("ping")));
    let daemon = Daemon::start(&customer);
    let pings = || hook.posts().iter().filter(|post| post.path == "/ping").count();
    wait_for("pings", || (pings() >= 2).then_some(()), || daemon.said());
    hook.kill();
    wait_for_mail(&smtp, "NOTICES DO NOT ARRIVE by the ping");
    assert!(customer.run(1, &["alerts"]).contains("not since"));
    daemon.end(0, 1);
}

#[test]
fn certificates_of_nobody_known_are_refused() {
    // Without a ca_file the system's authorities are asked, and they do not know ours.
    let (customer, smtp) = (customer(), Smtp::start(SmtpSecurity::StartTls));
    let channel = mail_channel(&customer, &smtp, "").replace("ca_file = \"mail-ca.pem\"\n", "");
    customer.declare(&channel);
    let refused = customer.run(3, &["alerts", "test"]);
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
}
