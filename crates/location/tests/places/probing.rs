//! What `holdfast location test` finds at real places, and that it finds lies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_location::layers::Op;
use holdfast_location::layers::append_only::AppendOnly;
use holdfast_location::layers::faulty::{Damage, Fault, Faults, Faulty, Rule};
use holdfast_location::layers::throttle::{Limits, Throttle};
use holdfast_location::{Finding, Grade, Location, PROBE_PREFIX, ProbeOptions, Topic, Verdict, probe};
use holdfast_testkit::servers::{RcloneRest, RcloneS3, RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{established, opened, surroundings};

fn probed(location: &dyn Location) -> HashMap<Topic, Finding> {
    let options = ProbeOptions { object_bytes: 2 << 20, ..ProbeOptions::default() };
    let findings = probe(location, &surroundings(), options);
    for finding in &findings {
        println!(
            "{:?} {:?} {:?}: {} => {}",
            finding.what, finding.outcome, finding.grade, finding.tried, finding.meaning
        );
    }
    let count = findings.len();
    let findings: HashMap<_, _> = findings.into_iter().map(|finding| (finding.what, finding)).collect();
    assert_eq!(findings.len(), count, "a topic was found twice");
    findings
}

/// What must be so at every usable place.
fn usable(findings: &HashMap<Topic, Finding>) {
    for topic in [
        Topic::Reachable,
        Topic::Write,
        Topic::ReadBack,
        Topic::RangedRead,
        Topic::SameAgain,
        Topic::OtherSize,
        Topic::ListComplete,
        Topic::LockDelete,
    ] {
        assert_eq!(findings[&topic].outcome, Verdict::Yes, "{topic:?}: {}", findings[&topic].tried);
        assert_eq!(findings[&topic].grade, Grade::Fine);
    }
    for topic in [Topic::RoundTrip, Topic::ThroughputUp, Topic::ThroughputDown] {
        assert!(findings[&topic].measured.is_some_and(|measure| measure.value > 0.0), "{topic:?}");
    }
}

fn outcome(findings: &HashMap<Topic, Finding>, topic: Topic) -> Verdict {
    findings[&topic].outcome
}

#[test]
fn places_with_full_rights() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("place");
    let sshd = Sshd::start();
    let seaweed = Seaweed::start("backups");
    let rclone = RcloneS3::start("backups");
    for (which, location) in [
        ("local", established(&root.display().to_string(), "")),
        ("sftp", established(&sshd.url("place"), &sshd.credentials_toml())),
        ("seaweed", established(&seaweed.url("backups", ""), &seaweed.credentials_toml())),
        ("rclone s3", established(&rclone.url("backups", ""), &rclone.credentials_toml())),
    ] {
        println!("{which}");
        let findings = probed(&*location);
        usable(&findings);
        // Everybody with full rights can destroy; the probe has to say so and never anything else.
        assert_eq!(outcome(&findings, Topic::OverwriteRefused), Verdict::No, "{which}");
        assert_eq!(outcome(&findings, Topic::DeleteRefused), Verdict::No, "{which}");
        assert_eq!(outcome(&findings, Topic::CleanUp), Verdict::Yes, "{which}");
        assert_eq!(location.repositories().unwrap(), Vec::<String>::new(), "{which}");
    }
    let left: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["holdfast-location"]);
}

#[test]
fn rest_server_with_and_without_append_only() {
    for append_only in [false, true] {
        let server = RestServer::start(&RestOptions { append_only, ..RestOptions::default() });
        let location = established(&server.url("place"), &server.credentials_toml());
        let findings = probed(&*location);
        usable(&findings);
        // It never overwrites, whatever the flag.
        assert_eq!(outcome(&findings, Topic::OverwriteRefused), Verdict::Yes);
        let expected = if append_only { Verdict::Yes } else { Verdict::No };
        assert_eq!(outcome(&findings, Topic::DeleteRefused), expected);
        assert_eq!(outcome(&findings, Topic::CleanUp) == Verdict::No, append_only);
        // What had to stay is no repository.
        assert_eq!(location.repositories().unwrap(), Vec::<String>::new());
    }
}

