//! Places that are one under two names, in every disguise that a probe can see through.

use super::verdict;
use super::world::{NOW, at, world};
use crate::verdict::*;

/// What two locations show that are one place, and by which disguise.
const DISGUISES: [(&str, fn(&mut Probe)); 5] = [
    ("a symbolic link or a bind mount: the same folder", |p| {
        p.fingerprint = Some("local filesystem:1 inode:2".to_owned());
    }),
    ("two folders of one file system", |p| p.device = Some("filesystem:1".to_owned())),
    ("one SFTP server under localhost, 127.0.0.1 and its name", |p| {
        p.device = Some("ssh SHA256:abc".to_owned());
    }),
    ("one bucket behind two endpoints", |p| p.marker = Some("0123456789abcdef0123456789abcdef".to_owned())),
    ("one machine under two names of hosts", |p| p.machine = Some("abcdef".to_owned())),
];

#[test]
fn no_disguise_makes_two_copies_of_one() {
    for (disguise, show) in DISGUISES {
        let mut facts = world();
        facts.probes.iter_mut().for_each(|probe| show(&mut probe.what));
        let found = verdict(&facts, "LOC-01", at(NOW));
        assert_eq!(found.verdict, Verdict::Fail, "{disguise}: {}", found.why);
        assert!(found.why.contains("one place with"), "{disguise}: {}", found.why);
        // And nothing counts it twice elsewhere.
        let lost = verdict(&facts, "DR-04", at(NOW));
        assert_eq!(lost.verdict, Verdict::Fail, "{disguise}: {}", lost.why);
        assert!(lost.why.contains("whole at 1 of 2 places"), "{disguise}: {}", lost.why);
    }
}

#[test]
fn what_was_found_at_another_address_says_nothing_of_this_one() {
    let mut facts = world();
    facts.inventories[0].what.locations.get_mut("frankfurt").unwrap().place = "moved".to_owned();
    for control in ["LOC-01", "LOC-02", "ENC-01"] {
        let found = verdict(&facts, control, at(NOW));
        assert!(found.verdict.is_red(), "{control}: {}", found.why);
        let row = found.rows.iter().find(|row| row.target == "frankfurt").unwrap();
        assert_eq!(row.verdict, Verdict::NoEvidence, "{control}: {}", row.why);
        assert!(row.why.contains("not proven"), "{control}: {}", row.why);
    }
}

#[test]
fn what_is_only_declared_never_passes() {
    let mut facts = world();
    facts.probes.clear();
    for control in ["LOC-01", "LOC-02", "ENC-01", "DR-04"] {
        assert!(verdict(&facts, control, at(NOW)).verdict.is_red(), "{control}");
    }
    // That the machine does not show which it is leaves the declaration a declaration.
    let mut facts = world();
    facts.probes.iter_mut().for_each(|probe| probe.what.is_here = None);
    assert_eq!(verdict(&facts, "LOC-02", at(NOW)).verdict, Verdict::NoEvidence);
    // And coordinates are never proven at all.
    assert_eq!(verdict(&world(), "LOC-01", at(NOW)).verdict, Verdict::NoEvidence);
}

#[test]
fn copies_next_door_are_not_apart() {
    let mut facts = world();
    let sites = &mut facts.inventories[0].what.sites;
    let manchester = sites["manchester"].clone();
    sites.insert("frankfurt".to_owned(), manchester);
    let found = verdict(&facts, "LOC-01", at(NOW));
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(found.why.contains("0 km apart"), "{}", found.why);
}

#[test]
fn a_site_of_production_is_not_off_site() {
    let mut facts = world();
    for location in facts.inventories[0].what.locations.values_mut() {
        location.site = "london".to_owned();
    }
    let found = verdict(&facts, "DR-04", at(NOW));
    assert!(found.verdict == Verdict::Fail && found.why.contains("0 of 1 off site"), "{}", found.why);
}
