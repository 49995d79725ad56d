//! How many places a set of copies really lies at.
//!
//! Two names for one bucket, one disk or one machine look like two copies until the day on which both are gone. So what a
//! probe shows to be one counts once, whatever it is called; and so does what the estate itself declares to be one machine at
//! one site. A probe never makes two of what is declared as one, and what never answered a probe counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::facts::{Noted, latest};
use super::observed::{Inventory, LocationDeclared, Probe};
use crate::estate::distance_km;

/// The locations, as declared and as probed.
pub(super) struct Places {
    places: BTreeMap<String, Place>,
    production: BTreeSet<String>,
    coordinates: BTreeMap<String, (f64, f64)>,
}

/// One location.
pub(super) struct Place {
    pub(super) declared: LocationDeclared,
    /// What it turned out to be when it last answered at this address.
    pub(super) probe: Option<Noted<Probe>>,
    /// Why it did not, where it was asked since or never answered.
    pub(super) failure: Option<String>,
    /// Locations that are the same place under another name, and by what that shows.
    pub(super) twins: Vec<(String, String)>,
    /// Why it stands or falls with a machine in production.
    pub(super) on_production: Option<String>,
}

/// How many places some copies lie at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    /// Places that are not the same.
    pub(super) places: usize,
    /// Of these, the ones off the sites and machines of production.
    pub(super) off_site: usize,
    /// How far apart the two are that lie farthest apart, as far as coordinates are declared.
    pub(super) farthest_km: Option<f64>,
}

impl Places {
    pub(super) fn of(inventory: &Inventory, probes: &[Noted<Probe>], now: Timestamp) -> Places {
        let probe_of = |name: &str, declared: &LocationDeclared, is_asked: fn(&Probe) -> bool| {
            // What was found at another address says nothing of this one.
            let is_it =
                |probe: &Probe| probe.location == name && probe.place == declared.place && is_asked(probe);
            latest(probes, now, is_it)
        };
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for (name, declared) in &inventory.locations {
            let probe = probe_of(name, declared, |probe| probe.failure.is_none()).cloned();
            let failure = probe_of(name, declared, |_| true).and_then(|last| last.what.failure.clone());
            let here = probe.as_ref().filter(|p| p.what.is_here == Some(true) && !inventory.hosts.is_empty());
            let on_production = if inventory.hosts.contains_key(&declared.host) {
                Some(format!("it is declared to lie on {}, a machine in production", declared.host))
            } else {
                here.map(|probe| format!("it lies on this machine ({})", probe.what.here_because))
            };
            places.insert(
                name.clone(),
                Place { declared: declared.clone(), probe, failure, twins: Vec::new(), on_production },
            );
        }
        let names: Vec<String> = places.keys().cloned().collect();
        for name in &names {
            let twins = names.iter().filter(|other| *other != name);
            let twins = twins.filter_map(|other| Some((other.clone(), same(&places[name], &places[other])?)));
            let twins = twins.collect();
            if let Some(place) = places.get_mut(name) {
                place.twins = twins;
            }
        }
        let production = inventory.hosts.values().map(|host| host.site.clone()).collect();
        let coordinates = inventory.sites.iter();
        let coordinates =
            coordinates.filter_map(|(name, site)| Some((name.clone(), (site.latitude?, site.longitude?))));
        Places { places, production, coordinates: coordinates.collect() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.places.iter().map(|(name, place)| (name.as_str(), place))
    }

    /// How many places these locations are.
    pub(super) fn count<'n>(&self, locations: impl Iterator<Item = &'n str>) -> Counted {
        let mut groups: Vec<BTreeSet<&str>> = Vec::new();
        for name in locations {
            let Some((name, place)) = self.places.get_key_value(name) else { continue };
            // Nobody knows what it is: it may be one with any of the others.
            if place.probe.is_none() {
                continue;
            }
            let is_one = |other: &str| {
                let declared = &self.places[other].declared;
                let same_machine =
                    declared.host == place.declared.host && declared.site == place.declared.site;
                same_machine || place.twins.iter().any(|(twin, _)| twin == other)
            };
            let (one, mut apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| group.iter().any(|other| is_one(other)));
            let mut merged: BTreeSet<&str> = one.into_iter().flatten().collect();
            merged.insert(name);
            apart.push(merged);
            groups = apart;
        }
        // What is one place with something in production is no place elsewhere.
        let is_off = |group: &&BTreeSet<&str>| group.iter().all(|name| self.is_off_site(name));
        let sites: BTreeSet<&str> =
            groups.iter().flatten().map(|name| self.places[*name].declared.site.as_str()).collect();
        let known: Vec<(f64, f64)> =
            sites.iter().filter_map(|site| self.coordinates.get(*site)).copied().collect();
        let pairs = known.iter().enumerate().flat_map(|(n, a)| known[n + 1..].iter().map(move |b| (*a, *b)));
        Counted {
            places: groups.len(),
            off_site: groups.iter().filter(is_off).count(),
            farthest_km: pairs.map(|(a, b)| distance_km(a, b)).reduce(f64::max),
        }
    }

    pub(super) fn is_off_site(&self, name: &str) -> bool {
        let place = &self.places[name];
        place.on_production.is_none() && !self.production.contains(&place.declared.site)
    }
}

/// By what two locations are one place; `None` where nothing shows that.
fn same(one: &Place, other: &Place) -> Option<String> {
    let (one, other) = (&one.probe.as_ref()?.what, &other.probe.as_ref()?.what);
    let both = |mark: fn(&Probe) -> Option<&String>| {
        let (one, other) = (mark(one)?, mark(other)?);
        (one == other).then(|| one.clone())
    };
    let by =
        |what: &str, mark: fn(&Probe) -> Option<&String>| both(mark).map(|mark| format!("{what} ({mark})"));
    by("the same place", |p| p.fingerprint.as_ref())
        .or_else(|| by("the same marker object", |p| p.marker.as_ref()))
        .or_else(|| by("the same device or service", |p| p.device.as_ref()))
        .or_else(|| by("the same machine", |p| p.machine.as_ref()))
}
