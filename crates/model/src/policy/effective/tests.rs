//! Whoever is strictest wins, and everybody who spoke is named.

use super::*;
use crate::{read_policy, template};

fn policy(added: &str) -> Policy {
    let checked = read_policy("policy.toml", &(template::policy_example() + added));
    checked.value.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn keys(origins: &[Origin]) -> Vec<&str> {
    origins.iter().map(|origin| origin.key.as_str()).collect()
}

#[test]
fn a_line_that_says_nothing_of_encryption_gets_it_from_the_sections_that_do() {
    let policy = policy("");
    let website = policy.effective(Class::Website, Dataset::Site).unwrap();
    let encrypted = website.encrypted.unwrap();
    assert!(encrypted.value);
    assert_eq!(keys(&encrypted.origins), ["storage.at_rest", "compliance.encryption"]);
    assert_eq!(keys(&website.offsite.unwrap().origins), ["storage.copies"]);
    let database = policy.effective(Class::Whmcs, Dataset::Database).unwrap();
    assert_eq!(
        keys(&database.encrypted.unwrap().origins),
        ["schedule.whmcs.database", "storage.at_rest", "compliance.encryption"]
    );
    assert_eq!(database.rpo.unwrap().origins[0].sentences[0].to_string(), "7.3");
}

#[test]
fn of_a_class_and_its_part_the_stricter_rule_wins_value_by_value() {
    let policy = policy(
        "[schedule.plesk.mail]\nsentence = \"4.2\"\nincremental = \"hourly\"\nfull = \"monthly\"\n\
         retention = { min_days = 20, max_days = 60, grace = \"6h\" }\noffsite = false\n",
    );
    let mail = policy.effective(Class::Plesk, Dataset::Mail).unwrap();
    assert_eq!(
        (mail.incremental.value, keys(&mail.incremental.origins)),
        (Cadence::Hourly, vec!["schedule.plesk.mail"])
    );
    assert_eq!(mail.incremental.overruled[0].0, Cadence::Daily);
    let full = mail.full.unwrap();
    assert_eq!((full.value, keys(&full.origins)), (Cadence::Weekly, vec!["schedule.plesk"]));
    assert_eq!((mail.days_min.value, mail.days_max.value), (30, 30));
    assert_eq!(keys(&mail.days_max.origins), ["schedule.plesk"]);
    assert_eq!(mail.grace.value, Duration::from_secs(6 * 3600));
    assert!(mail.offsite.as_ref().unwrap().value, "somebody promised a copy elsewhere");
    assert_eq!(mail.offsite.unwrap().overruled[0].1.key, "schedule.plesk.mail");
    let merged = policy.schedule_of(Class::Plesk, Dataset::Mail).unwrap().value;
    assert_eq!(
        (merged.incremental, merged.retention.max_days, merged.offsite),
        (Cadence::Hourly, 30, Some(true))
    );
    let databases = policy.schedule_of(Class::Plesk, Dataset::Databases).unwrap().value;
    assert_eq!(databases.incremental, Cadence::Daily);
}

#[test]
fn promises_that_no_age_can_keep_are_refused() {
    let text = template::policy_example()
        + "[schedule.plesk.mail]\nsentence = \"4.2\"\nincremental = \"daily\"\nretention = 10\n";
    let checked = read_policy("policy.toml", &text);
    let errors: Vec<_> = checked.errors().collect();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].code.as_str(), &text[errors[0].span.clone()]), ("policy.contradiction", "mail"));
    assert!(errors[0].message.contains("schedule.plesk keeps points for 30 days"), "{}", errors[0].message);
}

#[test]
fn an_objective_may_be_for_some_parts_only() {
    let text = template::policy_example()
        .replace("objective = \"1h\" }", "objective = \"1h\", datasets = [\"database\"] }");
    let policy = read_policy("policy.toml", &text).value.unwrap();
    assert!(policy.effective(Class::Whmcs, Dataset::Database).unwrap().rpo.is_some());
    assert!(policy.effective(Class::Whmcs, Dataset::Files).unwrap().rpo.is_none());
    assert!(policy.objective_of(Class::Whmcs, Dataset::Files).is_none());
}

#[test]
fn every_rule_of_the_file_is_listed_with_its_place() {
    let text = template::policy_example();
    let policy = read_policy("policy.toml", &text).value.unwrap();
    let rules = policy.rules();
    assert_eq!(rules.len(), text.matches("sentence = ").count());
    for rule in rules {
        let name = &text[rule.span.range()];
        assert!(rule.key.split('.').any(|part| part == name), "{} is not at {name:?}", rule.key);
    }
}
