//! Half a year of fifty websites on a clock that is pushed: the plan as it is written into a real ledger, and what is judged by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use holdfast_ledger::{NewAction, PickBegun, PickDestroyed, Point};
use holdfast_model::verdict::{ControlVerdict, Observed, Verdict, assess};
use holdfast_world::fake::FakeClock;
use holdfast_world::{Clock, World};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::setup::Places;
use crate::validate;
use crate::verdicts::facts::of_tests;

const SITES: usize = 50;
const START: &str = "2026-08-27T12:00:00Z";

struct Company {
    _folder: TempDir,
    clock: Arc<FakeClock>,
    setup: Setup,
}

impl Company {
    fn new() -> Company {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let policy = holdfast_model::template::policy_example()
            .replace("sample = 5, classes", "sample = 5, untested_max = \"90d\", classes");
        assert!(policy.contains("untested_max"));
        fs::write(path.join("policy.toml"), policy).unwrap();
        let mut estate = format!(
            "[sites.london]\n[sites.manchester]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
             [locations.here]\nsite = \"london\"\nhost = \"nas1\"\nurl = \"{0}/here\"\n\
             [locations.there]\nsite = \"manchester\"\nhost = \"nas2\"\nurl = \"{0}/there\"\n",
            path.display()
        );
        for name in (0..SITES).map(name) {
            let site = path.join(&name);
            fs::create_dir(&site).unwrap();
            estate += &format!(
                "[assets.\"{name}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-{name}\"\npath = \"{}\"\n",
                site.display()
            );
        }
        fs::write(path.join("estate.toml"), estate).unwrap();
        let clock = Arc::new(FakeClock::new(START.parse().unwrap()));
        let world = World { clock: Arc::clone(&clock) as _, ..World::fake(7, START.parse().unwrap()) };
        let places = Places { config: path.to_owned(), state: path.join("state") };
        let loaded =
            validate::load(&places, &world, &Arc::default(), &(Arc::new(|_: &str| {}) as _)).unwrap();
        let setup = loaded.setup.unwrap();
        let company = Company { _folder: folder, clock, setup };
        company.enrol();
        company
    }

    /// Each site has three points, at both locations, and everything is written down.
    fn enrol(&self) {
        let ledger = self.setup.ledger().unwrap();
        let now = self.clock.now();
        let inventory = Observed::Inventory(verdicts::inventory_of(&self.setup.estate));
        verdicts::observe(ledger, &[inventory], now).unwrap();
        ledger
            .write(|t| {
                for (site, number) in (0..SITES).flat_map(|site| (0..3).map(move |number| (site, number))) {
                    let point = Point {
                        id: format!("{site:02}{number}{}", "ab".repeat(30)),
                        repository: format!("C-{}", name(site)),
                        asset: name(site),
                        dataset: "site".to_owned(),
                        kind: "incremental".to_owned(),
                        instant: now - SignedDuration::from_hours(24 * (3 - number)),
                        is_undated: false,
                    };
                    t.record_point(point.clone(), now)?;
                    t.see_copy(&point.id, "here", now)?;
                    // Of the last site nothing ever reaches the other place.
                    if site + 1 < SITES {
                        t.see_copy(&point.id, "there", now)?;
                    }
                }
                Ok(())
            })
            .unwrap();
    }

    fn until(&self, instant: Timestamp) {
        self.clock.advance(instant.duration_since(self.clock.now()).try_into().unwrap());
    }

    /// Plans what is drawn on the occasion that is open; every pick gets its result from `outcome`.
    fn test(&self, outcome: impl Fn(&str) -> Option<RestoreTestState>) -> Vec<TestedNow> {
        let reader = ledger(&self.setup).unwrap();
        let occasion = open_occasion(&self.setup, Exercised::Websites).unwrap();
        let id = plan::occasion(&self.setup, &reader, Exercised::Websites, &occasion).unwrap();
        let mut tested = Vec::new();
        for pick in reader.picks_of_test(&id).unwrap() {
            let action = NewAction {
                asset: Some(pick.picked.asset.clone()),
                ..action::by_us(&self.setup, holdfast_ledger::ActionKind::RestoreTest, None)
            };
            let entry = action::begin(&self.setup, action).unwrap();
            let begun = PickBegun {
                pick: pick.id.clone(),
                location: "there".to_owned(),
                beside: Vec::new(),
                staging: "memory".to_owned(),
                action: entry.id().to_owned(),
                destroy_by: self.clock.now() + SignedDuration::from_hours(24),
            };
            entry.end(Ending::Done, None).unwrap();
            action::of_a_test(&self.setup, TestStep::Begun(begun)).unwrap();
            if let Some(state) = outcome(&pick.picked.asset) {
                let failed =
                    if state == RestoreTestState::Successful { vec![] } else { vec!["loads".to_owned()] };
                let (details, screenshot_sha256) = (None, None);
                let end = PickEnd { pick: pick.id.clone(), state, failed, details, screenshot_sha256 };
                action::of_a_test(&self.setup, TestStep::Ended(end)).unwrap();
                let gone = PickDestroyed { pick: pick.id.clone(), files: 9, bytes: 900, failure: None };
                action::of_a_test(&self.setup, TestStep::Destroyed(gone)).unwrap();
            }
            tested.push(TestedNow {
                asset: pick.picked.asset,
                at: self.clock.now(),
                point: pick.picked.point,
            });
        }
        let redrawn = redraw(&self.setup, &id).unwrap();
        assert_eq!((redrawn.differences, redrawn.follows_from_the_log), (Vec::new(), Some(true)));
        tested
    }

