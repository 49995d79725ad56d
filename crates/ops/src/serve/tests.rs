//! Days of a daemon on a clock that is pushed: with real runs, a real ledger, and nothing written down while it is away.

mod restore_tests;

use holdfast_model::Dataset;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;

use holdfast_world::fake::FakeClock;
use holdfast_world::{Clock, World};
use tempfile::TempDir;

use super::*;
use crate::backup::{self, How};
use crate::setup::Setup;
use crate::slots::{SlotLine, SlotsReport, slots};
use crate::validate;

const ASSET: &str = "shop";

struct Place {
    folder: TempDir,
    clock: Arc<FakeClock>,
    service: Service,
    said: Arc<Mutex<Vec<String>>>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policy(version: u32, effective: &str) -> String {
    holdfast_model::template::policy_example()
        .replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"")
        .replace("version = 1", &format!("version = {version}"))
        .lines()
        .map(|line| match line.starts_with("effective = ") {
            true => format!("effective = \"{effective}\"\n"),
            false => format!("{line}\n"),
        })
        .collect()
}

impl Place {
    fn new(start: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("site")).unwrap();
        fs::write(path.join("site/index.php"), "<?php").unwrap();
        let clock = Arc::new(FakeClock::new(at(start)));
        let world = World { clock: Arc::clone(&clock) as _, ..World::fake(7, at(start)) };
        let places = Places { config: path.to_owned(), state: path.join("state") };
        let stop = Stop { draining: Arc::default(), interrupted: Arc::default() };
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&said);
        let tell: Tell = Arc::new(move |line: &str| heard.lock().unwrap().push(line.to_owned()));
        let place = Place {
            folder,
            clock,
            service: Service { places, world, stop, is_once: false, tell, carrier: None },
            said,
        };
        place.write("policy.toml", &policy(1, "2026-01-01"));
        place.write("estate.toml", &place.estate(&[ASSET]));
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn estate(&self, assets: &[&str]) -> String {
        let path = self.folder.path().display();
        let mut text = format!(
            "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
             [locations.here]\nsite = \"london\"\nhost = \"nas\"\nurl = \"{path}/here\"\n"
        );
        for asset in assets {
            text += &format!(
                "[assets.{asset}]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-{asset}\"\npath = \"{path}/site\"\n"
            );
        }
        text
    }

    fn setup(&self) -> Setup {
        let service = &self.service;
        let loaded =
            validate::load(&service.places, &service.world, &service.stop.interrupted, &service.tell);
        loaded.unwrap().setup.unwrap()
    }

    /// An instance that took stock and ended what was due.
    fn daemon(&self) -> Daemon<'_> {
        let mut daemon = Daemon::begin(&self.service).unwrap();
        finish(&mut daemon);
        daemon
    }

    fn slots(&self) -> SlotsReport {
        slots(&self.setup(), None, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).unwrap()
    }

    fn hours_pass(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
    }
}

/// Lets everything that is under way end.
fn finish(daemon: &mut Daemon<'_>) {
    while !daemon.under_way.is_empty() {
        let message = daemon.messages.recv_timeout(Duration::from_secs(60)).unwrap();
        daemon.hear(message).unwrap();
    }
}

/// Looks at the files until what is new in them counts.
fn look(daemon: &mut Daemon<'_>) {
    daemon.look().unwrap();
    daemon.look().unwrap();
}

fn in_state<'r>(report: &'r SlotsReport, state: &str) -> Vec<&'r SlotLine> {
    report.slots.iter().filter(|slot| slot.state == state).collect()
}

fn ids<'r>(slots: impl IntoIterator<Item = &'r &'r SlotLine>) -> BTreeSet<&'r str> {
    slots.into_iter().map(|slot| slot.id.as_str()).collect()
}

