//! Who signs up: a client, a user who may log in, and a way to pay that is ciphered.

use super::super::script::Cell;
use super::{Business, DAY_S};
use crate::corpus::Dice;

const FIRST_NAMES: [&str; 8] = ["Zoë", "Jürgen", "Amélie", "Tom", "Søren", "Chloé", "O'Brien", "Ana"];
const LAST_NAMES: [&str; 8] = ["Smith", "Müller", "D'Arcy", "Ibáñez", "Jones", "Åkesson", "Brown", "Peña"];
const COUNTRIES: [&str; 5] = ["GB", "GB", "GB", "DE", "ES"];

fn name(words: &[&'static str], dice: &mut Dice) -> &'static str {
    words[dice.below(words.len() as u64) as usize]
}

impl Business {
    pub(in super::super) fn sign_up(&mut self, at: u64) {
        self.last.client += 1;
        let id = self.last.client;
        let (first, last) = (name(&FIRST_NAMES, &mut self.dice), name(&LAST_NAMES, &mut self.dice));
        let country = name(&COUNTRIES, &mut self.dice);
        let email = format!("client{id}@customer{id}.example");
        let password = format!("$2y$10${:016x}{:016x}", self.dice.next_u64(), self.dice.next_u64());
        let credit = if self.dice.below(20) == 0 { 1000 } else { 0 };
        self.script.insert(
            "tblclients",
            &[
                ("id", id.into()),
                ("uuid", format!("00000000-0000-4000-8000-{id:012x}").into()),
                ("firstname", first.into()),
                ("lastname", last.into()),
                ("companyname", format!("{last} & Söhne {id}").into()),
                ("email", email.clone().into()),
                ("address1", format!("{} High Street", 1 + id % 200).into()),
                ("city", "Málaga".into()),
                ("country", country.into()),
                ("phonenumber", format!("+44.20{id:08}").into()),
                ("currency", 1.into()),
                ("credit", Cell::Money(credit)),
                ("datecreated", Cell::Day(at)),
                ("status", if self.dice.below(12) == 0 { "Inactive" } else { "Active" }.into()),
                ("created_at", Cell::Instant(at)),
                ("updated_at", Cell::Instant(at)),
            ],
        );
        self.script.insert(
            "tblusers",
            &[
                ("id", id.into()),
                ("first_name", first.into()),
                ("last_name", last.into()),
                ("email", email.into()),
                ("password", password.into()),
                ("created_at", Cell::Instant(at)),
                ("updated_at", Cell::Instant(at)),
            ],
        );
        self.script.insert(
            "tblusers_clients",
            &[("auth_user_id", id.into()), ("client_id", id.into()), ("owner", 1.into())],
        );
        if credit > 0 {
            let about = [
                ("clientid", id.into()),
                ("date", Cell::Day(at)),
                ("description", "Goodwill".into()),
                ("amount", Cell::Money(credit)),
            ];
            self.script.insert("tblcredit", &about);
        }
        if id.is_multiple_of(5) {
            let contact = format!("accounts@customer{id}.example");
            let cells = [
                ("userid", id.into()),
                ("firstname", "Accounts".into()),
                ("email", contact.into()),
                ("invoiceemails", 1.into()),
            ];
            self.script.insert("tblcontacts", &cells);
        }
        let value = [("fieldid", 1.into()), ("relid", id.into()), ("value", format!("PO-{id:05}").into())];
        self.script.insert("tblcustomfieldsvalues", &value);
        if id % 11 != 10 {
            self.add_pay_method(id, at);
        }
        self.countries.push(country.to_owned());
    }

    /// Ciphered as payment modules do it: with a key out of configuration.php and the client's number.
    fn add_pay_method(&mut self, user: u64, at: u64) {
        self.last.pay_method += 1;
        let id = self.last.pay_method;
        let key = format!("MD5(CONCAT('{}','{user}'))", self.hash);
        let last_four = format!("{:04}", self.dice.below(10_000));
        let is_bank = user.is_multiple_of(13);
        let (payment, kind) = if is_bank {
            self.last.bank += 1;
            let data = format!("{{\"canary\":\"bank of client {user}\",\"account\":\"{last_four}\"}}");
            let data = Cell::Sql(format!("AES_ENCRYPT('{data}',{key})"));
            let cells = [
                ("id", self.last.bank.into()),
                ("pay_method_id", id.into()),
                ("bank_name", "Bank".into()),
                ("bank_data", data),
            ];
            self.script.insert("tblbankaccts", &cells);
            (self.last.bank, "BankAccount")
        } else {
            self.last.card += 1;
            let data = format!("{{\"canary\":\"card of client {user}\",\"token\":\"tok_{last_four}\"}}");
            let data = Cell::Sql(format!("AES_ENCRYPT('{data}',{key})"));
            self.script.insert(
                "tblcreditcards",
                &[
                    ("id", self.last.card.into()),
                    ("pay_method_id", id.into()),
                    ("card_type", "Visa".into()),
                    ("last_four", last_four.into()),
                    ("expiry_date", Cell::Instant(at + 900 * DAY_S)),
                    ("card_data", data),
                ],
            );
            (self.last.card, "RemoteCreditCard")
        };
        self.script.insert(
            "tblpaymethods",
            &[
                ("id", id.into()),
                ("userid", user.into()),
                ("contact_type", "Client".into()),
                ("payment_id", payment.into()),
                ("payment_type", kind.into()),
                ("gateway_name", "localgateway".into()),
                ("created_at", Cell::Instant(at)),
            ],
        );
    }
}
