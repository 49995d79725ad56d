//! One hole at a time: a policy without any, and for each rule the change that opens exactly that one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::slot::LastsBasis;
use crate::{read_estate, read_policy, template};

const DECIDED: &str = include_str!("../../tests/decided.toml");
const SPRING: &str = "2026-03-01T09:00:00Z";

fn lint_all(text: &str, estate: Option<&str>, now: &str) -> Vec<LintFinding> {
    let checked = read_policy("policy.toml", text);
    let policy = checked.value.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let estate = estate.map(|text| read_estate("estate.toml", text).value.unwrap());
    let now = now.parse().unwrap();
    let measured = BTreeMap::new();
    lint(&LintInput { policy: &policy, estate: estate.as_ref(), measured: &measured, last_review: None, now })
}

fn ids(findings: &[LintFinding]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.rule).collect()
}

/// Each rule with the change that opens its hole.
const HOLES: [(&str, &str, &str); 30] = [
    ("Q1", "objective = \"2h\"", "objective = \"1h\""),
    ("Q1", "objective = \"2h\"", "objective = \"79m\""),
    (
        "Q2",
        "rpo.website = { sentence = \"7.4\", objective = \"26h\" }",
        "rpo.website = { sentence = \"7.4\", objective = \"24h\" }",
    ),
    ("Q3", "zone = \"UTC\"", "zone = \"Europe/London\""),
    ("Q4", "objective = \"2h\", datasets = [\"database\"]", "objective = \"2h\""),
    ("Q5", "rpo.plesk = { sentence = \"7.4\", objective = \"26h\" }\n", ""),
    ("Q5", "objective = \"4h\", classes = [\"vm\", \"plesk\", \"whmcs\", \"website\"]", "objective = \"4h\""),
    ("Q7", "min_days = 30, max_days = 61", "min_days = 56, max_days = 61"),
    ("Q8", "min_days = 30, max_days = 75", "min_days = 30, max_days = 60"),
    ("Q9", "encrypted = true\n\n[schedule.plesk]", "\n[schedule.plesk]"),
    ("Q10", "max_days = 90, choose = \"max\"", "max_days = 90"),
    ("Q11", "holds = { sentence = \"8.2\", review = \"90d\" }\n", ""),
    (
        "Q12",
        "systems.panel = { available = true, enabled = true,",
        "systems.panel = { available = true, enabled = false,",
    ),
    ("Q12", "enabled = false, evidence = \"their support, ticket 8812\"", "enabled = false"),
    ("Q12", "sentence = \"5.6\"\nrequired = true", "sentence = \"5.6\"\nrequired = false"),
    ("Q13", "required = true, identity = \"physical\"", "required = true"),
    ("Q14", "distance_km_min = 50, ", ""),
    ("Q14", ", outside_production_min = 1", ""),
    ("Q15", "sample = 5, ", ""),
    ("Q15", "untested_max = \"90d\", ", ""),
    (
        "Q16",
        "every = \"quarterly\", classes = [\"vm\", \"plesk\", \"whmcs\", \"website\"]",
        "every = \"quarterly\", classes = [\"plesk\", \"vm\"]",
    ),
    ("Q17", "effective = \"2026-01-31\"", "effective = \"2025-08-27\""),
    ("Q17", "interval = { sentence = \"10.1\", months = 6 }\n", ""),
    ("Q18", "effective = \"2026-01-31\"", "effective = \"02/01/2026\""),
    ("Q18", "updated = \"2026-01-31\"", "updated = \"01/02/2026\""),
    ("Q19", "\"registrars\", \"cron\"]", "\"registrars\"]"),
    (
        "Q20",
        "staging = { sentence = \"9.2\", encrypted = true, logged = true, excluded_from_backups = true, ttl = \"24h\" }\n",
        "",
    ),
    ("Q20", "encrypted = true, logged = true, excluded", "encrypted = true, logged = false, excluded"),
    ("R1", "approved_by = \"D. Okafor\"\n", ""),
    (
        "R2",
        "assume = { capture = \"10m\", copy = \"10m\" }\n\n[schedule.vm]",
        "[schedule.vm]\nassume = { capture = \"25h\", copy = \"1m\" }",
    ),
];

