//! The document says what the rules say, and changes when they do.

use super::*;
use crate::{SENTENCES, read_policy, template};

fn rendered(text: &str) -> (String, String) {
    let checked = read_policy("policy.toml", text);
    let policy = checked.value.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let document = document(&policy, None);
    (markdown(&document), html(&document))
}

#[test]
fn every_number_of_the_rules_is_in_the_document() {
    let (markdown, html) = rendered(&template::policy_example());
    for expected in [
        "Ace Intl Media Ltd",
        "27 August 2025",
        "27 February 2026",
        "30 to 90 days",
        "30 to 60 days",
        "Every 30 minutes",
        "Every 12 hours",
        "Every 24 hours",
        "at 2 or more locations, at least 50 km apart",
        "AES-256",
        "Within 4 hours",
        "within 48 hours",
        "every 6 months",
        "16568627",
        "+44 1342 621126",
        "support@aceintlmedia.com",
    ] {
        assert!(markdown.contains(expected), "{expected}: {markdown}");
        assert!(html.contains(expected), "{expected}");
    }
}

#[test]
fn a_changed_rule_changes_the_document() {
    let text = template::policy_example();
    let (before, _) = rendered(&text);
    for (old, new, expected) in [
        ("objective = \"4h\"", "objective = \"90m\"", "Within 90 minutes"),
        ("max_days = 60", "max_days = 75", "30 to 75 days"),
        ("locations_min = 2", "locations_min = 3", "at 3 or more locations"),
        ("sample = 5", "sample = 12", "restore 12 websites"),
        (
            "rpo.whmcs = { sentence = \"7.3\", objective = \"1h\" }",
            "rpo.whmcs = { sentence = \"7.3\", objective = \"3h\" }",
            "| 3 hours |",
        ),
        ("version = 1", "version = 1\napproved_by = \"M. Lindqvist\"", "Approved by: M. Lindqvist"),
    ] {
        assert!(!before.contains(expected), "{expected}");
        let (after, _) = rendered(&text.replace(old, new));
        assert!(after.contains(expected), "{expected}: {after}");
    }
}

#[test]
fn every_sentence_is_named_but_for_those_that_the_head_and_foot_speak_for() {
    let (markdown, _) = rendered(&template::policy_example());
    let numbers: Vec<&str> = markdown.split(|c: char| !c.is_ascii_digit() && c != '.').collect();
    let missing: Vec<String> = SENTENCES
        .iter()
        .map(|sentence| sentence.id.to_string())
        .filter(|id| !numbers.contains(&id.as_str()))
        .collect();
    assert_eq!(missing, ["0.1", "0.3"], "dates stand in the head, the contact in its own section");
}

#[test]
fn what_people_write_is_never_markup() {
    let nasty = "A <b>bold</b> | `Co` & [Sons](x)";
    let text = template::policy_example()
        .replace("company = \"Ace Intl Media Ltd\"", &format!("company = '{nasty}'"));
    let (markdown, html) = rendered(&text);
    assert!(html.contains("A &lt;b&gt;bold&lt;/b&gt; | `Co` &amp; [Sons](x)"));
    assert!(!html.contains("<b>"));
    assert!(markdown.contains("A \\<b\\>bold\\</b\\> \\| \\`Co\\` \\& \\[Sons\\](x)"), "{markdown}");
}

#[test]
fn tables_have_as_many_cells_as_columns_and_tags_are_closed() {
    let (markdown, html) = rendered(&template::policy_example());
    let mut columns = None;
    for line in markdown.lines() {
        let bars = line.starts_with('|').then(|| line.matches('|').count());
        if let (Some(before), Some(now)) = (columns, bars) {
            assert_eq!(before, now, "{line}");
        }
        columns = bars;
    }
    for tag in
        ["section", "table", "tr", "td", "th", "ul", "ol", "li", "p", "dl", "small", "header", "footer"]
    {
        let opened = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}