#[test]
fn what_was_expected_while_nobody_was_there_is_shown_and_then_accounted_for() {
    let place = Place::new("2026-03-01T12:00:00Z");
    assert_eq!(place.slots().never_recorded, ["shop/site"]);
    drop(place.daemon());
    let report = place.slots();
    let first = &report.slots[0];
    assert_eq!((first.basis.as_str(), first.state), ("first", "ok"), "{report:?}");
    assert!(report.never_recorded.is_empty());

    place.hours_pass(73);
    let away = place.slots();
    assert_eq!(away.ending, Ending::Attention);
    assert!(away.slots.iter().any(|slot| !slot.is_recorded), "{away:?}");
    let missed = in_state(&away, "missed");
    // Every 12 hours by the objective, and the days of 2 and 3 March, by the words. The first point serves what opened
    // before it only.
    let of_basis = |basis: &str| missed.iter().filter(|slot| slot.basis == basis).count();
    assert!((5..=6).contains(&of_basis("every 12h")), "{missed:?}");
    assert_eq!(of_basis("daily"), 2, "{missed:?}");

    let daemon = place.daemon();
    let back = place.slots();
    assert!(back.slots.iter().all(|slot| slot.is_recorded));
    let missed_now = in_state(&back, "missed");
    assert_eq!(ids(&missed_now), ids(&missed));
    let why = missed_now[0].reason.clone().unwrap();
    assert!(why.contains("was not running"), "{why}");
    let now = place.clock.now();
    assert!(back.slots.iter().all(|slot| slot.state != "expected" || slot.due > now), "{back:?}");
    daemon.ledger.read().audit().unwrap();
}

#[test]
fn a_point_that_was_made_by_hand_serves_the_slot_of_its_time() {
    let place = Place::new("2026-03-01T12:00:00Z");
    drop(place.daemon());
    place.hours_pass(26);
    let run = backup::backup(
        &place.setup(),
        (ASSET, Dataset::Site),
        How::default(),
        &holdfast_repo::Progress::default(),
    );
    let point = run.unwrap().point.unwrap();
    place.hours_pass(48);
    let daemon = place.daemon();
    let report = place.slots();
    let day = report.slots.iter().find(|slot| slot.id.ends_with("daily/2026-03-02")).unwrap();
    assert_eq!(day.state, "ok", "{report:?}");
    let run = daemon.ledger.read().run(day.run.as_deref().unwrap()).unwrap().unwrap();
    assert_eq!(run.point, Some(point));
    let next = report.slots.iter().find(|slot| slot.id.ends_with("daily/2026-03-03")).unwrap();
    assert_eq!(next.state, "missed");
}

