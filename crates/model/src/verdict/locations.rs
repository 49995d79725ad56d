//! Whether copies lie apart from each other, and off the machines that they protect.
//!
//! Hosts and sites are declared, and a declaration is no evidence. What a probe shows counts against it at once; that two
//! buildings stand far apart no probe can show, so that part is told as declared and never passes.

use super::encryption::PROBE_FRESH_HOURS;
use super::places::Place;
use super::rows::Finding;
use super::{Evidence, Look, PointFact, Row, Verdict, hours, minute};

/// LOC-01.
pub(super) fn apart(look: &Look<'_>) -> Finding {
    let copies = look.words().storage.copies.value;
    let mut rows: Vec<Row> = look
        .places
        .iter()
        .map(|(name, place)| {
            let Some(probe) = &place.probe else {
                return unasked(name, place);
            };
            let row = if let Some((twin, how)) = place.twins.first() {
                Row::new(name, Verdict::Fail, format!("it is one place with {twin}: {how}"))
                    .next("put one of them on other hardware: both are lost together")
            } else {
                let why = format!(
                    "{}; that it stands in {} is declared, not proven",
                    probe.what.description, place.declared.site
                );
                Row::new(name, Verdict::NoEvidence, why)
                    .next("no program can measure where a building stands: have somebody go and look")
            };
            row.by(Evidence::leaf(probe.leaf), probe.recorded)
        })
        .collect();
    let (wanted, off_site) =
        (copies.locations_min as usize, copies.outside_production_min.unwrap_or(1) as usize);
    for part in look.scheduled() {
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let patience = look.patience(&part);
        let points = look.points_of(&part);
        let lying: Vec<&&PointFact> =
            points.iter().filter(|point| point.lies_at(look.now).next().is_some()).collect();
        let Some(newest) = lying.last() else {
            rows.push(row(Verdict::NoEvidence, "it has no point".to_owned()));
            continue;
        };
        let count = |point: &PointFact| look.places.count(point.good_at(look.now));
        let is_short = |point: &&&&PointFact| {
            let counted = count(point);
            let is_near = counted.farthest_km.is_none_or(|km| km < f64::from(copies.distance_km_min));
            let is_near = is_near && copies.distance_km_min > 0 && wanted > 1;
            (counted.places < wanted || counted.off_site < off_site || is_near)
                && look.is_overdue(point.recorded, patience)
        };
        let short: Vec<&&&PointFact> = lying.iter().filter(is_short).collect();
        rows.push(match short.last() {
            Some(last) => {
                let counted = count(last);
                let far = match counted.farthest_km {
                    Some(km) => format!("{km:.0} km apart"),
                    None => "no known distance apart".to_owned(),
                };
                let why = format!(
                    "{} of {} points are not at {wanted} places with {off_site} off site, {} km apart; that of {}: {} places, {} off site, {far}",
                    short.len(),
                    lying.len(),
                    copies.distance_km_min,
                    minute(last.instant),
                    counted.places,
                    counted.off_site,
                );
                row(Verdict::Fail, why)
                    .next("add a location on other hardware at another site; `holdfast points` shows the copies")
                    .by(Evidence::of("point", &last.id), last.recorded)
            }
            None => {
                let (points, places) = (lying.len(), count(newest).places);
                let why = format!(
                    "{points} points, the newest at {places} of {wanted} places so far; their sites are declared, not proven"
                );
                row(Verdict::NoEvidence, why).by(Evidence::of("point", &newest.id), newest.recorded)
            }
        });
    }
    Finding::of_rows(rows, "places and parts", "apart", no_location())
}

/// LOC-02.
pub(super) fn off_production(look: &Look<'_>) -> Finding {
    let rows = look.places.iter().map(|(name, place)| {
        let probe = place.probe.as_ref();
        let by = |row: Row| match probe {
            Some(probe) => row.by(Evidence::leaf(probe.leaf), probe.recorded),
            None => row,
        };
        if let Some(why) = &place.on_production {
            return by(Row::new(name, Verdict::Fail, why.clone())).next("put these copies on another machine");
        }
        let Some(probe) = probe else { return unasked(name, place) };
        let found = &probe.what;
        by(match found.is_here {
            Some(false) if look.is_fresh(probe.recorded, hours(PROBE_FRESH_HOURS)) => {
                Row::new(name, Verdict::Pass, format!("on another machine ({})", found.here_because))
            }
            Some(false) => {
                Row::new(name, Verdict::Stale, format!("on another machine when it was last asked, {}", minute(probe.recorded)))
                    .next(format!("`holdfast location test {name}`"))
            }
            _ => Row::new(
                name,
                Verdict::NoEvidence,
                format!("declared to be on {}, not proven: {}", place.declared.host, found.here_because),
            )
            .next("let the account there read /etc/machine-id, or keep a person's record of which machine it is"),
        })
    });
    Finding::of_rows(rows.collect(), "locations", "none is on a machine in production", no_location())
}

/// LOC-03.
pub(super) fn countries(look: &Look<'_>) -> Finding {
    let mut countries: Vec<&str> = look
        .places
        .iter()
        .filter_map(|(_, place)| look.inventory.sites.get(&place.declared.site)?.country.as_deref())
        .collect();
    countries.sort_unstable();
    countries.dedup();
    let declared = if countries.is_empty() {
        "none is declared".to_owned()
    } else {
        format!("declared: {}", countries.join(", "))
    };
    Finding::not_applicable(format!("the policy restricts no country; {declared}"))
}

fn no_location() -> Finding {
    Finding::new(Verdict::Fail, "estate.toml names no location: there is no copy")
        .next("declare [locations] in estate.toml")
}

/// One that never answered the question what it is.
fn unasked(name: &str, place: &Place) -> Row {
    let why = match &place.failure {
        Some(failure) => format!("declared, not proven: it could not be asked ({failure})"),
        None => "declared, not proven: nobody asked it what it is".to_owned(),
    };
    Row::new(name, Verdict::NoEvidence, why).next(format!("`holdfast location test {name}`"))
}
