//! Whether everything is covered, with all of its parts.
//!
//! Only what the estate names, what lies in roots that it names, and what databases trusted servers have can be looked through:
//! what else stands on a machine and in no file, nobody told us of. So the first control never passes while inventories of hosts
//! are not read.

use std::collections::BTreeMap;

use super::rows::Finding;
use super::{DatabasesSeen, Evidence, Look, Noted, Part, PointFact, Row, Verdict, after, hours, minute};
use crate::Class;

/// SCOPE-01.
pub(super) fn covered(look: &Look<'_>) -> Finding {
    let mut rows: Vec<Row> = look
        .parts()
        .map(|part| {
            let target = part.target();
            let row = |verdict, why: String| Row::new(&target, verdict, why).about(part.asset);
            if !part.class.is_built() {
                let why = format!("unprotected: this version cannot back up the class {}", part.class);
                return row(Verdict::Fail, why).next("protect it by other means until this is built");
            }
            if look.words().schedule_of(part.class, part.dataset).is_none() {
                return row(Verdict::Fail, "unprotected: no rule of the policy covers it".to_owned())
                    .next("add it to [schedule] in policy.toml");
            }
            let points = look.points_of(&part);
            match points.last() {
                Some(point) => row(Verdict::Pass, "covered, and has points".to_owned())
                    .by(Evidence::of("point", &point.id), point.recorded),
                None => row(Verdict::NoEvidence, "no point of it was ever made".to_owned())
                    .next(format!("`holdfast backup {}`, or start `holdfast serve`", part.asset)),
            }
        })
        .collect();
    let is_empty = |host: &&String| !look.inventory.assets.values().any(|asset| asset.host == **host);
    rows.extend(look.inventory.hosts.keys().filter(is_empty).map(|host| {
        Row::new(host, Verdict::Fail, "unprotected: no asset lies on this machine")
            .next("declare what is on it in estate.toml, or remove it there")
    }));
    rows.extend(roots(look));
    rows.extend(databases(look));
    let count = rows.len();
    let mut finding = Finding::of_rows(
        rows,
        "targets",
        "covered",
        Finding::no_evidence("estate.toml names nothing to protect").next("declare [assets] in estate.toml"),
    );
    if finding.verdict == Verdict::Pass {
        finding.verdict = Verdict::NoEvidence;
        finding.why = format!(
            "what estate.toml names is covered ({count} of {count}); what else stands on machines is not looked for"
        );
        finding.next = Some(
            "compare estate.toml with what your machines hold: inventories of hosts are not built".to_owned(),
        );
    }
    finding
}

/// What lies in roots and is not protected, and what lay there and does no more.
fn roots(look: &Look<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (root, last) in &look.roots.last {
        let by = |row: Row| row.by(Evidence::leaf(last.leaf), last.recorded);
        if let Some(failure) = &last.what.failure {
            let why = format!("what lies in this root cannot be told: {failure}");
            rows.push(by(Row::new(format!("discover.{root}"), Verdict::Fail, why)
                .next("new websites are not noticed until it can be read again")));
        }
        for (folder, why) in &last.what.refused {
            let row =
                Row::new(format!("discover.{root}: {folder}"), Verdict::Fail, format!("unprotected: {why}"));
            rows.push(by(row.next(format!("or name it in except of [discover.{root}]"))));
        }
    }
    for (asset, vanished) in &look.roots.vanished {
        let since = vanished.noted.recorded;
        let points = look.by_asset.points(asset);
        let is_lying = |point: &&&PointFact| point.lies_at(look.now).next().is_some();
        let count = points.iter().filter(is_lying).count();
        // Of one that left nothing behind nobody can do anything.
        if count == 0 && look.is_past(after(since, hours(VANISHED_DAYS * 24))) {
            continue;
        }
        let left = match count {
            0 => "no point of it lies anywhere".to_owned(),
            1 => "its point stays for as long as the policy keeps it".to_owned(),
            count => format!("its {count} points stay for as long as the policy keeps them"),
        };
        let why = format!("its folder vanished by {}; {left}", minute(since));
        let row = Row::new(*asset, Verdict::Fail, why).about(asset).next(format!(
            "bring it back: `holdfast restore {asset} --to DIR`; if it is gone on purpose, name it in except of \
             [discover.{}]",
            vanished.root
        ));
        rows.push(row.by(Evidence::leaf(vanished.noted.leaf), since));
    }
    rows
}

