//! What happens at a hosting company: people sign up, order, are invoiced, pay and ask. The past of an install and what
//! happens while a test looks on are the same events, so that what holds for one holds for the other.

mod clients;
mod orders;

use super::script::{Cell, Script};
use crate::corpus::Dice;

pub(super) const DAY_S: u64 = 86_400;
const VAT_PERCENT: i64 = 20;

/// Product number, name and monthly price in pence.
pub(super) const PRODUCTS: [(u64, &str, i64); 4] =
    [(1, "Starter", 499), (2, "Business", 1299), (3, "Reseller", 2999), (4, "Dedicated", 8900)];

/// Something that is invoiced again and again.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) id: u64,
    pub(super) user: u64,
    /// As `tblinvoiceitems.type` names it.
    pub(super) kind: &'static str,
    pub(super) pence: i64,
    pub(super) name: String,
}

/// The numbers that rows have so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) client: u64,
    pub(super) pay_method: u64,
    pub(super) card: u64,
    pub(super) bank: u64,
    pub(super) order: u64,
    pub(super) invoice: u64,
    pub(super) hosting: u64,
    pub(super) domain: u64,
    pub(super) ticket: u64,
    pub(super) attachment: u64,
}

/// The company and what it wants to write down.
pub(super) struct Business {
    pub(super) dice: Dice,
    pub(super) script: Script,
    /// Attachments to be written before the rows that name them.
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) last: Numbers,
    /// Country of each client, by number from 1 on.
    pub(super) countries: Vec<String>,
    pub(super) services: Vec<Service>,
    /// Unpaid invoices: number, client and total.
    pub(super) unpaid: Vec<(u64, u64, i64)>,
    pub(super) hash: String,
}

impl Business {
    pub(super) fn new(seed: u64, hash: &str) -> Business {
        Business {
            dice: Dice::new(seed),
            script: Script::new(),
            files: Vec::new(),
            last: Numbers::default(),
            countries: Vec::new(),
            services: Vec::new(),
            unpaid: Vec::new(),
            hash: hash.to_owned(),
        }
    }

    fn anybody(&mut self) -> u64 {
        1 + self.dice.below(self.countries.len() as u64)
    }

    /// Invoices a service again, with another thing now and then.
    pub(super) fn renewal(&mut self, at: u64, is_paid: bool) {
        if self.services.is_empty() {
            return self.order(at, true, false, is_paid);
        }
        let service = self.services[self.dice.below(self.services.len() as u64) as usize].clone();
        let mut items = vec![(service.kind, service.id, service.name.clone(), service.pence)];
        for _ in 0..self.dice.weighted(&[6, 3, 1]) {
            items.push(("Item", 0, "Support, quarter of an hour".to_owned(), 1500));
        }
        self.invoice(at, service.user, &items, is_paid);
    }

    fn invoice(
        &mut self,
        at: u64,
        user: u64,
        items: &[(&str, u64, String, i64)],
        is_paid: bool,
    ) -> (u64, i64) {
        self.last.invoice += 1;
        let id = self.last.invoice;
        let rate = if self.countries[user as usize - 1] == "GB" { VAT_PERCENT } else { 0 };
        let subtotal: i64 = items.iter().map(|(.., pence)| pence).sum();
        let tax = (subtotal * rate + 50) / 100;
        let total = subtotal + tax;
        let due = at + 14 * DAY_S;
        for (kind, related, what, pence) in items {
            self.script.insert(
                "tblinvoiceitems",
                &[
                    ("invoiceid", id.into()),
                    ("userid", user.into()),
                    ("type", (*kind).into()),
                    ("relid", (*related).into()),
                    ("description", what.clone().into()),
                    ("amount", Cell::Money(*pence)),
                    ("taxed", u64::from(rate > 0).into()),
                    ("duedate", Cell::Day(due)),
                    ("paymentmethod", "localgateway".into()),
                ],
            );
        }
        let mut cells = vec![
            ("id", id.into()),
            ("userid", user.into()),
            ("date", Cell::Day(at)),
            ("duedate", Cell::Day(due)),
            ("subtotal", Cell::Money(subtotal)),
            ("tax", Cell::Money(tax)),
            ("total", Cell::Money(total)),
            ("taxrate", (rate.unsigned_abs()).into()),
            ("status", if is_paid { "Paid" } else { "Unpaid" }.into()),
            ("paymentmethod", "localgateway".into()),
            ("created_at", Cell::Instant(at)),
            ("updated_at", Cell::Instant(at)),
        ];
        if is_paid {
            cells.push(("datepaid", Cell::Instant(at + 3600)));
            self.take_payment(at + 3600, id, user, total);
        } else {
            self.unpaid.push((id, user, total));
        }
        self.script.insert("tblinvoices", &cells);
        (id, total)
    }