#[test]
fn a_policy_without_holes_has_no_findings() {
    let findings = lint_all(DECIDED, None, SPRING);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn each_hole_is_found_by_its_own_rule_and_by_no_other() {
    for (rule, old, new) in HOLES {
        assert_eq!(DECIDED.matches(old).count(), 1, "{rule}: {old}");
        let found = lint_all(&DECIDED.replace(old, new), None, SPRING);
        // Where nothing can keep an objective, nothing literal can either.
        let others: &[&str] = if rule == "R2" { &["Q2"] } else { &[] };
        let expected: BTreeSet<&str> = others.iter().copied().chain([rule]).collect();
        assert_eq!(ids(&found), expected, "{rule}: {new:?}: {found:#?}");
    }
}

#[test]
fn one_number_of_days_is_two_holes_and_a_third_for_a_chain() {
    let edited = |old: &str, new: &str| ids(&lint_all(&DECIDED.replace(old, new), None, SPRING));
    let files = edited("{ min_days = 30, max_days = 62, choose = \"max\" }", "30");
    assert_eq!(files, BTreeSet::from(["Q11", "Q6"]));
    let plesk = edited("{ min_days = 30, max_days = 61, choose = \"max\" }", "30");
    assert_eq!(plesk, BTreeSet::from(["Q11", "Q6", "Q7"]));
}

#[test]
fn every_rule_has_a_hole_in_these_tests() {
    let tried: BTreeSet<&str> = HOLES.iter().map(|(rule, _, _)| *rule).chain(["Q6", "R3", "R4"]).collect();
    let rules: BTreeSet<&str> = LINT_RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, rules);
}

#[test]
fn findings_have_their_sum_their_place_and_a_way_out() {
    for (_, old, new) in HOLES {
        let text = DECIDED.replace(old, new);
        for finding in lint_all(&text, None, SPRING) {
            assert!(!finding.message.is_empty() && !finding.hint.is_empty() && !finding.holdfast.is_empty());
            assert!(!finding.arithmetic.is_empty() || ["R1", "Q17"].contains(&finding.rule), "{finding:?}");
            assert!(!finding.sentences.is_empty());
            assert!(text.get(finding.span.range()).is_some_and(|at| !at.is_empty()), "{finding:?}");
        }
    }
}

#[test]
fn the_policy_as_written_shows_what_it_leaves_open() {
    let text = template::policy_example();
    let findings = lint_all(&text, None, "2026-11-23T12:00:00Z");
    // Its dates can be read in one way only (Q18), and what it assumes lets a schedule keep each objective (R2).
    let expected = [
        "Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Q9", "Q10", "Q11", "Q12", "Q13", "Q14", "Q15",
        "Q16", "Q17", "Q19", "Q20", "R1",
    ];
    assert_eq!(ids(&findings), BTreeSet::from(expected));
    let of = |rule: &str| -> Vec<&LintFinding> { findings.iter().filter(|f| f.rule == rule).collect() };
    let sums = |rule: &str| of(rule).iter().flat_map(|f| f.arithmetic.clone()).collect::<Vec<_>>().join("\n");
    assert!(sums("Q1").starts_with("1h + capture 10m + copy 10m = 1h 20m > 1h"), "{}", sums("Q1"));
    assert!(
        of("Q1")[0].holdfast.contains("every 30m: 30m + capture 10m + copy 10m = 50m ≤ 1h, 10m to spare")
    );
    assert_eq!(of("Q1")[0].sentences.iter().map(ToString::to_string).collect::<Vec<_>>(), ["4.3", "7.3"]);
    assert!(sums("Q2").contains("1d + capture 10m + copy 10m = 1d 20m > 1d"), "{}", sums("Q2"));
    assert!(sums("Q3").contains("2027-10-31"), "{}", sums("Q3"));
    assert_eq!(of("Q5").len(), 3, "vm, plesk, and the time to recover");
    assert!(sums("Q7").contains("30 d + 6 d = 36 d > 30 d"), "{}", sums("Q7"));
    assert!(sums("Q7").contains("points down to 24 d cannot be restored"), "{}", sums("Q7"));
    assert!(of("Q8")[0].message.contains("60 days leave 0 d of room"), "{}", of("Q8")[0].message);
    assert!(of("Q9").iter().any(|f| f.message.starts_with("website:")));
    assert!(of("Q17")[0].message.contains("269 days"), "{}", of("Q17")[0].message);
    assert!(
        sums("Q17").contains("27/08/2025 + 6 months = 27/02/2026; today is 23/11/2026"),
        "{}",
        sums("Q17")
    );
}

