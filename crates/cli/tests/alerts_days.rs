//! What people are told over days, on a clock that is set forward: by a real mail server, over STARTTLS.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;
#[path = "support/told.rs"]
mod told;

use std::fs;

use holdfast_testkit::servers::{Hook, PASSWORD, Smtp, SmtpSecurity, USER};
use jiff::{SignedDuration, Timestamp};
use support::{ASSET, Customer, REPOSITORY};
use told::{hook_channel, mail_channel, probed_at, put_elsewhere_at, serve_at, subjects};

/// An approved policy, a site, a mail server, and an instant of the morning.
fn told() -> (Customer, Smtp, Timestamp) {
    let (customer, smtp) = (Customer::new(), Smtp::start(SmtpSecurity::StartTls));
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.approve();
    customer.declare(&mail_channel(&customer, &smtp, ""));
    let start = "2026-06-10T08:00:00Z";
    customer.back_up_at(ASSET, start);
    (customer, smtp, start.parse().unwrap())
}

fn with(smtp: &Smtp, words: &str) -> usize {
    subjects(smtp).iter().filter(|subject| subject.contains(words)).count()
}

#[test]
fn a_breach_is_told_before_it_when_it_comes_and_when_it_ends_and_each_once() {
    let (customer, smtp, start) = told();
    let at = |minutes: i64| start + SignedDuration::from_mins(minutes);
    let day = 24 * 60;
    put_elsewhere_at(&customer, at(1));
    serve_at(&customer, at(2));
    serve_at(&customer, at(3));
    let first = smtp.mails();
    assert_eq!(with(&smtp, "daily:"), 1, "{:?}", subjects(&smtp));
    assert!(first.iter().all(|mail| mail.is_encrypted && mail.user == USER), "{first:?}");
    assert!(first.iter().all(|mail| mail.to == ["night@hosting.example"]), "{first:?}");
    assert_eq!(with(&smtp, "BREACH") + with(&smtp, "BREAKS SOON"), 0, "{:?}", subjects(&smtp));
    // From now on nothing can be read any more.
    fs::rename(customer.path("site"), customer.path("away")).unwrap();
    serve_at(&customer, at(16 * 60));
    assert_eq!(with(&smtp, "BREAKS SOON"), 0, "{:?}", subjects(&smtp));
    for _ in 0..2 {
        serve_at(&customer, at(17 * 60));
    }
    assert_eq!(with(&smtp, "BREAKS SOON: shop.example/site"), 1, "{:?}", subjects(&smtp));
    put_elsewhere_at(&customer, at(day - 10));
    for minutes in [day + 10, day + 11, day + 60] {
        serve_at(&customer, at(minutes));
    }
    assert_eq!(with(&smtp, "BREACH: shop.example/site beyond the objective"), 1, "{:?}", subjects(&smtp));
    assert_eq!(with(&smtp, "daily:"), 2, "{:?}", subjects(&smtp));
    fs::rename(customer.path("away"), customer.path("site")).unwrap();
    for minutes in [day + 120, day + 135, day + 150] {
        serve_at(&customer, at(minutes));
    }
    assert_eq!(
        with(&smtp, "ENDED: shop.example/site within the objective again"),
        1,
        "{:?}",
        subjects(&smtp)
    );
    assert_eq!(with(&smtp, "BREACH"), 1, "{:?}", subjects(&smtp));
    // What somebody reads at night: since when, why, what to do, and whose it is.
    let breach = smtp.mails().into_iter().find(|mail| mail.header("Subject").contains("BREACH")).unwrap();
    for words in ["since", "why", "holdfast backup shop.example", "company number 16568627", "+44"] {
        assert!(breach.content.contains(words), "{words}: {}", breach.content);
    }
    assert_eq!(breach.header("Auto-Submitted"), "auto-generated");
    assert!(!breach.content.contains(PASSWORD) && !breach.content.contains(REPOSITORY));
}

