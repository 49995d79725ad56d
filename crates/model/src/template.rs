//! The files that `holdfast init` writes.

/// A policy for any company: the usual rules, with placeholders for the company and its contact.
pub fn policy() -> &'static str {
    include_str!("../templates/policy.toml")
}

/// The policy of the company that holdfast was first built for.
pub fn policy_example() -> String {
    let example = include_str!("../templates/example-header.toml");
    let (_, rules) = policy().split_once(RULES_START).expect("the template holds the mark");
    format!("{example}{RULES_START}{rules}")
}

/// An estate in which everything is explained and nothing is declared yet.
pub fn estate() -> &'static str {
    include_str!("../templates/estate.toml")
}

/// Where the company's own part of the policy ends.
const RULES_START: &str = "# 1. Purpose";