#[test]
fn only_a_recorded_review_clears_the_overdue_one() {
    let text = DECIDED.replace("effective = \"2026-01-31\"", "effective = \"2025-08-27\"");
    let overdue = |text: &str, last_review: Option<&str>, now: &str| {
        let policy = read_policy("policy.toml", text).value.unwrap();
        let last_review = last_review.map(|day| day.parse().unwrap());
        let (measured, now) = (BTreeMap::new(), now.parse().unwrap());
        let input = LintInput { policy: &policy, estate: None, measured: &measured, last_review, now };
        ids(&lint(&input)).contains("Q17")
    };
    assert!(!overdue(&text, None, "2026-02-27T23:59:59Z"), "due is not overdue");
    assert!(overdue(&text, None, "2026-02-28T00:00:00Z"));
    let touched = text.replace("updated = \"2026-01-31\"", "updated = \"2026-02-27\"");
    assert!(overdue(&touched, None, "2026-02-28T00:00:00Z"));
    assert!(!overdue(&text, Some("2026-02-20"), "2026-08-20T00:00:00Z"));
    assert!(overdue(&text, Some("2026-02-20"), "2026-08-21T00:00:00Z"));
    // Six months after the last day of August is the last day of February.
    assert!(!overdue(&text, Some("2027-08-31"), "2028-02-29T12:00:00Z"));
    assert!(overdue(&text, Some("2027-08-31"), "2028-03-01T00:00:00Z"));
}

#[test]
fn measured_durations_take_the_place_of_assumed_ones() {
    let policy = read_policy("policy.toml", DECIDED).value.unwrap();
    let lasts = |minutes: u64| Lasts {
        capture: Duration::from_secs(minutes * 60),
        copy: Duration::from_secs(60),
        basis: LastsBasis::Measured { samples: 250 },
    };
    let found = |minutes| {
        let measured = BTreeMap::from([((Class::Whmcs, Dataset::Database), lasts(minutes))]);
        let now = SPRING.parse().unwrap();
        let input = LintInput { policy: &policy, estate: None, measured: &measured, last_review: None, now };
        ids(&lint(&input))
    };
    assert_eq!(found(5), BTreeSet::new());
    // 60 + 59 + 1 minutes are two hours exactly, but no interval leaves room for such a capture.
    assert_eq!(found(59), BTreeSet::from(["R2"]));
    assert_eq!(found(60), BTreeSet::from(["Q1", "R2"]));
}

#[test]
fn an_estate_makes_the_sums_its_own() {
    let site = |name: &str, place: &str| format!("[sites.{name}]\n{place}\n");
    let location = |name: &str, site: &str, url: &str| {
        format!("[locations.{name}]\nsite = \"{site}\"\nhost = \"{name}\"\nurl = \"{url}\"\n")
    };
    let london = site("london", "latitude = 51.51\nlongitude = -0.13");
    let near = site("croydon", "latitude = 51.37\nlongitude = -0.10");
    let far = site("manchester", "latitude = 53.48\nlongitude = -2.24");
    let two = |second: &str, name: &str| {
        format!("{london}{second}{}{}", location("a", "london", "/srv/a"), location("b", name, "/srv/b"))
    };
    let found = |policy: &str, estate: &str| lint_all(policy, Some(estate), SPRING);
    assert!(found(DECIDED, &two(&far, "manchester")).is_empty());
    let close = found(DECIDED, &two(&near, "croydon"));
    assert_eq!(ids(&close), BTreeSet::from(["Q14"]));
    assert!(close[0].arithmetic[0].contains("16 km < 50 km"), "{:?}", close[0].arithmetic);
    let unknown = found(DECIDED, &two(&site("depot", ""), "depot"));
    assert!(unknown[0].arithmetic[0].contains("fewer than two sites"));
    // Locks matter only where a location can lock.
    let single = DECIDED.replace("{ min_days = 30, max_days = 62, choose = \"max\" }", "30");
    assert_eq!(ids(&found(&single, &two(&far, "manchester"))), BTreeSet::from(["Q6"]));
    let bucket = two(&far, "manchester").replace("/srv/b", "s3://b/p?endpoint=https://s3.example&region=eu");
    assert_eq!(ids(&found(&single, &bucket)), BTreeSet::from(["Q11", "Q6"]));
    let renewed = |estate: &str| {
        let found = found(&single, estate);
        found.iter().any(|finding| finding.arithmetic.iter().any(|sum| sum.contains("no day of slack")))
    };
    let locking = bucket.replace("url = \"s3:", "object_lock = \"compliance\"\nurl = \"s3:");
    assert!(!renewed(&bucket) && renewed(&locking), "{locking}");
}