#[test]
fn the_digest_comes_every_day_and_without_it_the_control_goes_stale() {
    let (customer, smtp, start) = told();
    for day in 0..5 {
        let now = start + SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(2);
        put_elsewhere_at(&customer, now - SignedDuration::from_mins(1));
        serve_at(&customer, now);
        serve_at(&customer, now + SignedDuration::from_hours(3));
        assert_eq!(with(&smtp, "daily:"), usize::try_from(day).unwrap() + 1, "{:?}", subjects(&smtp));
    }
    let setup = customer.on_clock(&std::sync::Arc::new(holdfast_world::fake::FakeClock::new(
        start + SignedDuration::from_hours(24 * 4 + 25),
    )));
    let verdict = |setup: &holdfast_ops::setup::Setup| {
        let status = holdfast_ops::status::now(setup, &holdfast_ops::status::Filter::default()).unwrap();
        let control = status.controls.into_iter().find(|control| control["control"] == "NOTIF-01").unwrap();
        let rows = control["rows"].as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["target"] == "mail").unwrap();
        (row["verdict"].as_str().unwrap().to_owned(), row["evidence"][0]["kind"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict(&setup), ("PASS".to_owned(), "leaf".to_owned()));
    drop(setup);
    let later = start + SignedDuration::from_hours(24 * 4 + 27);
    let setup = customer.on_clock(&std::sync::Arc::new(holdfast_world::fake::FakeClock::new(later)));
    assert_eq!(verdict(&setup).0, "STALE");
}

#[test]
fn what_one_channel_never_takes_another_one_says_and_that_is_no_sign_that_anything_arrives() {
    let (customer, smtp, start) = told();
    let hook = Hook::start();
    customer.declare(&hook_channel(&customer, &hook));
    let at = |hours: i64| start + SignedDuration::from_hours(hours) + SignedDuration::from_mins(2);
    let posted = |words: &str| hook.posts().iter().filter(|post| post.body.contains(words)).count();
    // It takes nothing of ours.
    smtp.refuse("e");
    put_elsewhere_at(&customer, at(0));
    for hours in [0, 1, 2] {
        serve_at(&customer, at(hours));
    }
    assert_eq!(posted("For a day mail did not take this"), 0);
    assert_eq!(posted("NOTICES DO NOT ARRIVE by mail"), 1, "{:?}", hook.posts().len());
    for hours in [26, 27, 28] {
        serve_at(&customer, at(hours));
    }
    assert!(posted("For a day mail did not take this") > 0, "{:?}", subjects(&smtp));
    assert_eq!(posted("NOTICES ARRIVE AGAIN by mail"), 0);
    smtp.refuse("");
    for hours in [50, 51, 52] {
        serve_at(&customer, at(hours));
    }
    assert!(with(&smtp, "daily:") > 0, "{:?}", subjects(&smtp));
    assert_eq!(posted("NOTICES ARRIVE AGAIN by mail"), 1);
}

#[test]
fn a_location_that_two_looks_find_away_is_told_and_that_it_is_back() {
    let (customer, smtp, start) = told();
    let at = |minutes: i64| start + SignedDuration::from_mins(minutes);
    put_elsewhere_at(&customer, at(1));
    serve_at(&customer, at(2));
    let why = "no route\nBcc: everybody@example.com";
    probed_at(&customer, at(30), &[("there", Some(why))]);
    serve_at(&customer, at(31));
    assert_eq!(with(&smtp, "LOCATION AWAY"), 0, "one look is no outage: {:?}", subjects(&smtp));
    probed_at(&customer, at(35), &[("there", Some(why))]);
    serve_at(&customer, at(36));
    assert_eq!(with(&smtp, "LOCATION AWAY: there: no route Bcc:"), 1, "{:?}", subjects(&smtp));
    let mail = smtp.mails().into_iter().find(|mail| mail.header("Subject").contains("AWAY")).unwrap();
    assert_eq!((mail.to, mail.content.contains("\nBcc:")), (vec!["night@hosting.example".to_owned()], false));
    probed_at(&customer, at(50), &[("there", None)]);
    serve_at(&customer, at(51));
    assert_eq!(with(&smtp, "LOCATION BACK: there"), 1, "{:?}", subjects(&smtp));
}
