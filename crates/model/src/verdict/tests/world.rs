//! Two websites, two locations, five weeks of backups twice a day, everything in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::restore_test::{Exercised, Occasion, occasion_at};
use crate::slot::{Lasts, LastsBasis};
use crate::verdict::*;
use crate::{Dataset, read_policy, template};

/// The instant of most questions.
pub(super) const NOW: &str = "2026-11-23T12:00:00Z";
pub(super) const ASSETS: [(&str, &str); 2] = [("a.example", "C-1"), ("b.example", "C-2")];
pub(super) const LOCATIONS: [&str; 2] = ["frankfurt", "manchester"];
/// How many days of backups there are.
const DAYS: i64 = 35;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// So many hours before the instant of the question.
pub(super) fn ago(count: i64) -> Timestamp {
    at(NOW) - hours(count)
}

/// The customer's policy, approved, whose websites are files alone.
pub(super) fn policy() -> Policy {
    let text = template::policy_example()
        .replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"")
        .replace("\"media\", \"code\", \"databases\"]", "\"media\", \"code\"]")
        .replace("sample = 5, classes", "sample = 5, untested_max = \"90d\", classes");
    read_policy("policy.toml", &text).value.unwrap()
}

pub(super) fn world() -> Facts {
    let mut facts = Facts {
        policies: vec![PolicyFact {
            number: Some(1),
            from: at("2025-08-26T23:00:00Z"),
            recorded: ago(50 * 24),
            policy: policy(),
        }],
        inventories: vec![noted(inventory(), ago(50 * 24), 1)],
        keys: vec![noted(keys(&["C-1", "C-2"]), ago(50 * 24), 2)],
        probes: LOCATIONS.iter().map(|name| noted(probe(name), ago(5), 3)).collect(),
        walks: LOCATIONS.iter().chain(&["state"]).map(|place| noted(walk(place), ago(24), 4)).collect(),
        audits: vec![noted(LogAudited { leaves: 900, root: "ab".to_owned(), damage: None }, ago(5), 5)],
        kits: vec![noted(Kit { kit: "kit-1".to_owned(), shares: 3, needed: 2 }, ago(50 * 24), 20)],
        rings: vec![noted(ring(&["C-1", "C-2"]), ago(50 * 24), 21)],
        rings_at: LOCATIONS.iter().map(|name| noted(ring_at(name), ago(50 * 24), 22)).collect(),
        ledger_copies: LOCATIONS.iter().map(|name| copied(name, ago(10))).collect(),
        key_drills: vec![noted(key_drilled(&["C-1", "C-2"]), ago(20 * 24), 24)],
        reviews: vec![ReviewFact {
            happened: at("2026-10-20T09:00:00Z"),
            recorded: at("2026-10-20T09:00:00Z"),
            reviewer: "A. Reviewer".to_owned(),
            leaf: 6,
        }],
        purges: vec![PurgeFact {
            id: "purge-1".to_owned(),
            begun: ago(20),
            done: Some(ago(19)),
            dropped: None,
            waits: Vec::new(),
        }],
        holds: vec![HoldFact {
            id: "hold-1".to_owned(),
            asset: "a.example".to_owned(),
            owner: "Legal".to_owned(),
            reason: "a dispute".to_owned(),
            review_on: "2027-01-10".parse().unwrap(),
            placed: ago(200),
            released: None,
        }],
        actions: vec![action(ago(30), Some(ago(30)))],
        deliveries: ["mail", "pager"].map(digest).to_vec(),
        anchors: LOCATIONS.iter().map(|name| anchor(name, ago(12))).collect(),
        ..Facts::default()
    };
    // Every week since the first whole one, on Wednesday.
    for week in 0..=5 {
        restore_test(
            &mut facts,
            Exercised::Websites,
            at("2026-11-18T03:00:00Z") - hours(week * 7 * 24),
            &["a.example", "b.example"],
        );
    }
    facts.tests.reverse();
    facts.restored.sort_by_key(|tested| tested.planned);
    for (asset, repository) in ASSETS {
        backups(&mut facts, asset, repository);
        let lasts = Lasts {
            capture: Duration::from_secs(60),
            copy: Duration::from_secs(30),
            basis: LastsBasis::Measured { samples: 70 },
        };
        facts.measured.insert((asset.to_owned(), Dataset::Site), lasts);
        for location in LOCATIONS {
            facts.readings.push(reading(repository, location));
        }
    }
    facts
}

/// The world in which a control can pass: the one that needs WHMCS has two of them, tested every month.
pub(super) fn world_of(control: &str) -> Facts {
    let mut facts = world();
    if control == "TEST-02" {
        for name in ["billing.example", "second.example"] {
            let mut asset = facts.inventories[0].what.assets["a.example"].clone();
            asset.class = "whmcs".to_owned();
            facts.inventories[0].what.assets.insert(name.to_owned(), asset);
        }
        // October was the first whole month but for four days.
        facts.policies[0].recorded = at("2026-09-20T00:00:00Z");
        facts.inventories[0].recorded = at("2026-09-20T00:00:00Z");
        for begun in ["2026-10-03T03:00:00Z", "2026-11-03T03:00:00Z"] {
            restore_test(&mut facts, Exercised::Whmcs, at(begun), &["billing.example", "second.example"]);
        }
    }
    facts
}