#[test]
fn a_bad_edit_is_an_alarm_and_changes_nothing() {
    let place = Place::new("2026-03-01T12:00:00Z");
    let mut daemon = place.daemon();
    let good = fs::read_to_string(place.folder.path().join("policy.toml")).unwrap();
    let edits = [
        ("policy.toml", "nonsense".to_owned()),
        // Another text under the same number.
        ("policy.toml", good.replace("daily", "weekly")),
        ("estate.toml", place.estate(&["shop", "an other"])),
    ];
    for (count, (file, text)) in edits.iter().enumerate() {
        place.write(file, text);
        // Told once, however often it is looked at.
        look(&mut daemon);
        look(&mut daemon);
        let (since, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let report = slots(&daemon.configuration.setup, None, since, until).unwrap();
        assert_eq!(report.alarms.len(), count + 1, "{:?}", report.alarms);
        assert_eq!(report.alarms[count].alarm.subject, *file);
        assert_eq!(report.ending, Ending::Attention);
        assert_eq!(daemon.ledger.read().policy_versions().unwrap().len(), 1);
        assert_eq!(daemon.configuration.setup.estate.assets.len(), 1);
    }
    let said = place.said.lock().unwrap().join("\n");
    assert!(said.contains("ALARM: policy.toml was changed and is not used"), "{said}");
    // A daemon that starts on the bad file goes by the version in force.
    place.write("estate.toml", &place.estate(&[ASSET]));
    drop(daemon);
    let daemon = place.daemon();
    assert!(daemon.configuration.versions.in_force(place.clock.now()).is_some_and(|(number, _)| number == 1));
}

#[test]
fn a_new_version_holds_from_its_day_and_changes_no_slot_before() {
    let place = Place::new("2026-03-01T12:00:00Z");
    let mut daemon = place.daemon();
    place.hours_pass(10);
    daemon.record_ahead(place.clock.now()).unwrap();
    finish(&mut daemon);
    let before = place.slots();
    let day = "shop/site/incremental/daily/2026-03-02";
    let waiting = in_state(&before, "expected");
    let expected: BTreeSet<&str> = ids(&waiting);
    assert!(expected.contains(day), "{expected:?}");
    let next = policy(2, "2026-03-02").replacen(
        "[schedule.website]\nsentence = \"4.5\"\nincremental = \"daily\"",
        "[schedule.website]\nsentence = \"4.5\"\nincremental = \"weekly\"",
        1,
    );
    place.write("policy.toml", &next);
    daemon.look().unwrap();
    assert_eq!(daemon.ledger.read().policy_versions().unwrap().len(), 1, "it may still be written to");
    look(&mut daemon);
    finish(&mut daemon);
    place.hours_pass(4);
    look(&mut daemon);
    daemon.record_ahead(place.clock.now()).unwrap();
    finish(&mut daemon);
    let after = place.slots();
    let versions = daemon.ledger.read().policy_versions().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[1].approver, "D. Okafor (named in policy.toml, not signed)");
    for slot in before.slots.iter().filter(|slot| slot.opens < at("2026-03-02T00:00:00Z")) {
        let same = after.slots.iter().find(|other| other.id == slot.id).unwrap();
        assert_eq!((same.due, same.policy_version), (slot.due, 1));
        assert_ne!(same.state, "waived");
        // What was judged under the first version is told in the same words for ever.
        if slot.state != "expected" {
            let told = |slot: &SlotLine| serde_json::to_string(slot).unwrap();
            assert_eq!(told(same), told(slot));
        }
    }
    assert!(before.slots.iter().any(|slot| slot.state == "ok"), "something was judged before: {before:?}");
    let withdrawn = after.slots.iter().find(|slot| slot.id == day).unwrap();
    assert_eq!(withdrawn.state, "waived", "{withdrawn:?}");
    assert!(withdrawn.reason.as_deref().unwrap().starts_with("policy version 2"), "{withdrawn:?}");
    assert!(after.slots.iter().any(|slot| slot.basis == "weekly" && slot.policy_version == 2), "{after:?}");
}

#[test]
fn an_asset_that_leaves_is_not_expected_any_more_and_is_new_when_it_returns() {
    let place = Place::new("2026-03-01T15:00:00Z");
    place.write("estate.toml", &place.estate(&[ASSET, "other"]));
    let mut daemon = place.daemon();
    place.hours_pass(6);
    daemon.record_ahead(place.clock.now()).unwrap();
    finish(&mut daemon);
    place.write("estate.toml", &place.estate(&[ASSET]));
    look(&mut daemon);
    finish(&mut daemon);
    let of_other = |report: SlotsReport| report.slots.into_iter().filter(|slot| slot.asset == "other");
    let left: Vec<SlotLine> = of_other(place.slots()).collect();
    let said = place.said.lock().unwrap().join("\n");
    assert!(left.iter().any(|slot| slot.state == "waived"), "{left:?} {said}");
    assert!(left.iter().all(|slot| slot.state != "expected"), "{left:?} {said}");
    place.hours_pass(48);
    place.write("estate.toml", &place.estate(&[ASSET, "other"]));
    look(&mut daemon);
    finish(&mut daemon);
    let back: Vec<SlotLine> = of_other(place.slots()).collect();
    assert!(back.iter().all(|slot| slot.state != "missed"), "{back:?}");
    let first: Vec<_> = back.iter().filter(|slot| slot.basis == "first").map(|slot| slot.opens).collect();
    assert_eq!(first, [at("2026-03-01T15:00:00Z"), place.clock.now()], "{back:?}");
}

