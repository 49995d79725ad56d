//! What is wrong with an install, asked independently of the product: a restore is good when this is empty.

use std::fs;

use super::Whmcs;

/// What must count nothing, with what it would mean.
const QUERIES: [(&str, &str); 19] = [
    (
        "invoices of nobody",
        "SELECT COUNT(*) FROM tblinvoices a LEFT JOIN tblclients b ON b.id=a.userid WHERE b.id IS NULL",
    ),
    (
        "items of no invoice",
        "SELECT COUNT(*) FROM tblinvoiceitems a LEFT JOIN tblinvoices b ON b.id=a.invoiceid WHERE b.id IS NULL",
    ),
    (
        "items of no hosting",
        "SELECT COUNT(*) FROM tblinvoiceitems a LEFT JOIN tblhosting b ON b.id=a.relid WHERE a.type='Hosting' AND b.id IS NULL",
    ),
    (
        "items of no domain",
        "SELECT COUNT(*) FROM tblinvoiceitems a LEFT JOIN tbldomains b ON b.id=a.relid WHERE a.type LIKE 'Domain%' AND b.id IS NULL",
    ),
    (
        "payments of no invoice",
        "SELECT COUNT(*) FROM tblaccounts a LEFT JOIN tblinvoices b ON b.id=a.invoiceid WHERE b.id IS NULL",
    ),
    (
        "hosting without owner, order, product or server",
        "SELECT COUNT(*) FROM tblhosting a LEFT JOIN tblclients b ON b.id=a.userid LEFT JOIN tblorders c ON c.id=a.orderid LEFT JOIN tblproducts d ON d.id=a.packageid LEFT JOIN tblservers e ON e.id=a.server WHERE b.id IS NULL OR c.id IS NULL OR d.id IS NULL OR e.id IS NULL",
    ),
    (
        "addons of no hosting",
        "SELECT COUNT(*) FROM tblhostingaddons a LEFT JOIN tblhosting b ON b.id=a.hostingid WHERE b.id IS NULL",
    ),
    (
        "domains of nobody",
        "SELECT COUNT(*) FROM tbldomains a LEFT JOIN tblclients b ON b.id=a.userid WHERE b.id IS NULL",
    ),
    (
        "orders without client or invoice",
        "SELECT COUNT(*) FROM tblorders a LEFT JOIN tblclients b ON b.id=a.userid LEFT JOIN tblinvoices c ON c.id=a.invoiceid WHERE b.id IS NULL OR c.id IS NULL",
    ),
    (
        "pay methods without a card",
        "SELECT COUNT(*) FROM tblpaymethods a LEFT JOIN tblcreditcards b ON b.id=a.payment_id WHERE a.payment_type='RemoteCreditCard' AND b.id IS NULL",
    ),
    (
        "replies to no ticket",
        "SELECT COUNT(*) FROM tblticketreplies a LEFT JOIN tbltickets b ON b.id=a.tid WHERE b.id IS NULL",
    ),
    (
        "users or clients of nobody",
        "SELECT COUNT(*) FROM tblusers_clients a LEFT JOIN tblusers b ON b.id=a.auth_user_id LEFT JOIN tblclients c ON c.id=a.client_id WHERE b.id IS NULL OR c.id IS NULL",
    ),
    (
        "attempts on no invoice",
        "SELECT COUNT(*) FROM tbltransaction_history a LEFT JOIN tblinvoices b ON b.id=a.invoice_id WHERE b.id IS NULL",
    ),
    (
        "assets stored nowhere",
        "SELECT COUNT(*) FROM tblfileassetsettings a LEFT JOIN tblstorageconfigurations b ON b.id=a.storageconfiguration_id WHERE b.id IS NULL",
    ),
    (
        "invoices that are not the sum of their items",
        "SELECT COUNT(*) FROM tblinvoices a LEFT JOIN (SELECT invoiceid, SUM(amount) s FROM tblinvoiceitems GROUP BY invoiceid) b ON b.invoiceid=a.id WHERE NOT a.subtotal<=>b.s",
    ),
    (
        "invoices whose total is not theirs",
        "SELECT COUNT(*) FROM tblinvoices WHERE total <> subtotal - credit + tax + tax2",
    ),
    (
        "paid invoices that were not paid",
        "SELECT COUNT(*) FROM tblinvoices a LEFT JOIN (SELECT invoiceid, SUM(amountin-amountout) s FROM tblaccounts GROUP BY invoiceid) b ON b.invoiceid=a.id WHERE a.status='Paid' AND NOT a.total<=>b.s",
    ),
    (
        "unpaid invoices that were paid",
        "SELECT COUNT(*) FROM tblinvoices a JOIN tblaccounts b ON b.invoiceid=a.id WHERE a.status='Unpaid'",
    ),
    (
        "clients whose credit is not what they were given",
        "SELECT COUNT(*) FROM tblclients a LEFT JOIN (SELECT clientid, SUM(amount) s FROM tblcredit GROUP BY clientid) b ON b.clientid=a.id WHERE a.credit <> COALESCE(b.s,0)",
    ),
];