/// A test on the occasion of an instant, in which all pass.
pub(super) fn restore_test(facts: &mut Facts, exercised: Exercised, begun: Timestamp, assets: &[&str]) {
    let zone = policy().zone;
    let every = exercised.rule(&policy()).unwrap().value.every;
    let occasion: Occasion = occasion_at(every, &zone, begun).unwrap();
    let id = format!("{exercised} {begun}");
    let minutes = SignedDuration::from_mins;
    let tested = |asset: &&str| TestedFact {
        id: format!("{id} {asset}"),
        exercised,
        occasion: Some(occasion.opens),
        asset: (*asset).to_owned(),
        points: vec![format!("{asset} {}", begun - hours(25))],
        is_drawn: true,
        planned: begun,
        leaf: 40,
        begun: Some(Begun {
            recorded: begun + minutes(1),
            leaf: u64::try_from(begun.as_second() / 1000).unwrap(),
            location: "frankfurt".to_owned(),
            staging: "memory".to_owned(),
            destroy_by: begun + hours(24),
        }),
        ended: Some(Ended {
            recorded: begun + minutes(5),
            leaf: 42,
            outcome: TestOutcome::Successful,
            failed: Vec::new(),
        }),
        destroyed: Some(Destroyed { recorded: begun + minutes(6), leaf: 43, files: 900, bytes: 9000 }),
    };
    let tested: Vec<TestedFact> = assets.iter().map(tested).collect();
    let drawn = tested.iter().map(|tested| tested.id.clone()).collect();
    facts.tests.push(TestFact { id, exercised, occasion: Some(occasion), drawn, recorded: begun, leaf: 40 });
    facts.restored.extend(tested);
}

pub(super) fn restart(recorded: Timestamp) -> RestartFact {
    RestartFact { by: "M. Chen".to_owned(), reason: "the disk died".to_owned(), recorded, leaf: 14 }
}

pub(super) fn action(begun: Timestamp, ended: Option<Timestamp>) -> ActionFact {
    ActionFact { id: "action-1".to_owned(), begun, ended, is_without_log: false, reviewed: None, leaf: 8 }
}

fn anchor(location: &str, given: Timestamp) -> AnchorFact {
    AnchorFact { location: location.to_owned(), given, leaves: 800, leaf: 9 }
}

/// Today's digest, taken.
fn digest(channel: &str) -> DeliveryFact {
    let settled = Some(Settled { recorded: ago(5), leaf: 11, is_delivered: true });
    let (is_digest, said, leaf) = (true, ago(5), 10);
    DeliveryFact { channel: channel.to_owned(), is_digest, said, leaf, failed: None, settled }
}

fn noted<T>(what: T, recorded: Timestamp, leaf: u64) -> Noted<T> {
    Noted { what, recorded, leaf }
}

fn inventory() -> Inventory {
    let site = |latitude, longitude| SiteDeclared {
        country: Some("GB".to_owned()),
        latitude: Some(latitude),
        longitude: Some(longitude),
    };
    let location = |name: &str, transport| LocationDeclared {
        site: name.to_owned(),
        host: format!("store-{name}"),
        place: format!("place of {name}"),
        transport,
    };
    let asset = |repository: &str| AssetDeclared {
        class: "website".to_owned(),
        host: "web1".to_owned(),
        repository: repository.to_owned(),
    };
    let channel = |kind: &str, server: &str| ChannelDeclared {
        kind: kind.to_owned(),
        server: server.to_owned(),
        escalate_seconds: 900,
    };
    Inventory {
        channels: BTreeMap::from([
            ("mail".to_owned(), channel("email", "mail.example")),
            ("pager".to_owned(), channel("webhook", "pager.example")),
        ]),
        sites: BTreeMap::from([
            ("london".to_owned(), site(51.51, -0.13)),
            ("manchester".to_owned(), site(53.48, -2.24)),
            ("frankfurt".to_owned(), site(50.11, 8.68)),
        ]),
        hosts: BTreeMap::from([("web1".to_owned(), HostDeclared { site: "london".to_owned() })]),
        locations: BTreeMap::from([
            ("manchester".to_owned(), location("manchester", Transport::Ssh)),
            ("frankfurt".to_owned(), location("frankfurt", Transport::Tls)),
        ]),
        assets: ASSETS.iter().map(|(name, repository)| ((*name).to_owned(), asset(repository))).collect(),
    }
}

pub(super) fn keys(repositories: &[&str]) -> Keys {
    Keys { repositories: repositories.iter().map(ToString::to_string).collect::<BTreeSet<_>>() }
}