    fn verdict(&self) -> ControlVerdict {
        let now = self.clock.now();
        let facts = of_tests(&self.setup, &ledger(&self.setup).unwrap(), now).unwrap();
        let controls = assess(&facts, now).unwrap().controls;
        controls.into_iter().find(|control| control.control == "TEST-01").unwrap()
    }
}

struct TestedNow {
    asset: String,
    at: Timestamp,
    point: Option<String>,
}

fn name(site: usize) -> String {
    format!("site{site:02}.example")
}

/// Mondays, some hours into the week.
fn week(number: i64) -> Timestamp {
    "2026-08-31T02:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(number * 7 * 24)
}

#[test]
fn half_a_year_of_fifty_sites_keeps_every_deadline() {
    let company = Company::new();
    let bare = name(SITES - 1);
    let well = |asset: &str| {
        Some(if asset == bare { RestoreTestState::Failed } else { RestoreTestState::Successful })
    };
    let mut tested: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for number in 0..26 {
        company.until(week(number));
        for one in company.test(well) {
            assert_eq!(
                one.point.is_none(),
                one.asset == bare,
                "what lies beside production alone is not drawn"
            );
            tested.entry(one.asset).or_default().push(one.at);
            points.extend(one.point.map(|point| point[2..3].to_owned()));
        }
    }
    assert_eq!(tested.len(), SITES);
    let longest = tested.values().map(|times| {
        let start = week(0);
        let ends = [week(26)];
        let all: Vec<Timestamp> = [start].into_iter().chain(times.iter().copied()).chain(ends).collect();
        all.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap()
    });
    assert!(longest.max().unwrap() <= SignedDuration::from_hours(90 * 24));
    assert_eq!(points.len(), 3, "each of the three points of a site may be drawn");
    // Every row is green but those of the site that nobody could restore, and of the week in which it was drawn.
    let verdict = company.verdict();
    let red: Vec<&str> =
        verdict.rows.iter().filter(|row| row.verdict.is_red()).map(|row| row.target.as_str()).collect();
    assert_eq!(red, ["websites", bare.as_str()], "{}", verdict.why);
}

#[test]
fn a_broken_dump_fails_its_site_and_a_result_that_is_missing_fails_the_week() {
    let company = Company::new();
    company.until(week(0));
    let broken = company.test(|_| Some(RestoreTestState::Failed)).remove(0).asset;
    let row = |verdict: &ControlVerdict, target: &str| {
        verdict.rows.iter().find(|row| row.target == target).unwrap().verdict
    };
    let verdict = company.verdict();
    assert_eq!((verdict.verdict, row(&verdict, &broken)), (Verdict::Fail, Verdict::Fail));
    company.until(week(1));
    let mut first = None;
    let chosen = company.test(|asset| (asset != broken).then_some(RestoreTestState::Successful));
    for one in chosen {
        first.get_or_insert(one.asset);
    }
    assert!(first.is_some());
    // While the week goes on, a result may still come.
    assert_eq!(row(&company.verdict(), "websites"), Verdict::Fail, "{}", company.verdict().why);
    company.until(week(2));
    let verdict = company.verdict();
    assert_eq!(row(&verdict, "websites"), Verdict::Fail);
    let told = verdict.rows.iter().find(|row| row.target == "websites").unwrap();
    assert!(told.why.contains("have no result"), "{}", told.why);
    // A week without a test at all.
    company.until(week(3));
    let verdict = company.verdict();
    let told = verdict.rows.iter().find(|row| row.target == "websites").unwrap();
    assert!(told.why.contains("no restore test was made in"), "{}", told.why);
}

#[test]
fn an_occasion_counts_only_when_it_opened_after_all_was_written_down() {
    let company = Company::new();
    let reader = ledger(&company.setup).unwrap();
    let open = || open_occasion(&company.setup, Exercised::Websites).unwrap();
    assert!(!counts(&company.setup, &reader, Exercised::Websites, &open()).unwrap());
    company.until(week(0));
    assert!(counts(&company.setup, &reader, Exercised::Websites, &open()).unwrap());
    assert!(is_left(&reader, Exercised::Websites, &open()).unwrap());
    company.test(|_| Some(RestoreTestState::Successful));
    assert!(!is_left(&reader, Exercised::Websites, &open()).unwrap());
    assert!(open_occasion(&company.setup, Exercised::Whmcs).is_some());
}
