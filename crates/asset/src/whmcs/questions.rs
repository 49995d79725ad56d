//! What is asked of the rows of a WHMCS twice: of the original at the instant of its dump, and of a copy after its restore.
//!
//! A billing system of ten years has invoices of clients who were removed and sums that somebody corrected by hand. A proof that
//! wants none of them fails every month, and is switched off; one that lets them pass lets losses pass. So what counts is whether
//! the copy has as many as the original had.

use crate::database::Question;

/// A question with what its answer means.
pub(super) struct Asked {
    /// The name, as the manifest has it.
    pub name: &'static str,
    pub about: About,
    tables: &'static [&'static str],
    query: &'static str,
    /// What it counts, for people: `3 invoices of nobody`.
    pub words: &'static str,
}

/// Which proof asks it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Rows that name rows which are not there.
    References,
    /// Sums that do not hold.
    Money,
    /// A sum of money that must be the same.
    Sum,
    /// The newest of something.
    Newest,
    /// What the clock showed.
    Clock,
}

impl Asked {
    pub(super) fn question(&self) -> Question {
        Question {
            name: self.name.to_owned(),
            tables: self.tables.iter().map(|table| (*table).to_owned()).collect(),
            query: self.query.to_owned(),
        }
    }

    pub(super) fn tables(&self) -> &'static [&'static str] {
        self.tables
    }

    pub(super) fn query(&self) -> &'static str {
        self.query
    }
}

/// All of them.
pub(super) fn all() -> Vec<Question> {
    ASKED.iter().map(Asked::question).collect()
}

/// Those of a proof.
pub(super) fn about(about: About) -> impl Iterator<Item = &'static Asked> {
    ASKED.iter().filter(move |asked| asked.about == about)
}

/// A count of rows of one table whose number in another is of nobody.
macro_rules! orphans {
    ($name:literal, $words:literal, $table:literal . $column:literal -> $other:literal $(, $besides:literal)?) => {
        Asked {
            name: concat!("whmcs.", $name),
            about: About::References,
            tables: &[$table, $other],
            query: concat!(
                "SELECT COUNT(*) FROM ", $table, " LEFT JOIN ", $other, " ON ", $other, ".id = ", $table, ".", $column,
                " WHERE ", $other, ".id IS NULL" $(, " AND ", $table, ".", $besides)?
            ),
            words: $words,
        }
    };
}

