//! Tables of what people did, decided and were told.

use super::{Sheet, maybe, time};
use crate::report::document::{Document, EstateChange, PlaceDeclared, PolicyTold};

pub(super) fn sheets(document: &Document) -> Vec<Sheet> {
    let mut sheets = vec![access(document), exceptions(document), reviews(document), policy(document)];
    sheets.extend([estate(document), alarms(document), witnesses(document), places(document)]);
    sheets
}

fn access(document: &Document) -> Sheet {
    let row = |action: &holdfast_ledger::Action| {
        let done = &action.action;
        vec![
            action.id.clone(),
            done.kind.as_str().to_owned(),
            done.actor.clone(),
            done.asset.clone().unwrap_or_default(),
            done.repository.clone().unwrap_or_default(),
            done.location.clone().unwrap_or_default(),
            done.point.clone().unwrap_or_default(),
            done.paths.join(" "),
            done.target.clone().unwrap_or_default(),
            done.purpose.clone(),
            time(action.begun_at),
            maybe(action.ended_at),
            action.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
            action.detail.clone().unwrap_or_default(),
            done.break_glass.is_some().to_string(),
            action.reviewed_by.clone().unwrap_or_default(),
            action.review.clone().unwrap_or_default(),
            action.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/access.csv",
        title: "Who read or restored what, and what for",
        columns: &[
            "action",
            "kind",
            "actor",
            "asset",
            "repository",
            "location",
            "point",
            "paths",
            "target",
            "purpose",
            "begun_at",
            "ended_at",
            "outcome",
            "detail",
            "without_log",
            "reviewed_by",
            "review",
            "leaf",
        ],
        rows: document.access.iter().map(row).collect(),
        shown: &[(10, "When"), (1, "What"), (2, "Who"), (3, "Asset"), (9, "What for"), (12, "Ended")],
        without: "Nobody read or restored anything through holdfast.",
    }
}

fn exceptions(document: &Document) -> Sheet {
    let hold = |one: &holdfast_ledger::Hold| {
        vec![
            "hold".to_owned(),
            one.id.clone(),
            one.hold.asset.clone(),
            String::new(),
            one.hold.owner.clone(),
            one.hold.reason.clone(),
            time(one.placed_at),
            maybe(one.released_at),
            one.hold.review_on.to_string(),
            one.released_by.clone().unwrap_or_default(),
        ]
    };
    let waiver = |one: &holdfast_ledger::Waiver| {
        vec![
            "waiver".to_owned(),
            one.id.clone(),
            one.waiver.asset.clone(),
            one.waiver.dataset.clone().unwrap_or_default(),
            one.waiver.owner.clone(),
            one.waiver.reason.clone(),
            time(one.waiver.begins),
            time(one.waiver.expires),
            String::new(),
            String::new(),
        ]
    };
    Sheet {
        file: "csv/exceptions.csv",
        title: "Holds and waivers",
        columns: &[
            "kind",
            "id",
            "asset",
            "dataset",
            "owner",
            "reason",
            "from",
            "until",
            "review_on",
            "released_by",
        ],
        rows: document.holds.iter().map(hold).chain(document.waivers.iter().map(waiver)).collect(),
        shown: &[
            (0, "Kind"),
            (2, "Asset"),
            (4, "Who answers for it"),
            (5, "Why"),
            (6, "From"),
            (7, "Until"),
            (8, "To be looked at"),
        ],
        without: "Nothing was held, and nothing was waived.",
    }
}

fn reviews(document: &Document) -> Sheet {
    let row = |review: &holdfast_ledger::PolicyReview| {
        vec![
            time(review.happened_at),
            review.reviewer.clone(),
            review.policy_version.map(|version| version.to_string()).unwrap_or_default(),
            review.policy_sha256.clone(),
            review.note.clone().unwrap_or_default(),
            review.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/reviews.csv",
        title: "Reviews of the policy",
        columns: &["happened_at", "reviewer", "policy_version", "policy_sha256", "note", "leaf"],
        rows: document.reviews.iter().map(row).collect(),
        shown: &[(0, "When"), (1, "Who"), (2, "Version"), (4, "Note")],
        without: "The policy was not reviewed.",
    }
}

fn policy(document: &Document) -> Sheet {
    let row = |version: &PolicyTold| {
        vec![
            version.number.to_string(),
            time(version.effective),
            version.approver.clone(),
            time(version.recorded_at),
            version.sha256.clone(),
        ]
    };
    Sheet {
        file: "csv/policy-versions.csv",
        title: "Versions of the policy",
        columns: &["version", "effective", "approver", "recorded_at", "sha256"],
        rows: document.policy_versions.iter().map(row).collect(),
        shown: &[(0, "Version"), (1, "To hold from"), (3, "Recorded"), (2, "Approved by")],
        without: "No version was adopted: `holdfast serve` adopts one that is approved.",
    }
}

fn estate(document: &Document) -> Sheet {
    let row = |change: &EstateChange| {
        vec![time(change.recorded_at), change.changes.join("; "), change.leaf.to_string()]
    };
    Sheet {
        file: "csv/estate-changes.csv",
        title: "Changes of the estate",
        columns: &["recorded_at", "changes", "leaf"],
        rows: document.estate_changes.iter().map(row).collect(),
        shown: &[(0, "When"), (1, "What"), (2, "Leaf")],
        without: "What there is to protect, and where copies lie, did not change.",
    }
}

fn alarms(document: &Document) -> Sheet {
    let row = |told: &holdfast_ledger::Alarm| {
        vec![
            time(told.happened_at),
            told.alarm.kind.as_str().to_owned(),
            told.alarm.subject.clone(),
            told.alarm.message.clone(),
            told.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/alarms.csv",
        title: "Alarms",
        columns: &["happened_at", "kind", "subject", "message", "leaf"],
        rows: document.alarms.iter().map(row).collect(),
        shown: &[(0, "When"), (1, "Kind"), (2, "About"), (3, "What was said")],
        without: "There was no alarm.",
    }
}

fn witnesses(document: &Document) -> Sheet {
    let row = |anchor: &holdfast_ledger::Anchor| {
        vec![
            time(anchor.happened_at),
            anchor.location.clone(),
            anchor.head.leaves.to_string(),
            anchor.head.root.clone(),
            anchor.checkpoint.clone(),
            anchor.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/log-heads.csv",
        title: "Signed heads of the log, and where they went",
        columns: &["happened_at", "location", "leaves", "root", "checkpoint", "leaf"],
        rows: document.anchors.iter().map(row).collect(),
        shown: &[(0, "When"), (1, "Location"), (2, "Leaves")],
        without: "No location was given a signed head of the log.",
    }
}

fn places(document: &Document) -> Sheet {
    let row = |place: &PlaceDeclared| {
        vec![
            place.place.clone(),
            place.host.clone(),
            place.site.clone(),
            place.country.clone().unwrap_or_default(),
        ]
    };
    Sheet {
        file: "csv/locations.csv",
        title: "Where copies are to lie, as declared",
        columns: &["location", "host", "site", "country"],
        rows: document.places.iter().map(row).collect(),
        shown: &[(0, "Location"), (1, "Machine or service"), (2, "Site"), (3, "Country")],
        without: "Nobody wrote down where copies are to lie.",
    }
}
