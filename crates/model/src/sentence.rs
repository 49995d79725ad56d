//! The sentences of a written backup policy, numbered. Every rule names the sentence that it comes from, so that a
//! verdict can be traced to what was promised. The wording here is our own summary of each.

use std::fmt;

/// The number of a sentence, e.g. `4.5`: a section of the written policy, and a sentence or clause in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SentenceId {
    /// The section, 0 (header and contact) to 10.
    pub section: u8,
    /// The sentence or clause in the section, from 1.
    pub clause: u8,
}

/// A sentence that rules may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Its number.
    pub id: SentenceId,
    /// What it asks for, in our words.
    pub summary: &'static str,
}

impl SentenceId {
    /// Reads `4.5`, if there is such a sentence.
    pub fn parse(text: &str) -> Option<SentenceId> {
        SENTENCES.iter().map(|sentence| sentence.id).find(|id| id.to_string() == text)
    }

    /// What the sentence asks for, in our words.
    pub fn summary(self) -> &'static str {
        SENTENCES.iter().find(|sentence| sentence.id == self).map_or("", |sentence| sentence.summary)
    }
}

impl fmt::Display for SentenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.clause)
    }
}

const fn sentence(section: u8, clause: u8, summary: &'static str) -> Sentence {
    Sentence { id: SentenceId { section, clause }, summary }
}

/// Every sentence, in order.
pub const SENTENCES: [Sentence; 42] = [
    sentence(0, 1, "The policy states the day from which it holds and the day of its last change."),
    sentence(
        0,
        2,
        "The company sets the policy to keep running and to protect its own and its clients' data.",
    ),
    sentence(0, 3, "The policy says how the company is reached."),
    sentence(1, 1, "Data is not lost."),
    sentence(1, 2, "Services come back in time."),
    sentence(1, 3, "Backups come in more than one layer."),
    sentence(1, 4, "Recovery is tested regularly."),
    sentence(2, 1, "Virtual machines are covered: their definitions and their disks."),
    sentence(2, 2, "Plesk is covered: configuration, subscriptions, mail and databases."),
    sentence(2, 3, "WHMCS is covered: its files and its database."),
    sentence(2, 4, "Client websites are covered: files, media, code and databases."),
    sentence(3, 1, "The infrastructure team configures, watches and maintains the backups."),
    sentence(3, 2, "Security and compliance see to encryption, access control and retention."),
    sentence(3, 3, "Support handles requests to restore and talks to clients."),
    sentence(
        4,
        1,
        "Virtual machines: a full backup a week, an incremental one a day, a range of retention, a copy elsewhere.",
    ),
    sentence(4, 2, "Plesk: a full backup a week, an incremental one a day, retention, remote storage."),
    sentence(4, 3, "WHMCS database: a dump an hour, a full one a day, retention, encrypted and elsewhere."),
    sentence(4, 4, "WHMCS files: once a day, retention, encrypted and elsewhere."),
    sentence(4, 5, "Websites: an incremental backup a day, a full one a month, a range of retention."),
    sentence(5, 1, "Backups travel encrypted."),
    sentence(5, 2, "Backups lie encrypted, with AES-256 or better."),
    sentence(5, 3, "Copies lie at two or more places that are far apart."),
    sentence(5, 4, "Access follows roles."),
    sentence(5, 5, "Access is logged."),
    sentence(5, 6, "A second factor is used wherever it can be had."),
    sentence(6, 1, "The integrity of every backup is checked automatically."),
    sentence(6, 2, "Every week a sample of websites is restored."),
    sentence(6, 3, "Every month WHMCS is restored in full to staging."),
    sentence(6, 4, "Every quarter a disaster is rehearsed with Plesk and virtual machines."),
    sentence(7, 1, "Restores follow an order: virtual machines, Plesk, WHMCS, websites."),
    sentence(7, 2, "Recovery takes no longer than the stated time."),
    sentence(7, 3, "WHMCS loses no more than the stated span of data."),
    sentence(7, 4, "Websites lose no more than the stated span of data."),
    sentence(8, 1, "Retention is what section 4 says."),
    sentence(8, 2, "What is past its retention is destroyed securely."),
    sentence(8, 3, "Purging keeps to the rules and saves space."),
    sentence(9, 1, "Backups keep to the regulations that apply."),
    sentence(9, 2, "Personal data in backups is encrypted."),
    sentence(9, 3, "Access to personal data in backups is logged."),
    sentence(9, 4, "Backups do not lie on the machine that they protect."),
    sentence(10, 1, "The policy is reviewed at a stated interval at least."),
    sentence(10, 2, "The policy is reviewed after major changes too."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_ordered_and_read_back() {
        assert!(SENTENCES.windows(2).all(|pair| pair[0].id < pair[1].id));
        for sentence in SENTENCES {
            assert_eq!(SentenceId::parse(&sentence.id.to_string()), Some(sentence.id));
        }
        for bad in ["", "4", "4.", "4.05", "4.6", "11.1", " 4.5"] {
            assert_eq!(SentenceId::parse(bad), None, "{bad}");
        }
    }
}