#[test]
fn measured_durations_replace_what_the_policy_assumes() {
    let place = Place::new("2026-03-01T12:00:00Z");
    drop(place.daemon());
    let written = crate::policy::written(&place.service.places).unwrap();
    let lasts = written.measured(holdfast_model::Class::Website, Dataset::Site).unwrap();
    assert_eq!(lasts.basis, holdfast_model::slot::LastsBasis::Measured { samples: 1 });
}

#[test]
fn a_new_asset_has_a_deadline_to_its_first_point_that_no_restart_moves() {
    let place = Place::new("2026-03-01T12:00:00Z");
    // Its source is not there: no run can succeed.
    let lost = place.estate(&[ASSET, "other"]);
    let (shop, other) = lost.split_once("[assets.other]").unwrap();
    place.write("estate.toml", &format!("{shop}[assets.other]{}", other.replace("/site\"", "/nowhere\"")));
    let enrolled = place.clock.now();
    drop(place.daemon());
    for _ in 0..4 {
        place.hours_pass(5);
        drop(place.daemon());
    }
    let first = |report: &SlotsReport| {
        let slots = report.slots.iter().filter(|slot| slot.asset == "other" && slot.basis == "first");
        slots.map(|slot| (slot.opens, slot.due, slot.state)).collect::<Vec<_>>()
    };
    // The objective, counted from the moment in which it was first seen, whoever restarted since.
    let due = after(enrolled, SignedDuration::from_hours(24));
    assert_eq!(first(&place.slots()), [(enrolled, due, "expected")]);
    place.hours_pass(5);
    drop(place.daemon());
    let report = place.slots();
    assert_eq!(first(&report), [(enrolled, due, "missed")]);
    assert_eq!(report.ending, Ending::Attention);
    // And it goes on being missed, without any further grace.
    place.hours_pass(48);
    drop(place.daemon());
    let missed = place.slots();
    let of_other = in_state(&missed, "missed").into_iter().filter(|slot| slot.asset == "other").count();
    assert!(of_other >= 4, "{missed:?}");
}

#[test]
fn runs_start_within_the_window_of_the_policy_alone() {
    let place = Place::new("2026-03-01T12:00:00Z");
    let window = policy(1, "2026-01-01")
        .replacen(
            "sentence = \"4.5\"\nincremental",
            "sentence = \"4.5\"\nwindow = \"01:00-05:00\"\nincremental",
            1,
        )
        .replacen("objective = \"24h\"", "objective = \"30h\"", 1);
    place.write("policy.toml", &window);
    let mut daemon = place.daemon();
    let begun = |daemon: &Daemon<'_>| {
        daemon
            .ledger
            .read()
            .runs_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"), None)
            .unwrap()
    };
    for _ in 0..12 {
        place.hours_pass(1);
        daemon.record_ahead(place.clock.now()).unwrap();
        daemon.happened(Event::Tick).unwrap();
        finish(&mut daemon);
        assert!(begun(&daemon).is_empty() || place.clock.now() >= at("2026-03-02T01:00:00Z"), "too early");
    }
    // It is past one o'clock.
    place.hours_pass(1);
    daemon.happened(Event::Tick).unwrap();
    finish(&mut daemon);
    let runs = begun(&daemon);
    assert!(!runs.is_empty());
    assert!(runs.iter().all(|run| run.begun_at >= at("2026-03-02T01:00:00Z")), "{runs:?}");
    let report = place.slots();
    assert!(
        report.slots.iter().all(|slot| !slot.basis.starts_with("every")),
        "the words alone decide: {report:?}"
    );
}
