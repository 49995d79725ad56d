//! Whether everything is covered, with all of its parts.
//!
//! Only what the estate names can be looked through: what stands on a machine and in no file, nobody told us of. So the
//! first control never passes while inventories of hosts are not read.

use super::rows::Finding;
use super::{Evidence, Look, Part, Row, Verdict};
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
            "what estate.toml names is covered ({count} of {count}); what stands on machines and in no file is not looked for"
        );
        finding.next = Some(
            "compare estate.toml with what your machines hold: inventories of hosts are not built".to_owned(),
        );
    }
    finding
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
