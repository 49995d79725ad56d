//! What the estate names and nothing backs up.
//!
//! A thing that is declared looks cared for. Where this version has no driver for its class, or no rule of the policy covers
//! it, nothing would ever run, and nothing would ever be missed either; so it is listed. Only what the files themselves show
//! can be listed here: what stands on a machine and in no file, nobody told us of.

use crate::estate::{Estate, Settings, Span};
use crate::{Class, Dataset, Policy};

/// Something that nothing backs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprotected {
    /// Its name: an asset, or a host.
    pub name: String,
    /// Its class; of a host, none.
    pub class: Option<Class>,
    /// Why.
    pub why: Why,
    /// Where its name stands in the estate's file.
    pub span: Span,
}

/// Why nothing backs something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no driver for its class.
    NotBuilt,
    /// No rule of the policy covers this part of it.
    NoSchedule(Dataset),
    /// The machine has no asset.
    NoAssets,
}

impl Unprotected {
    /// For people.
    pub fn words(&self) -> String {
        let class = self.class.map_or("", Class::as_str);
        match self.why {
            Why::NotBuilt => {
                format!("{} is of the class {class}, which this version cannot back up", self.name)
            }
            Why::NoSchedule(Dataset::Site) => format!("no rule of the policy covers {}", self.name),
            Why::NoSchedule(dataset) => format!("no rule of the policy covers {} ({dataset})", self.name),
            Why::NoAssets => format!("no asset lies on the host {}", self.name),
        }
    }
}

/// Everything that the estate names and nothing backs up, by name.
pub fn unprotected(policy: &Policy, estate: &Estate) -> Vec<Unprotected> {
    let mut found = Vec::new();
    for asset in estate.assets.values() {
        let class = asset.class();
        let mut add = |why| {
            let (name, span) = (asset.name.to_string(), asset.span.clone());
            found.push(Unprotected { name, class: Some(class), why, span });
        };
        if matches!(asset.settings, Settings::NotBuilt(_)) {
            add(Why::NotBuilt);
        }
        let uncovered = class.datasets().iter().filter(|part| policy.schedule_of(class, **part).is_none());
        uncovered.for_each(|part| add(Why::NoSchedule(*part)));
    }
    for (name, host) in &estate.hosts {
        if !estate.assets.values().any(|asset| asset.host == *name) {
            let (name, span) = (name.to_string(), host.span.clone());
            found.push(Unprotected { name, class: None, why: Why::NoAssets, span });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{read_estate, read_policy, template};

    #[test]
    fn what_is_named_and_not_backed_up_is_listed_with_its_reason() {
        let estate = "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
                      [hosts.spare]\nsite = \"london\"\nconnect = \"local\"\n\
                      [assets.shop]\nclass = \"website\"\nhost = \"web1\"\npath = \"/var/www/shop\"\n\
                      [assets.kvm1]\nclass = \"vm\"\nhost = \"web1\"\n\
                      [assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"/var/www/whmcs\"\n\
                      database = { name = \"whmcs\", socket = \"/run/s\", credentials = { env = \"DB\" } }\n";
        let estate = read_estate("estate.toml", estate).value.unwrap();
        let policy = template::policy_example();
        let listed = |policy: &str| {
            let policy = read_policy("policy.toml", policy).value.unwrap();
            unprotected(&policy, &estate).iter().map(Unprotected::words).collect::<Vec<_>>()
        };
        let known = [
            "kvm1 is of the class vm, which this version cannot back up".to_owned(),
            "no asset lies on the host spare".to_owned(),
        ];
        assert_eq!(listed(&policy), known);
        let (before, rest) = policy.split_once("[schedule.whmcs.files]").unwrap();
        let (_, after) = rest.split_once("[schedule.website]").unwrap();
        let without = format!("{before}[schedule.website]{after}");
        assert_eq!(listed(&without), ["no rule of the policy covers billing (files)", &known[0], &known[1]]);
    }
}