#[test]
fn what_the_estate_names_and_nothing_backs_up_is_a_hole() {
    let host = "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n";
    let shop = "[assets.shop]\nclass = \"website\"\nhost = \"web1\"\npath = \"/var/www/shop\"\n";
    let machine = "[assets.kvm1]\nclass = \"vm\"\nhost = \"web1\"\n";
    let found = |estate: &str| {
        let of_rule = lint_all(DECIDED, Some(estate), SPRING).into_iter().filter(|f| f.rule == "R3");
        of_rule.collect::<Vec<_>>()
    };
    assert!(found(&format!("{host}{shop}")).is_empty());
    let unbuilt = found(&format!("{host}{shop}{machine}"));
    assert!(unbuilt[0].arithmetic[0].contains("kvm1 is of the class vm"), "{unbuilt:?}");
    assert_eq!(unbuilt[0].sentences.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2.1"]);
    let empty = found(host);
    assert!(empty[0].arithmetic[0].contains("no asset lies on the host web1"), "{empty:?}");
}

#[test]
fn a_window_that_is_too_short_for_its_objective_or_its_work_is_a_hole() {
    let with = |window: &str, cadence: &str, objective: &str| {
        let (before, rest) = DECIDED.split_once("[schedule.website]").unwrap();
        let website =
            rest.replacen("incremental = \"daily\"", &format!("{window}incremental = \"{cadence}\""), 1);
        format!("{before}[schedule.website]{website}").replace(
            "rpo.website = { sentence = \"7.4\", objective = \"26h\" }",
            &format!("rpo.website = {{ sentence = \"7.4\", objective = \"{objective}\" }}"),
        )
    };
    let night = "window = \"23:00-03:00\"\n";
    let found = |text: &str, estate: Option<&str>| {
        let of_rule = lint_all(text, estate, SPRING).into_iter().filter(|f| f.rule == "R4");
        of_rule.flat_map(|f| [vec![f.message], f.arithmetic].concat()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found(&with("", "daily", "26h"), None), "");
    // A day and the window, and the work: one run as it opens, the next just before it closes.
    assert_eq!(found(&with(night, "daily", "28h20m"), None), "");
    let short = found(&with(night, "daily", "28h"), None);
    assert!(short.contains("24h + window 4h + capture 10m + copy 10m = 28h 20m > 28h"), "{short}");
    let never = found(&with(night, "hourly", "28h20m"), None);
    assert!(never.contains("closed for 20h ≥ 1h"), "{never}");
    // Two at once on a host, 20 minutes each: twelve rounds begin within four hours, a thirteenth as it closes.
    let estate = |count: usize| {
        let site = |n: usize| {
            format!("[assets.s{n}]\nclass = \"website\"\nhost = \"web1\"\npath = \"/var/www/s{n}\"\n")
        };
        let sites: String = (0..count).map(site).collect();
        format!("[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n{sites}")
    };
    let nightly = with(night, "daily", "30h");
    assert_eq!(found(&nightly, Some(&estate(24))), "");
    let crowded = found(&nightly, Some(&estate(25)));
    assert!(crowded.contains("13 rounds of 20m each: the last begins 4h after the first"), "{crowded}");
    let wider = nightly.replacen(
        "[schedule]\n",
        "[schedule]\nlimits = { runs = 8, per_host = 4, per_location = 8 }\n",
        1,
    );
    assert_ne!(wider, nightly);
    assert_eq!(found(&wider, Some(&estate(25))), "");
}

#[test]
fn a_sample_that_cannot_keep_the_day_is_told_with_the_number_that_would() {
    let few = DECIDED
        .replace("sample = 5", "sample = 2")
        .replace("untested_max = \"90d\"", "untested_max = \"28d\"");
    assert_ne!(few, DECIDED);
    let host = "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n";
    let estate = |sites: usize| {
        let site = |n| {
            format!("[assets.\"s{n}.example\"]\nclass = \"website\"\nhost = \"web1\"\npath = \"/s{n}\"\n")
        };
        format!("{host}{}", (0..sites).map(site).collect::<String>())
    };
    let found = |sites| {
        let found = lint_all(&few, Some(&estate(sites)), SPRING);
        found.into_iter().find(|finding| finding.rule == "Q15")
    };
    assert!(found(8).is_none());
    let told = found(9).unwrap();
    assert!(told.arithmetic[0].contains("3 at a time are needed"), "{:?}", told.arithmetic);
}