/// So long a website is missed that vanished before a point of it was made.
const VANISHED_DAYS: i64 = 30;
/// A server is asked once a day and more; what was found longer ago says nothing about now.
const DATABASES_SEEN_HOURS: i64 = 48;

/// Databases that belong to nothing, by server.
fn databases(look: &Look<'_>) -> Vec<Row> {
    let mut servers: BTreeMap<&str, &Noted<DatabasesSeen>> = BTreeMap::new();
    for seen in look.facts.databases.iter().filter(|seen| seen.recorded <= look.now) {
        servers.insert(&seen.what.server, seen);
    }
    let mut rows = Vec::new();
    for (server, seen) in servers.into_iter().filter(|(_, seen)| !seen.what.is_over) {
        let target = format!("databases at {server}");
        let by = |row: Row| row.by(Evidence::leaf(seen.leaf), seen.recorded);
        if let Some(failure) = &seen.what.failure {
            let why = format!("whether each belongs to an asset is not known: {failure}");
            rows.push(by(Row::new(target, Verdict::NoEvidence, why).next(
                "name an account that sees every database: database_servers = [{ server = \"...\", credentials = { ... } }]",
            )));
            continue;
        }
        for database in &seen.what.unpaired {
            let why = "unprotected: it belongs to no asset";
            rows.push(by(Row::new(format!("database {database} at {server}"), Verdict::Fail, why)
                .next("name it in databases of a website, or in ignore of its server in database_servers")));
        }
        if seen.what.unpaired.is_empty() {
            let why = format!(
                "each of its {} databases belongs to an asset, or is left out by name",
                seen.what.count
            );
            rows.push(by(if look.is_fresh(seen.recorded, hours(DATABASES_SEEN_HOURS)) {
                Row::new(target, Verdict::Pass, why)
            } else {
                Row::new(target, Verdict::Stale, format!("{why}, when it was last asked"))
                    .next("`holdfast serve` asks it, and so does `holdfast status`")
            }));
        }
    }
    rows
}

/// SCOPE-02.
pub(super) fn complete(look: &Look<'_>) -> Finding {
    let rows = look.inventory.assets.iter().map(|(asset, declared)| {
        let class = Class::parse(&declared.class);
        let row = |verdict, why: String| Row::new(asset, verdict, why).about(asset);
        // A website's files and its databases are one point, which lacks what could not be had of either.
        let Some(class) = class.filter(|class| class.is_built()) else {
            return row(
                Verdict::Fail,
                format!("none of its parts is captured: {} is not built", declared.class),
            )
            .next("protect it by other means until this is built");
        };
        let parts: Vec<Part<'_>> = look.parts().filter(|part| part.asset == asset).collect();
        let newest = parts.iter().map(|part| (part, look.points_of(part).last().copied()));
        let newest: Vec<_> = newest.collect();
        let is_alone = class.datasets().len() == 1;
        if let Some((part, _)) = newest.iter().find(|(_, point)| point.is_none()) {
            let why = match is_alone {
                true => "no point of it was ever made".to_owned(),
                false => format!("no point of its part {} was ever made", part.dataset),
            };
            return row(Verdict::NoEvidence, why)
                .next(format!("`holdfast backup {asset}`, or start `holdfast serve`"));
        }
        let points = newest.iter().filter_map(|(part, point)| Some((*part, (*point)?)));
        let lacking = points.clone().find_map(|(part, point)| Some((part, point, point.lacks.as_ref()?)));
        let cited = |mut row: Row| {
            for (_, point) in points.clone() {
                row = row.by(Evidence::of("point", &point.id), point.recorded);
            }
            row
        };
        cited(match lacking {
            Some((part, _, lacks)) => {
                let whose = if is_alone { String::new() } else { format!(" of its part {}", part.dataset) };
                row(Verdict::Fail, format!("its newest point{whose} lacks something: {lacks}"))
                    .next("see `holdfast runs`; read rights are the usual cause")
            }
            None if is_alone => row(Verdict::Pass, "all parts are in its newest point".to_owned()),
            None => row(Verdict::Pass, "each of its parts has a point that lacks nothing".to_owned()),
        })
    });
    Finding::of_rows(
        rows.collect(),
        "assets",
        "complete",
        Finding::no_evidence("estate.toml names nothing to protect").next("declare [assets] in estate.toml"),
    )
}
