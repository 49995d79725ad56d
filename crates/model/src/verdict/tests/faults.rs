//! Each fault of the table, injected.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::world::{GOOD, LOCATIONS, NOW, action, ago, at, copied, hours, keys, point, restart, slot, world};
use crate::Dataset;
use crate::slot::{Lasts, LastsBasis};
use crate::verdict::*;

/// The world with a fault in it.
pub(super) struct Broken {
    pub(super) facts: Facts,
    /// The last instant at which it does not show yet, where only time shows it.
    pub(super) still: Option<Timestamp>,
    /// The instant at which the control is red.
    pub(super) red: Timestamp,
}

const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Red as soon as the fault is there.
fn at_once(break_it: impl FnOnce(&mut Facts)) -> Broken {
    at_once_in(world(), break_it)
}

pub(super) fn at_once_in(mut facts: Facts, break_it: impl FnOnce(&mut Facts)) -> Broken {
    break_it(&mut facts);
    Broken { facts, still: None, red: at(NOW) }
}

/// Red from an instant on, and not a moment before.
fn from(red: Timestamp, break_it: impl FnOnce(&mut Facts)) -> Broken {
    from_in(world(), red, break_it)
}

pub(super) fn from_in(mut facts: Facts, red: Timestamp, break_it: impl FnOnce(&mut Facts)) -> Broken {
    break_it(&mut facts);
    Broken { facts, still: Some(red - MOMENT), red }
}

/// Everything else goes on as it should, so that only what is broken can turn red.
fn nothing(_: &mut Facts) {}

fn newest<'f>(facts: &'f mut Facts, asset: &str) -> &'f mut PointFact {
    facts.points.iter_mut().filter(|point| point.asset == asset).max_by_key(|point| point.instant).unwrap()
}

fn set(point: &mut PointFact, location: &str, recorded: Timestamp, state: CopyState) {
    point.copies.get_mut(location).unwrap().push(CopyChange { recorded, leaf: None, state });
}

fn probe_mut<'f>(facts: &'f mut Facts, location: &str) -> &'f mut Probe {
    &mut facts.probes.iter_mut().find(|probe| probe.what.location == location).unwrap().what
}