/// Taking the rights to remove and rename from SFTP leaves overwriting: such a place must never pass for immutable.
#[test]
fn sftp_without_the_right_to_delete_is_not_immutable() {
    let server = Sshd::start_with("internal-sftp -P remove,rmdir");
    let location = established(&server.url("place"), &server.credentials_toml());
    let findings = probed(&*location);
    assert_eq!(outcome(&findings, Topic::DeleteRefused), Verdict::Yes);
    assert_eq!(outcome(&findings, Topic::OverwriteRefused), Verdict::No);
    assert!(findings[&Topic::OverwriteRefused].meaning.contains("not immutable"));
    assert_eq!(outcome(&findings, Topic::CleanUp), Verdict::No);
    assert!(findings[&Topic::CleanUp].tried.contains(PROBE_PREFIX));
}

#[test]
fn a_place_that_is_not_there_or_cannot_be_written() {
    let findings = probed(&*opened("/no/such/place", ""));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[&Topic::Reachable].grade, Grade::Bad);

    let server = Seaweed::start("backups");
    established(&server.url("backups", ""), &server.credentials_toml());
    let findings = probed(&*opened(&server.url("backups", ""), &server.reader_credentials_toml()));
    assert_eq!(outcome(&findings, Topic::Reachable), Verdict::Yes);
    assert_eq!(outcome(&findings, Topic::Write), Verdict::No);
    assert!(!findings.contains_key(&Topic::OverwriteRefused), "nothing may be claimed that was not tried");
}

#[test]
fn lies_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let local = established(&folder.path().join("place").display().to_string(), "");
    let faulty = |rules: Vec<Rule>| {
        let faults = Faults::new();
        rules.into_iter().for_each(|rule| faults.add(rule));
        Faulty::new(local.clone(), faults, surroundings().clock)
    };
    let bad = |location: &dyn Location, topic: Topic| {
        let findings = probed(location);
        assert_eq!(
            (findings[&topic].outcome, findings[&topic].grade),
            (Verdict::No, Grade::Bad),
            "{topic:?}"
        );
    };
    // Half of the names are enough that one of fifty begins with one of these digits.
    let hide = |digit: u32| Rule::always(Fault::Damage(Damage::Hide(format!("{digit:x}")))).on(Op::List);
    bad(&faulty((0..8).map(hide).collect()), Topic::ListComplete);
    bad(&faulty(vec![Rule::always(Fault::Damage(Damage::Flip(3))).on(Op::Get)]), Topic::ReadBack);
    bad(&faulty(vec![Rule::always(Fault::Damage(Damage::Truncate(50))).on(Op::Get)]), Topic::RangedRead);

    // A place behind which nobody deletes or overwrites proves to be so.
    let findings = probed(&AppendOnly::new(local.clone()));
    assert_eq!(outcome(&findings, Topic::OverwriteRefused), Verdict::Yes);
    assert_eq!(outcome(&findings, Topic::DeleteRefused), Verdict::Yes);
}

/// rclone's REST server writes to the final name, and the probe sees the object grow.
#[test]
fn growing_objects_are_found() {
    let server = RcloneRest::start(false);
    let location = established(&server.url("place"), &server.credentials_toml());
    let options = ProbeOptions { object_bytes: 48 << 20, transfers: 1, ..ProbeOptions::default() };
    // Whether a look falls into the upload is chance; that none of ten does would be a defect.
    let seen = (0..10).any(|_| {
        let findings = probe(&*location, &surroundings(), options);
        let finding = findings.iter().find(|finding| finding.what == Topic::WholeOrAbsent).unwrap();
        println!("{:?}: {}", finding.outcome, finding.tried);
        (finding.outcome, finding.grade) == (Verdict::No, Grade::Bad)
    });
    assert!(seen, "the object was never seen growing");
}

/// The numbers follow the line.
#[test]
fn latency_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let local = established(&folder.path().join("place").display().to_string(), "");
    let limits = Limits { latency_added: Duration::from_millis(40), ..Limits::default() };
    let distant: Arc<dyn Location> = Arc::new(Throttle::new(local, limits, surroundings().clock));
    let findings = probed(&*distant);
    let round_trip = findings[&Topic::RoundTrip].measured.unwrap();
    assert!(round_trip.value >= 40.0, "{round_trip}");
    let json = serde_json::to_value(&findings[&Topic::RoundTrip]).unwrap();
    assert_eq!(json["what"], "round-trip");
    assert_eq!(json["measured"]["unit"], "ms");
}