fn ring(repositories: &[&str]) -> Ring {
    Ring { ring: "ring-1".to_owned(), repositories: keys(repositories).repositories }
}

fn ring_at(location: &str) -> RingAt {
    let [location, kit, ring, object] = [location, "kit-1", "ring-1", "object-1"].map(str::to_owned);
    RingAt { location, kit, ring, object, older_left: None }
}

/// A copy of the ledger that a location was given.
pub(super) fn copied(location: &str, recorded: Timestamp) -> Noted<LedgerCopied> {
    let [location, point, ring] = [location, "copy-1", "ring-1"].map(str::to_owned);
    noted(LedgerCopied { location, point, leaves: 900, until: Some(recorded), ring }, recorded, 23)
}

fn key_drilled(repositories: &[&str]) -> KeyDrilled {
    KeyDrilled {
        location: "frankfurt".to_owned(),
        kit: "kit-1".to_owned(),
        leaves: 900,
        opened: keys(repositories).repositories,
        restored_from: Some("C-1".to_owned()),
        failure: None,
    }
}

pub(super) fn probe(location: &str) -> Probe {
    Probe {
        location: location.to_owned(),
        place: format!("place of {location}"),
        failure: None,
        description: format!("the store of {location}"),
        fingerprint: Some(format!("fingerprint of {location}")),
        device: Some(format!("device of {location}")),
        machine: Some(format!("machine of {location}")),
        marker: Some(format!("marker of {location}")),
        is_here: Some(false),
        here_because: "its machine id is another".to_owned(),
    }
}

fn walk(place: &str) -> StorageWalked {
    StorageWalked {
        place: place.to_owned(),
        objects: 100,
        bytes: None,
        overage_bytes: 0,
        findings: Vec::new(),
        exempt: Vec::new(),
        reasons: Vec::new(),
    }
}

fn reading(repository: &str, location: &str) -> Reading {
    let change = ReadingChange {
        recorded: ago(6),
        leaf: 7,
        first_look: ago(40 * 24),
        last_look: ago(6),
        oldest: ago(10 * 24),
        never_read: 0,
        slices: 28,
        opened: Some((ago(6), 1000)),
        damage: Vec::new(),
    };
    Reading { repository: repository.to_owned(), location: location.to_owned(), changes: vec![change] }
}

pub(super) const GOOD: CopyState = CopyState {
    is_there: true,
    is_checked: true,
    whole_since: Some(Timestamp::UNIX_EPOCH),
    is_damaged: false,
};

/// A point that was made at an instant, recorded ten minutes later, and is whole everywhere.
pub(super) fn point(asset: &str, repository: &str, instant: Timestamp) -> PointFact {
    let recorded = instant + SignedDuration::from_mins(10);
    let change = CopyChange { recorded, leaf: Some(8), state: GOOD };
    PointFact {
        id: format!("{asset} {instant}"),
        asset: asset.to_owned(),
        dataset: Dataset::Site,
        repository: repository.to_owned(),
        is_full: instant.to_string().contains("-01T02:"),
        instant,
        recorded,
        leaf: 8,
        lacks: None,
        purged: None,
        copies: LOCATIONS.iter().map(|location| ((*location).to_owned(), vec![change])).collect(),
        base: None,
        followed: Vec::new(),
    }
}

/// A point every twelve hours, at two and at fourteen.
fn backups(facts: &mut Facts, asset: &str, repository: &str) {
    let first = at("2026-11-23T02:00:00Z") - hours(DAYS * 24);
    for half_day in 0..=DAYS * 2 {
        let instant = first + hours(half_day * 12);
        let point = point(asset, repository, instant);
        let run = format!("run {}", point.id);
        facts.runs.push(RunFact {
            id: run,
            asset: asset.to_owned(),
            dataset: Dataset::Site,
            ended: point.recorded,
            point: point.id.clone(),
            read_back: LOCATIONS.iter().map(|location| ((*location).to_owned(), (9, true))).collect(),
            delivered: LOCATIONS.iter().map(ToString::to_string).collect(),
        });
        let settled = Some((point.recorded, SlotOutcome::Ok));
        facts.slots.push(slot(asset, instant - hours(1), settled));
        facts.points.push(point);
    }
    // The next one is open.
    facts.slots.push(slot(asset, at("2026-11-23T13:00:00Z"), None));
    facts.slots.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
    facts.runs.sort_by(|a, b| (a.ended, &a.id).cmp(&(b.ended, &b.id)));
}

pub(super) fn slot(asset: &str, opens: Timestamp, settled: Option<(Timestamp, SlotOutcome)>) -> SlotFact {
    SlotFact {
        id: format!("{asset}/site/incremental/every-12h/{opens}"),
        asset: asset.to_owned(),
        dataset: Dataset::Site,
        is_full: false,
        opens,
        closes: opens + hours(6),
        due: opens + hours(6),
        is_recorded: true,
        settled,
    }
}
