//! Whether the key in configuration.php opens what the database holds encrypted.
//!
//! Only counts leave the server. That the newest opens is what shows that the key is today's: what does not open although it is older
//! was written under another key, and was closed at the original too.

use holdfast_world::ExposeSecret;
use mysql::prelude::Queryable;

use super::{Copy, Findings, Seen};
use crate::Outcome;
use crate::whmcs::installed::Installed;

/// Where encrypted rows are.
struct Vault {
    words: &'static str,
    tables: &'static [(&'static str, &'static str)],
    /// Number, and whether it opens, for each encrypted row, the newest first.
    query: &'static str,
}

const VAULTS: [Vault; 3] = [
    Vault {
        words: "cards",
        tables: &[("tblcreditcards", "card_data"), ("tblpaymethods", "userid")],
        query: "SELECT COALESCE(JSON_VALID(CONVERT(AES_DECRYPT(c.card_data, MD5(CONCAT(?, p.userid))) USING utf8mb4)), 0) \
                FROM tblcreditcards c JOIN tblpaymethods p ON p.payment_id = c.id \
                AND p.payment_type IN ('CreditCard', 'RemoteCreditCard') WHERE c.card_data <> '' ORDER BY c.id DESC",
    },
    Vault {
        words: "bank accounts",
        tables: &[("tblbankaccts", "bank_data"), ("tblpaymethods", "userid")],
        query: "SELECT COALESCE(JSON_VALID(CONVERT(AES_DECRYPT(b.bank_data, MD5(CONCAT(?, p.userid))) USING utf8mb4)), 0) \
                FROM tblbankaccts b JOIN tblpaymethods p ON p.payment_id = b.id AND p.payment_type = 'BankAccount' \
                WHERE b.bank_data <> '' ORDER BY b.id DESC",
    },
    Vault {
        words: "cards of clients",
        tables: &[("tblclients", "cardnum")],
        query: "SELECT COALESCE(CONVERT(AES_DECRYPT(cardnum, MD5(CONCAT(?, id))) USING latin1) REGEXP '^[0-9]{12,19}$', 0) \
                FROM tblclients WHERE cardnum <> '' ORDER BY id DESC",
    },
];

pub(super) fn secrets(copy: &mut Copy<'_>, installed: &Installed) -> Seen {
    let Some(hash) = &installed.settings.encryption_hash else {
        let words = "configuration.php does not plainly set $cc_encryption_hash: nothing that is encrypted can be read";
        return (Outcome::Failed, words.to_owned());
    };
    let mut findings = Findings::default();
    let mut opened = Vec::new();
    for vault in &VAULTS {
        if vault.tables.iter().any(|(table, column)| !copy.schema.has(table, column)) {
            continue;
        }
        // The server is the copy's own; still the key goes as a value, so that no error has it.
        let asked: Result<Vec<u8>, _> = copy.connection.exec(vault.query, (hash.expose_secret(),));
        let rows = match asked {
            Ok(rows) => rows,
            Err(error) => {
                findings.unproven.push(format!("open {}: {error}", vault.words));
                continue;
            }
        };
        let [newest, ..] = rows.as_slice() else { continue };
        let open = rows.iter().filter(|is_open| **is_open != 0).count();
        let words = format!("{open} of {} {} open", rows.len(), vault.words);
        if *newest == 0 {
            findings.failed.push(format!(
                "{words}, and not the newest: $cc_encryption_hash in configuration.php is not the key of this database, or this \
                 WHMCS encrypts in a way that is not known"
            ));
        } else {
            opened.push(words);
        }
    }
    if opened.is_empty() && findings.failed.is_empty() && findings.unproven.is_empty() {
        return (
            Outcome::NotApplicable,
            "the key is there, and the database holds nothing encrypted that is known".to_owned(),
        );
    }
    findings.seen(|| opened.join(", "))
}