const ASKED: &[Asked] = &[
    orphans!("invoices-client", "invoices of nobody", "tblinvoices"."userid" -> "tblclients"),
    // Those that no invoice has yet are at 0.
    orphans!("items-invoice", "items of no invoice", "tblinvoiceitems"."invoiceid" -> "tblinvoices", "invoiceid <> 0"),
    orphans!("items-hosting", "items of no hosting", "tblinvoiceitems"."relid" -> "tblhosting", "type = 'Hosting'"),
    orphans!("items-domain", "items of no domain", "tblinvoiceitems"."relid" -> "tbldomains", "type LIKE 'Domain%'"),
    orphans!("items-addon", "items of no addon", "tblinvoiceitems"."relid" -> "tblhostingaddons", "type = 'Addon'"),
    orphans!("payments-invoice", "payments of no invoice", "tblaccounts"."invoiceid" -> "tblinvoices", "invoiceid <> 0"),
    orphans!("hosting-client", "hosting of nobody", "tblhosting"."userid" -> "tblclients"),
    orphans!("hosting-product", "hosting of no product", "tblhosting"."packageid" -> "tblproducts"),
    orphans!("hosting-server", "hosting on no server", "tblhosting"."server" -> "tblservers", "server <> 0"),
    orphans!("hosting-order", "hosting of no order", "tblhosting"."orderid" -> "tblorders", "orderid <> 0"),
    orphans!("addons-hosting", "addons of no hosting", "tblhostingaddons"."hostingid" -> "tblhosting"),
    orphans!("domains-client", "domains of nobody", "tbldomains"."userid" -> "tblclients"),
    orphans!("orders-client", "orders of nobody", "tblorders"."userid" -> "tblclients"),
    orphans!(
        "methods-card", "ways to pay without their card", "tblpaymethods"."payment_id" -> "tblcreditcards",
        "payment_type IN ('CreditCard', 'RemoteCreditCard')"
    ),
    orphans!(
        "methods-bank", "ways to pay without their bank account", "tblpaymethods"."payment_id" -> "tblbankaccts",
        "payment_type = 'BankAccount'"
    ),
    orphans!("replies-ticket", "replies to no ticket", "tblticketreplies"."tid" -> "tbltickets"),
    orphans!("logins-user", "rights of no user", "tblusers_clients"."auth_user_id" -> "tblusers"),
    orphans!("logins-client", "rights on no client", "tblusers_clients"."client_id" -> "tblclients"),
    Asked {
        name: "whmcs.invoices-items",
        about: About::Money,
        tables: &["tblinvoices", "tblinvoiceitems"],
        query: "SELECT COUNT(*) FROM tblinvoices LEFT JOIN \
                (SELECT invoiceid, SUM(amount) AS amount FROM tblinvoiceitems GROUP BY invoiceid) AS items \
                ON items.invoiceid = tblinvoices.id WHERE tblinvoices.subtotal <> COALESCE(items.amount, 0)",
        words: "invoices that are not the sum of their items",
    },
    Asked {
        name: "whmcs.invoices-paid",
        about: About::Money,
        tables: &["tblinvoices", "tblaccounts"],
        query: "SELECT COUNT(*) FROM tblinvoices LEFT JOIN \
                (SELECT invoiceid, SUM(amountin - amountout) AS amount FROM tblaccounts GROUP BY invoiceid) AS paid \
                ON paid.invoiceid = tblinvoices.id \
                WHERE tblinvoices.status = 'Paid' AND COALESCE(paid.amount, 0) < tblinvoices.total - tblinvoices.credit",
        words: "paid invoices whose payments are not enough",
    },
    Asked {
        name: "whmcs.received",
        about: About::Sum,
        tables: &["tblaccounts"],
        query: "SELECT SUM(amountin) FROM tblaccounts",
        words: "received",
    },
    Asked {
        name: "whmcs.paid-back",
        about: About::Sum,
        tables: &["tblaccounts"],
        query: "SELECT SUM(amountout) FROM tblaccounts",
        words: "paid back",
    },
    Asked {
        name: "whmcs.newest-activity",
        about: About::Newest,
        tables: &["tblactivitylog"],
        query: "SELECT MAX(date) FROM tblactivitylog",
        words: "the newest line of the activity log",
    },
    Asked {
        name: "whmcs.newest-cron",
        about: About::Newest,
        tables: &["tblconfiguration"],
        query: "SELECT value FROM tblconfiguration WHERE setting = 'lastCronInvocationTime'",
        words: "the last run of the cron",
    },
    Asked {
        name: "whmcs.newest-daily-cron",
        about: About::Newest,
        tables: &["tblconfiguration"],
        query: "SELECT value FROM tblconfiguration WHERE setting = 'lastDailyCronInvocationTime'",
        words: "the last daily run of the cron",
    },
    // As a number, because the same instant is shown differently by servers in different zones.
    Asked {
        name: "whmcs.newest-task",
        about: About::Newest,
        tables: &["tbltask_status"],
        query: "SELECT CAST(UNIX_TIMESTAMP(MAX(last_run)) AS UNSIGNED) FROM tbltask_status",
        words: "the last task of the cron",
    },
    Asked {
        name: CLOCK,
        about: About::Clock,
        tables: &[],
        query: "SELECT NOW()",
        words: "the server's clock",
    },
];

/// The name of the question what the clock of the server shows: WHMCS writes most instants as its own zone shows them, and which that
/// is stands nowhere.
pub(super) const CLOCK: &str = "whmcs.clock";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_names_every_table_once() {
        let names: BTreeSet<&str> = ASKED.iter().map(|asked| asked.name).collect();
        assert_eq!(names.len(), ASKED.len());
        for asked in ASKED {
            let words = asked.query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let mentioned: BTreeSet<&str> = words.filter(|word| word.starts_with("tbl")).collect();
            assert_eq!(mentioned, asked.tables.iter().copied().collect(), "{}", asked.name);
            let words: Vec<&str> = asked.query.split_whitespace().collect();
            let reads = |table: &&str| {
                words.windows(2).filter(|two| ["FROM", "JOIN"].contains(&two[0]) && two[1] == *table).count()
            };
            assert!(asked.tables.iter().all(|table| reads(table) == 1), "{}", asked.name);
        }
    }
}
