//! Tables of what ran, what lies where and what was purged.

use super::{Sheet, maybe, time};
use crate::report::document::{Document, PointTold, PurgeTold, RestoreTestTold, RetentionTold, RunTold};

pub(super) fn sheets(document: &Document) -> Vec<Sheet> {
    let mut sheets = vec![runs(document), points(document), copies(document)];
    sheets.push(retention(document));
    sheets.extend([purges(document), receipts(document), purged_points(document)]);
    sheets.extend([storage(document), walks(document), restore_tests(document)]);
    sheets
}

fn runs(document: &Document) -> Sheet {
    let row = |told: &RunTold| {
        let RunTold { run, sent_bytes, read_back } = told;
        let by_place = |(place, word): (&String, String)| format!("{place}={word}");
        let sent = sent_bytes.as_ref().map(|sent| {
            sent.iter()
                .map(|(place, bytes)| by_place((place, bytes.to_string())))
                .collect::<Vec<_>>()
                .join(" ")
        });
        let read: Vec<String> =
            read_back.iter().map(|(place, word)| by_place((place, word.clone()))).collect();
        vec![
            run.id.clone(),
            run.asset.clone(),
            run.dataset.clone(),
            run.kind.clone(),
            run.state.as_str().to_owned(),
            run.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
            time(run.begun_at),
            maybe(run.ended_at),
            run.point.clone().unwrap_or_default(),
            sent.unwrap_or_default(),
            read.join(" "),
            run.slots.join(" "),
        ]
    };
    Sheet {
        file: "csv/runs.csv",
        title: "Runs",
        columns: &[
            "run",
            "asset",
            "dataset",
            "kind",
            "state",
            "outcome",
            "begun_at",
            "ended_at",
            "point",
            "sent_bytes",
            "read_back",
            "slots",
        ],
        rows: document.runs.iter().map(row).collect(),
        shown: &[],
        without: "",
    }
}

