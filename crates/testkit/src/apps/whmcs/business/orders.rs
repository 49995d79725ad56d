//! What is ordered: hosting with its extras, a domain, or an odd job.

use super::super::script::Cell;
use super::{Business, DAY_S, PRODUCTS, Service};

impl Business {
    /// An order with its invoice, for hosting, a domain, both or an odd job.
    pub(in super::super) fn order(&mut self, at: u64, has_hosting: bool, has_domain: bool, is_paid: bool) {
        let user = self.anybody();
        self.last.order += 1;
        let (order, mut items) = (self.last.order, Vec::new());
        let domain = format!("order{order}.example");
        let status = if is_paid { "Active" } else { "Pending" };
        if has_hosting {
            self.last.hosting += 1;
            let (id, (product, name, pence)) =
                (self.last.hosting, PRODUCTS[self.dice.weighted(&[6, 3, 2, 1])]);
            let password = format!("{:016x}==", self.dice.next_u64());
            self.script.insert(
                "tblhosting",
                &[
                    ("id", id.into()),
                    ("userid", user.into()),
                    ("orderid", order.into()),
                    ("packageid", product.into()),
                    ("server", (1 + id % 3).into()),
                    ("regdate", Cell::Day(at)),
                    ("domain", domain.clone().into()),
                    ("paymentmethod", "localgateway".into()),
                    ("firstpaymentamount", Cell::Money(pence + 500)),
                    ("amount", Cell::Money(pence)),
                    ("billingcycle", "Monthly".into()),
                    ("nextduedate", Cell::Day(at + 30 * DAY_S)),
                    ("nextinvoicedate", Cell::Day(at + 16 * DAY_S)),
                    ("domainstatus", status.into()),
                    ("username", format!("web{id}").into()),
                    ("password", password.into()),
                    ("created_at", Cell::Instant(at)),
                ],
            );
            let service = Service { id, user, kind: "Hosting", pence, name: format!("{name} - {domain}") };
            items.push((service.kind, id, service.name.clone(), pence));
            items.push(("Setup", id, "Setup".to_owned(), 500));
            self.services.push(service);
            if id.is_multiple_of(6) {
                self.script.insert(
                    "tblhostingaddons",
                    &[
                        ("orderid", order.into()),
                        ("hostingid", id.into()),
                        ("addonid", 1.into()),
                        ("userid", user.into()),
                        ("name", "Daily backup".into()),
                        ("recurring", Cell::Money(200)),
                        ("billingcycle", "Monthly".into()),
                        ("status", status.into()),
                        ("regdate", Cell::Day(at)),
                    ],
                );
            }
            let option = [
                ("relid", id.into()),
                ("configid", 1.into()),
                ("optionid", (1 + id % 2).into()),
                ("qty", 1.into()),
            ];
            self.script.insert("tblhostingconfigoptions", &option);
        }
        if has_domain {
            self.last.domain += 1;
            let id = self.last.domain;
            self.script.insert(
                "tbldomains",
                &[
                    ("id", id.into()),
                    ("userid", user.into()),
                    ("orderid", order.into()),
                    ("type", "Register".into()),
                    ("registrationdate", Cell::Day(at)),
                    ("domain", domain.clone().into()),
                    ("firstpaymentamount", Cell::Money(1195)),
                    ("recurringamount", Cell::Money(1195)),
                    ("registrar", "localregistrar".into()),
                    ("expirydate", Cell::Day(at + 365 * DAY_S)),
                    ("status", status.into()),
                    ("nextduedate", Cell::Day(at + 365 * DAY_S)),
                    ("paymentmethod", "localgateway".into()),
                ],
            );
            self.services.push(Service { id, user, kind: "Domain", pence: 1195, name: domain.clone() });
            items.push(("DomainRegister", id, format!("Registration of {domain}"), 1195));
        }
        if items.is_empty() {
            items.push(("Item", 0, "Migration of a site, one-off".to_owned(), 4000));
        }
        let (invoice, total) = self.invoice(at, user, &items, is_paid);
        self.script.insert(
            "tblorders",
            &[
                ("id", order.into()),
                ("ordernum", (1_000_000_000 + order).into()),
                ("userid", user.into()),
                ("requestor_id", user.into()),
                ("date", Cell::Instant(at)),
                ("amount", Cell::Money(total)),
                ("paymentmethod", "localgateway".into()),
                ("invoiceid", invoice.into()),
                ("status", status.into()),
                ("ipaddress", format!("192.0.2.{}", order % 250).into()),
            ],
        );
        self.log(at, &format!("New Order Placed - Order ID: {order} - User ID: {user}"), user);
    }
}
