//! Whether everything is covered, with all of its parts.
//!
//! Only what the estate names can be looked through: what stands on a machine and in no file, nobody told us of. So the
//! first control never passes while inventories of hosts are not read.

use super::rows::Finding;
use super::{Evidence, Look, Row, Verdict};
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
        let Some(class) = class.filter(|class| class.is_built()) else {
            return row(
                Verdict::Fail,
                format!("none of its parts is captured: {} is not built", declared.class),
            )
            .next("protect it by other means until this is built");
        };
        let asked = look.words().scope.get(&class).map(|rule| rule.value.clone()).unwrap_or_default();
        // A website is captured as files; what the policy calls media and code are files, too.
        if asked.iter().any(|part| part == "databases") {
            return row(
                Verdict::NoEvidence,
                "its files are captured; its databases are not: that is not built".to_owned(),
            )
            .next("dump its databases into its folder until this is built");
        }
        let newest = look.points_of_asset(asset).last().copied();
        match newest {
            None => row(Verdict::NoEvidence, "no point of it was ever made".to_owned()),
            Some(point) => match &point.lacks {
                Some(lacks) => row(Verdict::Fail, format!("its newest point lacks something: {lacks}"))
                    .next("see `holdfast runs`; read rights are the usual cause"),
                None => row(Verdict::Pass, "all parts are in its newest point".to_owned()),
            }
            .by(Evidence::of("point", &point.id), point.recorded),
        }
    });
    Finding::of_rows(
        rows.collect(),
        "assets",
        "complete",
        Finding::no_evidence("estate.toml names nothing to protect").next("declare [assets] in estate.toml"),
    )
}