fn points(document: &Document) -> Sheet {
    let row = |told: &PointTold| {
        let point = &told.point;
        let lying = told.copies.iter().filter(|copy| copy.removed_at.is_none()).count();
        vec![
            point.id.clone(),
            point.asset.clone(),
            point.dataset.clone(),
            point.kind.clone(),
            time(point.instant),
            point.is_undated.to_string(),
            point.repository.clone(),
            lying.to_string(),
            time(told.recorded_at),
            told.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/points.csv",
        title: "Points",
        columns: &[
            "point",
            "asset",
            "dataset",
            "kind",
            "instant",
            "undated",
            "repository",
            "copies",
            "recorded_at",
            "leaf",
        ],
        rows: document.points.iter().map(row).collect(),
        shown: &[],
        without: "",
    }
}

fn copies(document: &Document) -> Sheet {
    let mut rows = Vec::new();
    for told in &document.points {
        for copy in &told.copies {
            rows.push(vec![
                told.point.id.clone(),
                told.point.asset.clone(),
                told.point.dataset.clone(),
                copy.location.clone(),
                time(copy.has_since),
                time(copy.confirmed_at),
                maybe(copy.removed_at),
            ]);
        }
    }
    Sheet {
        file: "csv/copies.csv",
        title: "Copies",
        columns: &["point", "asset", "dataset", "location", "has_since", "confirmed_at", "removed_at"],
        rows,
        shown: &[],
        without: "",
    }
}

fn retention(document: &Document) -> Sheet {
    let days = |hours: i64| format!("{:.1}", hours as f64 / 24.0);
    let promised = |days: Option<u32>| days.map(|days| days.to_string()).unwrap_or_default();
    let row = |part: &RetentionTold| {
        vec![
            part.asset.clone(),
            part.dataset.clone(),
            promised(part.days_min),
            promised(part.days_max),
            part.points.to_string(),
            days(part.oldest_hours),
            days(part.newest_hours),
            part.locations.iter().cloned().collect::<Vec<_>>().join(" "),
        ]
    };
    Sheet {
        file: "csv/retention.csv",
        title: "Retention: what was promised, and how old what lies there is",
        columns: &[
            "asset",
            "dataset",
            "promised_days_min",
            "promised_days_max",
            "points",
            "oldest_days",
            "newest_days",
            "locations",
        ],
        rows: document.retention.iter().map(row).collect(),
        shown: &[
            (0, "Asset"),
            (1, "Part"),
            (2, "At least"),
            (3, "At most"),
            (5, "Oldest, days"),
            (6, "Newest, days"),
            (4, "Points"),
            (7, "Where"),
        ],
        without: "No point lies anywhere.",
    }
}

fn purges(document: &Document) -> Sheet {
    let row = |told: &PurgeTold| {
        let purge = &told.purge;
        let removed: u64 = told.receipts.iter().map(|receipt| receipt.receipt.bytes).sum();
        let waits = purge.waits.iter().map(|wait| wait.reason.clone());
        vec![
            purge.id.clone(),
            purge.purge.kind.as_str().to_owned(),
            purge.purge.by.clone(),
            purge.purge.policy_version.map(|version| version.to_string()).unwrap_or_default(),
            purge.purge.client.clone().unwrap_or_default(),
            purge.purge.reason.clone().unwrap_or_default(),
            purge.state.as_str().to_owned(),
            time(purge.begun_at),
            maybe(purge.ended_at),
            told.points.len().to_string(),
            removed.to_string(),
            waits.collect::<Vec<_>>().join("; "),
        ]
    };
    Sheet {
        file: "csv/purges.csv",
        title: "Purges",
        columns: &[
            "purge",
            "kind",
            "by",
            "policy_version",
            "client",
            "reason",
            "state",
            "begun_at",
            "ended_at",
            "points",
            "removed_bytes",
            "waits",
        ],
        rows: document.purges.iter().map(row).collect(),
        shown: &[
            (7, "Begun"),
            (1, "Kind"),
            (6, "State"),
            (9, "Points"),
            (10, "Bytes removed"),
            (11, "Waits for"),
        ],
        without: match document.receipts.is_empty() {
            true => "Nothing was purged.",
            false => {
                "No purge is known that was open in the period; what was removed in it stands in csv/purge-receipts.csv."
            }
        },
    }
}

fn receipts(document: &Document) -> Sheet {
    let row = |told: &holdfast_ledger::Receipt| {
        let receipt = &told.receipt;
        vec![
            receipt.purge.clone(),
            receipt.phase.as_str().to_owned(),
            receipt.repository.clone(),
            receipt.location.clone(),
            receipt.group.clone(),
            receipt.objects.to_string(),
            receipt.bytes.to_string(),
            receipt.points.join(" "),
            time(told.happened_at),
            told.leaf.to_string(),
        ]
    };
    Sheet {
        file: "csv/purge-receipts.csv",
        title: "Purge receipts",
        columns: &[
            "purge",
            "phase",
            "repository",
            "location",
            "group",
            "objects",
            "bytes",
            "points",
            "happened_at",
            "leaf",
        ],
        rows: document.receipts.iter().map(row).collect(),
        shown: &[],
        without: "",
    }
}

fn purged_points(document: &Document) -> Sheet {
    let points = document.purges.iter().flat_map(|purge| &purge.points);
    let row = |point: &holdfast_ledger::PurgedPoint| {
        vec![
            point.purge.clone(),
            point.repository.clone(),
            point.decided.point.clone(),
            point.decided.asset.clone().unwrap_or_default(),
            time(point.decided.instant),
            point.decided.reason.clone(),
        ]
    };
    Sheet {
        file: "csv/purged-points.csv",
        title: "Points that were purged",
        columns: &["purge", "repository", "point", "asset", "instant", "reason"],
        rows: points.map(row).collect(),
        shown: &[],
        without: "",
    }
}

fn storage(document: &Document) -> Sheet {
    let mut rows = Vec::new();
    for place in &document.storage {
        for day in &place.days {
            rows.push(vec![
                place.place.clone(),
                day.day.to_string(),
                day.sent_bytes.to_string(),
                day.removed_bytes.to_string(),
                day.runs_unknown.to_string(),
            ]);
        }
    }
    Sheet {
        file: "csv/storage.csv",
        title: "Bytes sent and removed, by day",
        columns: &["location", "day", "sent_bytes", "removed_bytes", "runs_unknown"],
        rows,
        shown: &[],
        without: "",
    }
}

fn walks(document: &Document) -> Sheet {
    let mut rows = Vec::new();
    for place in &document.storage {
        for walk in &place.walks {
            rows.push(vec![
                place.place.clone(),
                time(walk.recorded_at),
                walk.objects.to_string(),
                walk.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
                walk.overage_bytes.to_string(),
                walk.leaf.to_string(),
            ]);
        }
    }
    Sheet {
        file: "csv/walks.csv",
        title: "What walks through storage found",
        columns: &["location", "recorded_at", "objects", "bytes", "overage_bytes", "leaf"],
        rows,
        shown: &[
            (0, "Location"),
            (1, "Walked"),
            (2, "Objects"),
            (3, "Bytes"),
            (4, "Bytes that should not be there"),
        ],
        without: "No location was walked through, so nobody knows how much lies there in all.",
    }
}

/// No restore test can be made yet. The table is there, so that whoever lays periods together need not ask why not.
fn restore_tests(document: &Document) -> Sheet {
    let row = |told: &RestoreTestTold| {
        let RestoreTestTold { exercise, occasion, dataset, pick } = told;
        let begun = pick.begun.as_ref();
        let ended = pick.ended.as_ref();
        let validation = match ended {
            None => String::new(),
            Some((end, _)) if end.failed.is_empty() => "all answered".to_owned(),
            Some((end, _)) => format!("not answered: {}", end.failed.join(" ")),
        };
        let occasion =
            occasion.as_ref().map_or_else(|| "asked for".to_owned(), |label| format!("of {label}"));
        let chosen = if pick.picked.is_drawn { "by lot" } else { "by hand" };
        let destroyed = match (&pick.destroyed, &pick.not_destroyed) {
            (_, Some(why)) => format!("NOT destroyed: {why}"),
            (Some((gone, moment)), None) => {
                format!("{} files destroyed {}", gone.files, time(moment.happened_at))
            }
            (None, None) if begun.is_some() => "nothing says that it is destroyed".to_owned(),
            (None, None) => "nothing was restored".to_owned(),
        };
        vec![
            pick.id.clone(),
            pick.picked.asset.clone(),
            dataset.clone(),
            pick.picked.point.clone().unwrap_or_default(),
            begun.map(|(begun, _)| begun.location.clone()).unwrap_or_default(),
            maybe(begun.map(|(_, moment)| moment.happened_at)),
            maybe(ended.map(|(_, moment)| moment.happened_at)),
            pick.state.as_str().to_uppercase().replace('-', "_"),
            validation,
            format!("{exercise} {occasion}; {}; point {chosen}; {destroyed}", pick.picked.why),
            ended.map_or(pick.planned.leaf, |(_, moment)| moment.leaf).to_string(),
        ]
    };
    Sheet {
        file: "csv/restore-tests.csv",
        title: "Restore tests",
        columns: &[
            "test",
            "asset",
            "dataset",
            "point",
            "location",
            "begun_at",
            "ended_at",
            "outcome",
            "validation",
            "detail",
            "leaf",
        ],
        rows: document.restore_tests.iter().map(row).collect(),
        shown: &[
            (1, "Asset"),
            (4, "From"),
            (5, "Begun"),
            (7, "Outcome"),
            (8, "Questions"),
            (9, "Which, and what became of it"),
            (10, "Leaf"),
        ],
        without: "None in this period. Drills are not built yet, and nothing stands in for them.",
    }
}