pub(super) fn inject(control: &str, fault: &str) -> Broken {
    // The newest points stand for two o'clock in the morning.
    let newest_instant = at("2026-11-23T02:00:00Z");
    match (control, fault) {
        ("TEST-01" | "TEST-02" | "TEST-04", _) => super::restore_tests::inject(control, fault),
        ("DR-04", "every point turns out not to be restorable") => at_once(|facts| {
            let mut tested = facts.restored[0].clone();
            tested.points = facts.points.iter().map(|point| point.id.clone()).collect();
            let ended = tested.ended.as_mut().unwrap();
            (ended.recorded, ended.outcome) = (ago(1), TestOutcome::Failed);
            ended.failed = vec!["loads".to_owned()];
            facts.restored.push(tested);
        }),
        ("DR-04", "a restore test finds that the newest point cannot be loaded") => {
            from(at("2026-11-22T14:00:00Z") + hours(24), |facts| {
                let mut tested = facts.restored[0].clone();
                tested.asset = "b.example".to_owned();
                tested.points = vec![newest(facts, "b.example").id.clone()];
                let ended = tested.ended.as_mut().unwrap();
                (ended.recorded, ended.outcome) = (ago(1), TestOutcome::Failed);
                ended.failed = vec!["loads".to_owned()];
                facts.restored.push(tested);
                go_on(facts, "a.example", "C-1");
            })
        }
        ("SCOPE-02", "the newest point lacks files that could not be read") => {
            at_once(|facts| newest(facts, "a.example").lacks = Some("3 entries could not be read".to_owned()))
        }
        ("SCHED-01", "a slot passes without a point") => {
            let opens = at("2026-11-23T13:00:00Z");
            from(opens + hours(6), |facts| facts.slots.push(slot("b.example", opens, None)))
        }
        ("SCHED-01", "a slot is served too late") => at_once(|facts| {
            let settled = Some((ago(2), SlotOutcome::Late));
            facts.slots.push(slot("b.example", ago(10), settled));
        }),
        ("SCHED-01", "slots were not written down before they opened") => at_once(|facts| {
            // A good point lies there all the same.
            let mut unrecorded = slot("b.example", at("2026-11-23T01:00:00Z"), None);
            unrecorded.is_recorded = false;
            facts.slots.push(unrecorded);
        }),
        ("SCHED-02", "the full point was never read in full at one location") => at_once(|facts| {
            let full =
                facts.points.iter_mut().find(|point| point.asset == "a.example" && point.is_full).unwrap();
            let state = CopyState { whole_since: None, ..GOOD };
            set(full, "manchester", ago(100), state);
        }),
        ("SCHED-02", "no full point comes any more") => {
            from(at("2026-11-01T02:00:00Z") + hours(62 * 24), nothing)
        }
        ("SCHED-03", "captures last as long as the objective") => at_once(|facts| {
            let lasts = Lasts {
                capture: Duration::from_secs(24 * 3600),
                copy: Duration::from_secs(60),
                basis: LastsBasis::Measured { samples: 3 },
            };
            facts.measured.insert(("a.example".to_owned(), Dataset::Site), lasts);
        }),
        ("SCHED-03", "nothing was measured") => at_once(|facts| facts.measured.clear()),
        ("RET-01", "a point younger than the minimum is deleted at every location") => at_once(|facts| {
            let point = newest(facts, "a.example");
            for location in LOCATIONS {
                set(point, location, ago(1), CopyState::default());
            }
        }),
        ("RET-01", "a purge takes a point younger than the minimum") => at_once(|facts| {
            let point = newest(facts, "a.example");
            point.purged = Some(ago(1));
            for location in LOCATIONS {
                set(point, location, ago(1), CopyState::default());
            }
        }),
        ("RET-01", "nobody looks at the listings any more") => from(ago(6) + hours(48), nothing),
        ("RET-02", "a point stays on storage beyond its age and grace") => {
            let instant = at("2026-09-25T02:00:00Z");
            from(instant + hours(62 * 24), |facts| facts.points.push(point("b.example", "C-2", instant)))
        }
        ("RET-02", "a walk finds data that no point reaches") => {
            at_once(|facts| facts.walks[0].what.findings.push("unreachable: 3 objects, 900 bytes".to_owned()))
        }
        ("RET-02", "nobody walks through storage any more") => from(ago(24) + hours(7 * 24), nothing),
        ("RET-03", "a purge waits for a location") => from(ago(3) + hours(24), |facts| {
            facts.purges.push(PurgeFact {
                id: "purge-2".to_owned(),
                begun: ago(3),
                done: None,
                dropped: None,
                waits: vec!["C-1 at frankfurt: it could not be asked".to_owned()],
            });
        }),
        ("RET-03", "no purge runs any more") => from(ago(19) + hours(48), nothing),
        // The day ends at midnight in London, which is that of UTC in January.
        ("RET-04", "a hold is not looked at on its day of review") => {
            from(at("2027-01-11T00:00:00Z"), nothing)
        }
        ("ENC-01", "a location is reached in the clear") => at_once(|facts| {
            let locations = &mut facts.inventories[0].what.locations;
            locations.get_mut("frankfurt").unwrap().transport = Transport::Plain;
        }),
        ("ENC-01", "a location does not answer any more") => from(ago(5) + hours(48), nothing),
        ("ENC-02", "files that are not ours lie at a location") => {
            at_once(|facts| facts.walks[0].what.findings.push("foreign: 1 objects, 5 bytes".to_owned()))
        }
        ("ENC-02", "no stored byte is read any more") => from(ago(6) + hours(30 * 24), nothing),
        ("ENC-03", "the kit was never tried") => at_once(|facts| facts.key_drills.clear()),
        ("ENC-03", "a trial of the kit fails") => at_once(|facts| {
            let mut failed = facts.key_drills[0].clone();
            (failed.recorded, failed.what.failure) = (ago(1), Some("the ring does not open".to_owned()));
            facts.key_drills.push(failed);
        }),
        ("ENC-03", "a trial at one location fails, and one elsewhere is good") => at_once(|facts| {
            let good = facts.key_drills[0].clone();
            let (mut failed, mut later) = (good.clone(), good);
            failed.what.location = "manchester".to_owned();
            (failed.recorded, failed.what.failure) = (ago(2), Some("the ring does not open".to_owned()));
            later.recorded = ago(1);
            facts.key_drills.extend([failed, later]);
        }),
        ("ENC-03", "nobody tries the kit any more") => from(ago(20 * 24) + hours(31 * 24), nothing),
        ("ENC-03", "no location has the key of a repository") => at_once(|facts| {
            facts.rings[0].what.repositories.remove("C-2");
        }),
        ("ENC-03", "no kit was ever made") => at_once(|facts| facts.kits.clear()),
        ("LOC-02", "a location turns out to be on this machine") => {
            at_once(|facts| probe_mut(facts, "manchester").is_here = Some(true))
        }
        ("LOC-02", "a location is declared to lie on a machine in production") => at_once(|facts| {
            let locations = &mut facts.inventories[0].what.locations;
            locations.get_mut("manchester").unwrap().host = "web1".to_owned();
        }),
        ("COPY-01", "one location does not get a point") => {
            let recorded = newest_instant + SignedDuration::from_mins(10);
            from(recorded + hours(24), |facts| {
                newest(facts, "a.example").copies.remove("frankfurt");
            })
        }
        ("INT-01", "what a run stored is not whole when it is read back") => at_once(|facts| {
            facts.runs.last_mut().unwrap().read_back.insert("frankfurt".to_owned(), (10, false));
        }),
        ("INT-01", "what a run stored is not read back") => at_once(|facts| {
            facts.runs.last_mut().unwrap().read_back.remove("frankfurt");
        }),
        ("INT-02", "damage is found and not healed") => {
            at_once(|facts| facts.readings[0].changes[0].damage.push("point 1a2b3c4d".to_owned()))
        }
        ("INT-02", "old data is not read any more") => from(ago(10 * 24) + hours(30 * 24), nothing),
        ("DR-04", "no backup of one site any more") => from(newest_instant + hours(24), |facts| {
            go_on(facts, "a.example", "C-1");
        }),
        ("DR-04", "the newest point is at one place alone") => {
            from(at("2026-11-22T14:00:00Z") + hours(24), |facts| {
                newest(facts, "b.example").copies.remove("frankfurt");
                go_on(facts, "a.example", "C-1");
            })
        }
        ("DR-04", "the key is lost") => at_once(|facts| {
            facts.keys.push(Noted { what: keys(&["C-1"]), recorded: ago(1), leaf: 11 });
        }),
        ("DR-04", "every copy is damaged") => at_once(|facts| {
            for point in facts.points.iter_mut().filter(|point| point.asset == "b.example") {
                for location in LOCATIONS {
                    set(point, location, ago(1), CopyState { is_damaged: true, ..GOOD });
                }
            }
        }),
        ("DR-04", "two locations turn out to be one place") => at_once(|facts| {
            probe_mut(facts, "manchester").marker = Some("marker of frankfurt".to_owned());
        }),
        ("DR-05", "no copy of the ledger reaches a location any more") => from(ago(10) + hours(48), nothing),
        ("DR-05", "a location is not given the changed key ring") => {
            from(ago(1) + hours(48), |facts| {
                let mut changed = facts.rings[0].clone();
                (changed.recorded, changed.what.ring) = (ago(1), "ring-2".to_owned());
                facts.rings.push(changed);
                // Copies go on.
                for location in LOCATIONS {
                    facts.ledger_copies.push(copied(location, ago(1) + hours(40)));
                }
            })
        }
        ("DR-05", "an older key ring is left at a location") => at_once(|facts| {
            facts.rings_at[0].what.older_left = Some("it may not be deleted".to_owned());
        }),
        ("DR-05", "a key is gone here, so the key ring goes nowhere") => at_once(|facts| {
            let what = RingRefused { reason: Some("the key of C-1 is gone".to_owned()) };
            facts.rings_refused.push(Noted { what, recorded: ago(1), leaf: 30 });
        }),
        ("DR-05", "a new kit is made, and a location has the ring of the old one") => at_once(|facts| {
            let mut new = facts.kits[0].clone();
            (new.recorded, new.what.kit) = (ago(1), "kit-2".to_owned());
            facts.kits.push(new);
        }),
        ("LOG-01", "a row of the ledger is edited") => at_once(|facts| {
            facts.audits[0].what.damage = Some("the table slots does not say what the leaves say".to_owned());
        }),
        ("LOG-01", "the ledger is not read through any more") => from(ago(5) + hours(48), nothing),
        ("LOG-01", "somebody begins a new log") => at_once(|facts| facts.restarts.push(restart(ago(1)))),
        ("LOG-02", "a restore is made without the log") => at_once(|facts| {
            facts.actions.push(ActionFact { is_without_log: true, ..action(ago(1), Some(ago(1))) });
        }),
        ("LOG-02", "an action never gets a result") => {
            from(ago(3) + hours(24), |facts| facts.actions.push(action(ago(3), None)))
        }
        ("LOG-03", "a location holds the head of another log") => at_once(|facts| {
            facts.forks.push(ForkFact { location: "frankfurt".to_owned(), recorded: ago(1), leaf: 13 });
        }),
        ("LOG-03", "no head reaches a location any more") => from(ago(12) + hours(48), nothing),
        ("NOTIF-01", "a channel takes nothing any more") => {
            let said = at(NOW) + hours(1);
            from(said + SignedDuration::from_mins(15), |facts| {
                let mut waiting = facts.deliveries[0].clone();
                (waiting.said, waiting.settled) = (said, None);
                waiting.failed = Some((said, "connection refused".to_owned()));
                facts.deliveries.push(waiting);
            })
        }
        ("NOTIF-01", "no digest is sent any more") => from(ago(5) + hours(26), nothing),
        ("NOTIF-01", "every channel goes by one server") => at_once(|facts| {
            let channels = &mut facts.inventories[0].what.channels;
            channels.get_mut("pager").unwrap().server = channels["mail"].server.clone();
        }),
        // Six months after 20 October, and the day itself is in time; London is an hour ahead of UTC in April.
        ("REV-01", "no review is recorded") => from(at("2027-04-20T23:00:00Z"), nothing),
        ("REV-01", "the dates in the file are edited instead") => at_once(|facts| {
            facts.reviews.clear();
            let mut edited = facts.policies[0].clone();
            edited.policy.header.value.effective = "2026-11-01".parse().unwrap();
            edited.policy.header.value.updated = "2026-11-01".parse().unwrap();
            (edited.number, edited.from, edited.recorded) = (Some(2), ago(40), ago(40));
            facts.policies.push(edited);
        }),
        ("REV-02", "a location is added and nobody reviews") => {
            let added = ago(10);
            from(added + hours(30 * 24), |facts| {
                let mut inventory = facts.inventories[0].what.clone();
                let new = inventory.locations["frankfurt"].clone();
                inventory.locations.insert("paris".to_owned(), new);
                facts.inventories.push(Noted { what: inventory, recorded: added, leaf: 12 });
            })
        }
        other => panic!("the table has a fault that nobody injects: {other:?}"),
    }
}

/// One site's backups go on.
fn go_on(facts: &mut Facts, asset: &str, repository: &str) {
    for half_day in 1..=4 {
        facts.points.push(point(asset, repository, at("2026-11-23T02:00:00Z") + hours(half_day * 12)));
    }
}
