//! What must come out when everything goes well, and what must show when it does not.

use super::*;
use crate::{read_policy, template};

const MIB: u64 = 1 << 20;

fn policy() -> Policy {
    read_policy("policy.toml", &template::policy_example()).value.unwrap()
}

fn scenario() -> Scenario {
    Scenario {
        start: Date::constant(2027, 10, 1),
        years: 1,
        assets: 5,
        outages: Vec::new(),
        bandwidth_bytes_s: 100 * MIB,
        growth_percent: 20.0,
        failures_permille: 0,
    }
}

fn fleet<'s>(simulation: &'s Simulation, class: &str, dataset: &str) -> &'s FleetResult {
    simulation.fleets.iter().find(|fleet| fleet.class == class && fleet.dataset == dataset).unwrap()
}

#[test]
fn a_quiet_year_keeps_every_objective_over_both_changes_of_the_clocks() {
    let simulation = simulate(&policy(), &scenario()).unwrap();
    let whats: Vec<&str> = simulation.calendar.iter().map(|day| day.what.as_str()).collect();
    assert_eq!(whats, ["25 hours", "leap day", "23 hours"]);
    for fleet in &simulation.fleets {
        assert!(fleet.is_accounted());
        // One in a hundred takes longer than the 99th percentile, and still less than what is to spare.
        if fleet.objective_s.is_some() {
            assert_eq!((fleet.broken, fleet.within_percent), (0, Some(100.0)), "{fleet:?}");
        }
        assert_eq!(fleet.missed, 0, "{fleet:?}");
    }
    let whmcs = fleet(&simulation, "whmcs", "database");
    assert!(whmcs.worst_age_s <= 3600 && whmcs.worst_age_s > 1800, "{whmcs:?}");
    // Hours, half hours and days of 366 days.
    assert!((26_700..=27_000).contains(&whmcs.expected), "{}", whmcs.expected);
}

#[test]
fn points_leave_after_their_maximum_and_never_before() {
    let simulation = simulate(&policy(), &scenario()).unwrap();
    for (class, dataset, max) in
        [("website", "site", 60), ("plesk", "mail", 30), ("whmcs", "database", 90), ("vm", "disks", 90)]
    {
        let fleet = fleet(&simulation, class, dataset);
        assert!(fleet.oldest_days <= max, "{fleet:?}");
        assert!(fleet.youngest_destroyed_days.unwrap() >= max, "{fleet:?}");
        assert_eq!(fleet.exempt, 0);
    }
}

#[test]
fn an_outage_shows_in_slots_and_ages_and_leaves_the_last_way_back() {
    let outage = Outage { from: Date::constant(2028, 1, 10), lasts: Duration::from_secs(100 * 86_400) };
    let simulation = simulate(&policy(), &Scenario { outages: vec![outage], ..scenario() }).unwrap();
    for fleet in &simulation.fleets {
        assert!(fleet.is_accounted());
        assert!(fleet.missed > 100 && fleet.worst_age_s > 99 * 86_400, "{fleet:?}");
    }
    let website = fleet(&simulation, "website", "site");
    assert_eq!(website.broken, website.assets);
    let within = website.within_percent.unwrap();
    assert!((70.0..73.0).contains(&within), "{within}");
    assert!(website.exempt > 30, "past 60 days the last point is kept, and said to be: {website:?}");
    let day = website.age_by_day_s.iter().position(|age| *age == website.worst_age_s).unwrap();
    assert!((195..205).contains(&day), "the worst day is the last of the outage: {day}");
}

#[test]
fn a_line_that_is_too_thin_breaks_objectives_and_says_how_long_copies_wait() {
    let thin = Scenario { bandwidth_bytes_s: 20_000, ..scenario() };
    let simulation = simulate(&policy(), &thin).unwrap();
    assert!(simulation.fleets.iter().any(|fleet| fleet.broken > 0));
    assert!(simulation.days.iter().any(|day| day.waited_s > 86_400));
    let wide = simulate(&policy(), &scenario()).unwrap();
    assert!(
        wide.days.iter().all(|day| day.waited_s < 600),
        "{:?}",
        wide.days.iter().map(|d| d.waited_s).max()
    );
}

#[test]
fn a_recovery_takes_tier_after_tier() {
    let simulation = simulate(&policy(), &scenario()).unwrap();
    let tiers = &simulation.recovery.tiers;
    assert_eq!(tiers.iter().map(|tier| tier.class).collect::<Vec<_>>(), ["vm", "plesk", "whmcs", "website"]);
    assert!(tiers.windows(2).all(|pair| pair[1].done_s == pair[0].done_s + pair[1].takes_s));
    assert_eq!(simulation.recovery.objective_s, Some(4 * 3600));
    let grown = simulate(&policy(), &Scenario { growth_percent: 100.0, ..scenario() }).unwrap();
    assert!(grown.recovery.tiers[0].bytes > tiers[0].bytes);
    assert!(grown.days[360].stored_bytes > simulation.days[360].stored_bytes);
}

#[test]
fn failures_are_made_up_for_and_two_runs_agree() {
    let failing = Scenario { failures_permille: 50, ..scenario() };
    let first = simulate(&policy(), &failing).unwrap();
    assert_eq!(first, simulate(&policy(), &failing).unwrap());
    let whmcs = fleet(&first, "whmcs", "database");
    assert!(
        whmcs.late > 0 && whmcs.is_accounted(),
        "a retry costs a quarter of an hour of thirty minutes: {whmcs:?}"
    );
}

#[test]
fn every_number_of_assets_is_shared_out_whole() {
    for assets in [0, 1, 2, 3, 4, 5, 99, 100, 250, 10_000] {
        let sum: u32 = Class::ALL.into_iter().map(|class| share(class, assets)).sum();
        assert_eq!(sum, assets);
    }
}

#[test]
fn a_window_moves_the_runs_into_it() {
    let text = template::policy_example().replacen(
        "sentence = \"4.5\"\nincremental",
        "sentence = \"4.5\"\nwindow = \"01:00-05:00\"\nincremental",
        1,
    );
    let policy = read_policy("policy.toml", &text).value.unwrap();
    let simulation = simulate(&policy, &scenario()).unwrap();
    let site = fleet(&simulation, "website", "site");
    assert_eq!((site.missed, site.interval_s), (0, None), "{site:?}");
    // From one o'clock to one o'clock, with the hour by which one day is longer, and the work.
    assert!((24 * 3600..26 * 3600).contains(&site.worst_age_s), "{site:?}");
    // All that was promised is broken by that, each day.
    assert!(site.within_percent.is_some_and(|percent| percent < 100.0), "{site:?}");
}
