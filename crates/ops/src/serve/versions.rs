//! The versions of the policy that were ever in force here, as the ledger keeps them.
//!
//! The file says what holds now; what held last month is in the ledger. Whoever expanded the past by the file would change
//! it with an editor.

use holdfast_ledger::{Ledger, NewPolicyVersion, Reader};
use holdfast_model::policy::{History, PolicyVersion};
use holdfast_model::retention::PastMinimum;
use holdfast_model::slot::{Lasts, Slot};
use holdfast_model::{AssetName, Class, Dataset, Policy, read_policy};
use jiff::Timestamp;

use crate::error::{Error, Result};

/// The versions, oldest first.
pub(crate) struct Versions {
    history: History,
    /// The numbers by which the ledger knows them; one for each version of the history.
    numbers: Vec<u64>,
    latest_text: Option<String>,
}

impl Versions {
    /// Reads every version back. Each was valid when it was adopted.
    pub(crate) fn load(reader: &Reader) -> Result<Versions> {
        let mut versions = Versions { history: History::default(), numbers: Vec::new(), latest_text: None };
        for adopted in reader.policy_versions()? {
            let unreadable = |cause: String| {
                Error::not_done(format!("version {} of the policy in the ledger: {cause}", adopted.number))
                    .hint("install the version of holdfast again that adopted it")
            };
            let checked = read_policy("policy.toml", &adopted.text);
            let policy = checked.value.ok_or_else(|| {
                unreadable(checked.diagnostics.first().map(ToString::to_string).unwrap_or_default())
            })?;
            versions
                .history
                .add(policy, adopted.recorded_at)
                .map_err(|refusal| unreadable(refusal.to_string()))?;
            versions.numbers.push(adopted.number);
            versions.latest_text = Some(adopted.text);
        }
        Ok(versions)
    }

    /// Every version that ever was adopted, oldest first.
    pub(crate) fn every(&self) -> impl Iterator<Item = &Policy> {
        self.history.versions().iter().map(|version| &version.policy)
    }

    /// Whether this text is the latest version.
    pub(crate) fn is_latest(&self, text: &str) -> bool {
        self.latest_text.as_deref() == Some(text)
    }

    /// Puts a policy in force, from its effective day or from now, whichever is later.
    ///
    /// # Errors
    /// A usage error with the reason where it cannot follow the version before; nothing changes then.
    pub(crate) fn adopt(
        &mut self,
        ledger: &Ledger,
        policy: Policy,
        text: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let refused = |why: String| Error::usage(why).hint("see [header] in policy.toml");
        let effective = policy.effective_from();
        let mut tried = self.history.clone();
        let version = tried.add(policy, now).map_err(|refusal| refused(refusal.to_string()))?;
        let approver = format!("{} (named in policy.toml, not signed)", version.approver);
        // The effective day has an instant, or the history would have refused it.
        let effective = effective.unwrap_or(now);
        let new = NewPolicyVersion { text: text.to_owned(), effective, approver };
        let number = ledger.write(|transaction| transaction.adopt_policy(&new, now))?;
        // Read back, so that this instance and every later one go by the same instants.
        *self = Versions::load(ledger.read())?;
        Ok(number)
    }

    /// The version in force at an instant, with its number; `None` before the first.
    pub(crate) fn in_force(&self, at: Timestamp) -> Option<(u64, &PolicyVersion)> {
        let position = self.history.versions().iter().rposition(|version| version.from <= at)?;
        Some((*self.numbers.get(position)?, self.history.versions().get(position)?))
    }

    /// The first version, whenever it holds.
    pub(crate) fn first(&self) -> Option<&PolicyVersion> {
        self.history.versions().first()
    }

    /// The version of this number.
    pub(crate) fn numbered(&self, number: u64) -> Option<&PolicyVersion> {
        let position = self.numbers.iter().position(|other| *other == number)?;
        self.history.versions().get(position)
    }

    /// The minimum that each version asks for, and when it was in force.
    pub(crate) fn minima(&self, (class, dataset): (Class, Dataset)) -> Vec<PastMinimum> {
        let versions = self.history.versions();
        let minimum = |(position, version): (usize, &PolicyVersion)| {
            Some(PastMinimum {
                version: *self.numbers.get(position)?,
                from: version.from,
                until: versions.get(position + 1).map(|next| next.from),
                min_days: version.policy.schedule_of(class, dataset)?.value.retention.min_days,
            })
        };
        versions.iter().enumerate().filter_map(minimum).collect()
    }

    /// The slots of a dataset that open in a span, each with the number of the version that wants it.
    pub(crate) fn slots(
        &self,
        asset: &AssetName,
        part: (Class, Dataset),
        measured: Option<Lasts>,
        enrolled: Option<Timestamp>,
        span: (Timestamp, Timestamp),
    ) -> Vec<(u64, Slot)> {
        let slots = self.history.slots(asset, part, measured, enrolled, span);
        slots.into_iter().map(|(position, slot)| (self.numbers[position], slot)).collect()
    }
}
