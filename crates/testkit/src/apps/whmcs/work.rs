//! Business that goes on while a test looks: orders, invoices, payments, tickets with files, and many rows of logs.
//!
//! In ten thousand minutes there happens what an install of middling size has behind it, in its proportions: some hundred times
//! the pace of a real one, or a test would wait for days. Each minute is one transaction, after the files that it names.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::Whmcs;
use super::business::{Business, Numbers, Service};
use super::history::ROWS;
use crate::corpus::Dice;
use crate::servers::load_at;

const MINUTES: u64 = 10_000;
const MINUTE_S: u64 = 60;

/// Business under way in a thread; it ends when dropped.
pub struct Working {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Worked>>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Minutes of business that were committed.
    pub minutes: u64,
    /// What the server said when it took no more.
    pub failed: Option<String>,
}

impl Whmcs {
    /// Does some minutes of business. The same seed on the same rows gives the same rows.
    ///
    /// # Panics
    /// When the server does not take it.
    pub fn work(&self, seed: u64, minutes: u64) {
        let (mut business, mut at) = self.open_business(seed);
        for _ in 0..minutes {
            at += MINUTE_S;
            self.minute(&mut business, at).unwrap_or_else(|said| panic!("{said}"));
        }
    }

    /// Does business until it is told to stop, as fast as the server takes it.
    pub fn begin_work(&self, seed: u64) -> Working {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, whmcs) = (Arc::clone(&is_over), self.clone());
        let thread = thread::spawn(move || {
            let (mut business, mut at) = whmcs.open_business(seed);
            let mut worked = Worked::default();
            while !over.load(Ordering::Relaxed) {
                at += MINUTE_S;
                if let Err(said) = whmcs.minute(&mut business, at) {
                    worked.failed = Some(said);
                    break;
                }
                worked.minutes += 1;
            }
            worked
        });
        Working { is_over, thread: Some(thread) }
    }

    /// What there is, out of the database.
    fn open_business(&self, seed: u64) -> (Business, u64) {
        let mut business = Business::new(seed, &self.options.hash());
        let number = |query: &str| -> u64 { self.sql(query).trim().parse().unwrap_or_default() };
        let last = |table: &str| number(&format!("SELECT COALESCE(MAX(id),0) FROM {table};"));
        let attached = "(LENGTH(attachment)-LENGTH(REPLACE(attachment,'|',''))+(attachment<>''))";
        business.last = Numbers {
            client: last("tblclients"),
            pay_method: last("tblpaymethods"),
            card: last("tblcreditcards"),
            bank: last("tblbankaccts"),
            order: last("tblorders"),
            invoice: last("tblinvoices"),
            hosting: last("tblhosting"),
            domain: last("tbldomains"),
            ticket: last("tbltickets"),
            attachment: number(&format!(
                "SELECT (SELECT COALESCE(SUM{attached},0) FROM tbltickets)+(SELECT COALESCE(SUM{attached},0) FROM tblticketreplies);"
            )),
        };
        let countries = self.sql("SELECT country FROM tblclients ORDER BY id;");
        business.countries = countries.lines().map(str::to_owned).collect();
        for (kind, query) in [
            (
                "Hosting",
                "SELECT id,userid,ROUND(amount*100),CONCAT('Hosting - ',domain) FROM tblhosting ORDER BY id;",
            ),
            ("Domain", "SELECT id,userid,ROUND(recurringamount*100),domain FROM tbldomains ORDER BY id;"),
        ] {
            business.services.extend(self.sql(query).lines().map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let number = |at: usize| fields[at].parse::<u64>().unwrap();
                let (pence, name) = (fields[2].parse().unwrap(), fields[3].to_owned());
                Service { id: number(0), user: number(1), kind, pence, name }
            }));
        }
        let unpaid =
            self.sql("SELECT id,userid,ROUND(total*100) FROM tblinvoices WHERE status='Unpaid' ORDER BY id;");
        business.unpaid = unpaid
            .lines()
            .map(|line| {
                let fields: Vec<u64> = line.split('\t').map(|field| field.parse().unwrap()).collect();
                (fields[0], fields[1], fields[2].cast_signed())
            })
            .collect();
        let at = number("SET time_zone='+00:00'; SELECT UNIX_TIMESTAMP(MAX(date)) FROM tblactivitylog;");
        (business, at)
    }

    fn minute(&self, business: &mut Business, at: u64) -> Result<(), String> {
        business.script.run("START TRANSACTION");
        let times = |table: &str, dice: &mut Dice| {
            let (_, rows) = ROWS.iter().find(|(name, _)| *name == table).expect("it is one of them");
            rows / MINUTES + u64::from(dice.below(MINUTES) < rows % MINUTES)
        };
        for _ in 0..times("tblclients", &mut business.dice) {
            business.sign_up(at);
        }
        let orders = times("tblorders", &mut business.dice);
        for _ in 0..orders {
            let (hosting, domain) = (business.dice.below(1300) < 900, business.dice.below(1300) < 500);
            business.order(at, hosting, domain, false);
        }
        for _ in orders..times("tblinvoices", &mut business.dice) {
            business.renewal(at, false);
        }
        for _ in 0..times("tblaccounts", &mut business.dice) {
            business.pay(at);
        }
        for _ in 0..times("tbltickets", &mut business.dice) {
            business.ticket(at);
        }
        for _ in 0..times("tblticketreplies", &mut business.dice) {
            business.reply(at);
        }
        for number in 0..times("tblactivitylog", &mut business.dice) {
            business.log(at, &format!("Cron Job: Step {number}"), 0);
        }
        for (table, columns, values) in [
            (
                "tblmodulelog",
                "date,module,action,request,response,arrdata",
                "{at},'plesk','Usage',CONCAT('<packet>',{noise},'</packet>'),REPEAT('<status>ok</status>',1+seq%9),''",
            ),
            ("tblerrorlog", "severity,message,details,created_at", "'warning',{noise},'#0 call()',{at}"),
            (
                "tblemails",
                "userid,subject,message,date,created_at",
                "1,'Customer Invoice',CONCAT('Dear customer, ',{noise}),{at},{at}",
            ),
            (
                "tbltransaction_history",
                "invoice_id,gateway,remote_status,created_at",
                "1,'localgateway','Declined',{at}",
            ),
        ] {
            let (rows, noise) = (times(table, &mut business.dice), business.dice.next_u64());
            if rows > 0 {
                let values = values
                    .replace("{at}", &format!("FROM_UNIXTIME({at})"))
                    .replace("{noise}", &format!("MD5(CONCAT({noise},seq))"));
                business
                    .script
                    .run(&format!("INSERT INTO {table} ({columns}) SELECT {values} FROM seq_1_to_{rows}"));
            }
        }
        business.script.run("COMMIT");
        self.take(business)
    }

    /// Writes the files, and then the rows that name them.
    pub(super) fn take(&self, business: &mut Business) -> Result<(), String> {
        for (name, bytes) in business.files.drain(..) {
            fs::write(self.places.attachments.join(&name), bytes)
                .map_err(|error| format!("{name}: {error}"))?;
        }
        let script = std::mem::replace(&mut business.script, super::script::Script::new());
        let output = load_at(&self.socket, &self.options.database, script.finish().as_bytes());
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Working {
    /// Whether it ended by itself, because the server took no more.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops after the minute under way.
    pub fn stop(mut self) -> Worked {
        self.end()
    }

    fn end(&mut self) -> Worked {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().map_or_else(Worked::default, |thread| thread.join().unwrap())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