impl Whmcs {
    /// Orphans, sums that do not hold, secrets that do not open with configuration.php as it lies there, and files that are
    /// missing.
    pub fn faults(&self) -> Vec<String> {
        let all: Vec<String> = QUERIES.iter().map(|(_, query)| format!("{query};")).collect();
        let counts = self.sql(&all.join("\n"));
        let counted = QUERIES.iter().zip(counts.lines()).filter(|(_, count)| *count != "0");
        let mut faults: Vec<String> = counted.map(|((what, _), count)| format!("{count} {what}")).collect();
        faults.extend(self.closed_secrets());
        let missing = self.files_named().into_iter().filter(|path| !path.is_file());
        faults.extend(missing.map(|path| format!("{} is missing", path.display())));
        faults
    }

    fn closed_secrets(&self) -> Vec<String> {
        let file = self.places.docroot.join("configuration.php");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let hash = text.split_once("$cc_encryption_hash = '").and_then(|(_, rest)| rest.split_once('\''));
        let Some((hash, _)) = hash else { return vec![format!("{} holds no key", file.display())] };
        let query = |table: &str, column: &str, kind: &str, what: &str| {
            format!(
                "SELECT COUNT(*) FROM {table} a JOIN tblpaymethods b ON b.payment_id=a.id AND b.payment_type='{kind}' \
                 WHERE NOT COALESCE(CONVERT(AES_DECRYPT({column}, MD5(CONCAT('{hash}',b.userid))) USING latin1) \
                 LIKE CONCAT('{{\"canary\":\"{what} of client ',b.userid,'\"%'), 0);"
            )
        };
        let cards = query("tblcreditcards", "card_data", "RemoteCreditCard", "card");
        let counts = self.sql(&(cards + &query("tblbankaccts", "bank_data", "BankAccount", "bank")));
        let closed = counts.lines().zip(["cards", "bank accounts"]).filter(|(count, _)| *count != "0");
        closed.map(|(count, what)| format!("{count} {what} that configuration.php does not open")).collect()
    }

    /// Every file that the database names.
    pub fn files_named(&self) -> Vec<std::path::PathBuf> {
        let attached = self.sql(
            "SELECT attachment FROM tbltickets WHERE attachment<>'' AND attachments_removed=0 UNION ALL
             SELECT attachment FROM tblticketreplies WHERE attachment<>'' AND attachments_removed=0 UNION ALL
             SELECT filename FROM tblclientsfiles;",
        );
        let downloads = self.sql("SELECT location FROM tbldownloads;");
        let attached =
            attached.lines().flat_map(|line| line.split('|')).map(|name| self.places.attachments.join(name));
        attached.chain(downloads.lines().map(|name| self.places.downloads.join(name))).collect()
    }
}