    /// Somebody pays one of the unpaid invoices.
    pub(super) fn pay(&mut self, at: u64) {
        if self.unpaid.is_empty() {
            return;
        }
        let (invoice, user, total) = self.unpaid.remove(self.dice.below(self.unpaid.len() as u64) as usize);
        self.take_payment(at, invoice, user, total);
        let paid = Cell::Instant(at).sql();
        self.script.run(&format!(
            "UPDATE tblinvoices SET status='Paid', datepaid={paid}, updated_at={paid} WHERE id={invoice}"
        ));
        self.log(at, &format!("Invoice Marked Paid - Invoice ID: {invoice}"), user);
    }

    fn take_payment(&mut self, at: u64, invoice: u64, user: u64, total: i64) {
        let transaction = format!("ch_{:016x}", self.dice.next_u64());
        self.script.insert(
            "tblaccounts",
            &[
                ("userid", user.into()),
                ("currency", 1.into()),
                ("gateway", "localgateway".into()),
                ("date", Cell::Instant(at)),
                ("description", "Invoice Payment".into()),
                ("amountin", Cell::Money(total)),
                ("fees", Cell::Money(total * 14 / 1000)),
                ("transid", transaction.into()),
                ("invoiceid", invoice.into()),
            ],
        );
    }

    /// A ticket, every other one with files, or an answer to one.
    pub(super) fn ticket(&mut self, at: u64) {
        let user = self.anybody();
        self.last.ticket += 1;
        let id = self.last.ticket;
        let attachment = if id % 2 == 1 { self.attach(1 + id % 3) } else { String::new() };
        self.script.insert(
            "tbltickets",
            &[
                ("id", id.into()),
                ("tid", format!("{:06}", 100_000 + (id * 7919) % 900_000).into()),
                ("did", (1 + id % 3).into()),
                ("userid", user.into()),
                ("requestor_id", user.into()),
                ("date", Cell::Instant(at)),
                ("title", format!("My site no. {id}: it's slow").into()),
                (
                    "message",
                    "Since this morning the café's page takes 10 s.\nWhat is wrong? £5 for the answer."
                        .into(),
                ),
                ("status", if self.dice.below(3) == 0 { "Open" } else { "Closed" }.into()),
                ("urgency", "Medium".into()),
                ("attachment", attachment.into()),
                ("lastreply", Cell::Instant(at)),
                ("updated_at", Cell::Instant(at)),
            ],
        );
        let action =
            [("date", Cell::Instant(at)), ("tid", id.into()), ("action", "New Support Ticket Opened".into())];
        self.script.insert("tblticketlog", &action);
    }

    pub(super) fn reply(&mut self, at: u64) {
        if self.last.ticket == 0 {
            return;
        }
        let ticket = 1 + self.dice.below(self.last.ticket);
        let attachment = if self.dice.below(4) == 0 { self.attach(1) } else { String::new() };
        self.script.insert(
            "tblticketreplies",
            &[
                ("tid", ticket.into()),
                ("date", Cell::Instant(at)),
                ("message", "We have looked: a cache was full.".into()),
                ("admin", "Sam Admin".into()),
                ("attachment", attachment.into()),
            ],
        );
    }

    fn attach(&mut self, count: u64) -> String {
        let mut names = Vec::new();
        for _ in 0..count {
            self.last.attachment += 1;
            let (number, size) = (self.last.attachment, self.dice.log_normal(9.0, 1.4).min(2e6) as usize);
            let name = format!("{:06x}{number:06}_screenshot.png", self.dice.below(1 << 24));
            self.files.push((name.clone(), self.dice.bytes(size + 1)));
            names.push(name);
        }
        names.join("|")
    }

    pub(super) fn log(&mut self, at: u64, what: &str, user: u64) {
        self.script.insert(
            "tblactivitylog",
            &[
                ("date", Cell::Instant(at)),
                ("description", what.into()),
                ("user", "System".into()),
                ("userid", user.into()),
                ("ipaddr", "192.0.2.1".into()),
            ],
        );
    }
}
