//! What a copy must not do, and how each of it is turned off.
//!
//! Each switch says twice what it is about: how to turn it off, and what would still be on. The second is not the first read
//! backwards: it asks for anything that acts, so that a value which nobody thought of is found too.

use holdfast_world::Clock;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::schema::{self, Schema};
use super::{Neutralised, WhmcsError, WhmcsErrorKind, timed};
use crate::database::Access;
use crate::{Outcome, Proof};

/// Something that acts.
struct Switch {
    what: &'static str,
    /// Its table.
    table: &'static str,
    /// Columns that both statements need.
    columns: &'static [&'static str],
    /// What of that every WHMCS has.
    every: Every,
    /// What is turned off, and how.
    off: &'static str,
    /// Rows that still act.
    on: &'static str,
    /// What was done, in words.
    done: &'static str,
    /// What it means that some are left.
    left: &'static str,
}

/// What every WHMCS has of a switch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Every {
    /// The table and its columns. A database without them is none of a WHMCS.
    Whole,
    /// The columns, where it has the table.
    Columns,
    /// Nothing.
    Nothing,
}

/// A task that is off is due on the last day that a timestamp has.
const SWITCHES: &[Switch] = &[
    Switch {
        what: "gateways",
        table: "tblpaymentgateways",
        columns: &[],
        every: Every::Whole,
        off: "DELETE FROM tblpaymentgateways",
        on: "TRUE",
        done: "no payment gateway is set up any more",
        left: "settings of payment gateways: it could charge cards",
    },
    Switch {
        what: "capture",
        table: "tblclients",
        columns: &["disableautocc"],
        every: Every::Whole,
        off: "UPDATE tblclients SET disableautocc = 1 WHERE disableautocc <> 1",
        on: "disableautocc <> 1",
        done: "no client is charged by itself",
        left: "clients whose cards are charged by themselves",
    },
    Switch {
        what: "registrars",
        table: "tblregistrars",
        columns: &[],
        every: Every::Whole,
        off: "DELETE FROM tblregistrars",
        on: "TRUE",
        done: "no registrar is set up any more",
        left: "settings of registrars: it could register domains",
    },
    Switch {
        what: "domains",
        table: "tbldomains",
        columns: &["registrar"],
        every: Every::Whole,
        off: "UPDATE tbldomains SET registrar = '' WHERE registrar <> ''",
        on: "registrar <> ''",
        done: "no domain has a registrar",
        left: "domains with a registrar: it could renew them",
    },
    Switch {
        what: "servers",
        table: "tblservers",
        columns: &[
            "hostname",
            "ipaddress",
            "username",
            "password",
            "accesshash",
            "type",
            "active",
            "disabled",
        ],
        every: Every::Whole,
        off: "UPDATE tblservers SET hostname = '', ipaddress = '', username = '', password = '', accesshash = '', type = '', \
              active = 0, disabled = 1",
        on: "hostname <> '' OR ipaddress <> '' OR password <> '' OR accesshash <> '' OR type <> '' OR active <> 0 OR disabled = 0",
        done: "no server has an address, a password or a module",
        left: "servers that it could reach: it could suspend or remove accounts",
    },
    Switch {
        what: "products",
        table: "tblproducts",
        columns: &["servertype", "autosetup"],
        every: Every::Whole,
        off: "UPDATE tblproducts SET servertype = '', autosetup = '' WHERE servertype <> '' OR autosetup <> ''",
        on: "servertype <> '' OR autosetup <> ''",
        done: "no product has a module",
        left: "products with a module: it could set up or suspend accounts",
    },
    Switch {
        what: "addons",
        table: "tbladdonmodules",
        columns: &[],
        every: Every::Whole,
        off: "DELETE FROM tbladdonmodules",
        on: "TRUE",
        done: "no addon is set up any more",
        left: "settings of addons, which may do anything",
    },
    Switch {
        what: "active-addons",
        table: "tblconfiguration",
        columns: &["setting", "value"],
        every: Every::Whole,
        off: "UPDATE tblconfiguration SET value = '' WHERE setting IN ('ActiveAddonModules', 'AddonModulesHooks') AND value <> ''",
        on: "setting IN ('ActiveAddonModules', 'AddonModulesHooks') AND value <> ''",
        done: "no addon is active",
        left: "lists of active addons, which may do anything",
    },
    Switch {
        what: "mail",
        table: "tblconfiguration",
        columns: &["setting", "value"],
        every: Every::Whole,
        // PHP's own way, which leads where the place that it runs in says.
        off: "UPDATE tblconfiguration SET value = IF(setting = 'MailType', 'mail', '') \
              WHERE (setting LIKE 'SMTP%' OR setting = 'MailConfig') AND value <> '' OR setting = 'MailType' AND value <> 'mail'",
        on: "(setting LIKE 'SMTP%' OR setting = 'MailConfig') AND value <> '' OR setting = 'MailType' AND value <> 'mail'",
        done: "no mail server is set up any more",
        left: "settings of a mail server: it could mail customers",
    },
    Switch {
        what: "mail-waiting",
        table: "tblemails",
        columns: &["pending"],
        every: Every::Columns,
        off: "UPDATE tblemails SET pending = 0 WHERE pending <> 0",
        on: "pending <> 0",
        done: "no mail waits to be sent",
        left: "mails that wait to be sent",
    },
    Switch {
        what: "mailboxes",
        table: "tblticketdepartments",
        columns: &["host", "login", "password"],
        every: Every::Whole,
        off: "UPDATE tblticketdepartments SET host = '', login = '', password = '' WHERE host <> '' OR login <> '' OR password <> ''",
        on: "host <> '' OR login <> '' OR password <> ''",
        done: "no department fetches mail",
        left: "departments with a mailbox: it could fetch tickets and remove them there",
    },
    Switch {
        what: "mailboxes-oauth",
        table: "tblticketdepartments",
        columns: &["mail_auth_config"],
        every: Every::Nothing,
        off: "UPDATE tblticketdepartments SET mail_auth_config = NULL WHERE mail_auth_config <> ''",
        on: "mail_auth_config <> ''",
        done: "no department may log in to a mailbox",
        left: "departments that may log in to a mailbox",
    },
    Switch {
        what: "tasks",
        table: "tbltask",
        columns: &["is_enabled"],
        every: Every::Columns,
        off: "UPDATE tbltask SET is_enabled = 0 WHERE is_enabled <> 0",
        on: "is_enabled <> 0",
        done: "no task of the cron is on",
        left: "tasks of the cron that are on: it could invoice, charge and suspend",
    },
    Switch {
        what: "tasks-due",
        table: "tbltask_status",
        columns: &["next_due", "in_progress"],
        every: Every::Columns,
        off: "UPDATE tbltask_status SET next_due = '2037-12-31 00:00:00', in_progress = 0",
        on: "next_due < '2037-01-01 00:00:00' OR in_progress <> 0",
        done: "no task of the cron is due before 2037",
        left: "tasks of the cron that are due",
    },
    Switch {
        what: "notifications",
        table: "tblnotificationproviders",
        columns: &["active"],
        every: Every::Columns,
        off: "UPDATE tblnotificationproviders SET active = 0 WHERE active <> 0",
        on: "active <> 0",
        done: "nobody is notified elsewhere",
        left: "services that it could notify",
    },
    Switch {
        what: "fraud",
        table: "tblfraud",
        columns: &[],
        every: Every::Columns,
        off: "DELETE FROM tblfraud",
        on: "TRUE",
        done: "no service is asked about fraud",
        left: "settings of services that it could ask about orders",
    },
    Switch {
        what: "storage",
        table: "tblstorageconfigurations",
        columns: &["handler", "settings", "is_local"],
        every: Every::Columns,
        off: "UPDATE tblstorageconfigurations SET handler = 'LocalStorage', settings = '{\"local_path\":\"\"}', is_local = 1 \
              WHERE is_local = 0 OR handler <> 'LocalStorage'",
        on: "is_local = 0 OR handler <> 'LocalStorage'",
        done: "no file is kept elsewhere",
        left: "places elsewhere in which it could change or remove the files of the original",
    },
];

/// What a database has of a switch.
enum Shape {
    /// All of it.
    Whole,
    /// Nothing, which is as it should be: what, in words.
    Absent(String),
    /// Not what every WHMCS has: what, in words.
    Odd(String),
}

fn shape(switch: &Switch, schema: &Schema) -> Shape {
    let Switch { table, columns, every, .. } = switch;
    if !schema.has_table(table) {
        let words = format!("there is no table {table}");
        return if *every == Every::Whole { Shape::Odd(words) } else { Shape::Absent(words) };
    }
    match columns.iter().find(|column| !schema.has(table, column)) {
        None => Shape::Whole,
        Some(column) => {
            let words = format!("the table {table} has no column {column}");
            if *every == Every::Nothing { Shape::Absent(words) } else { Shape::Odd(words) }
        }
    }
}

/// Turns everything off, and says what that was.
pub(super) fn neutralise(access: &Access) -> Result<Vec<Neutralised>, WhmcsError> {
    let (mut connection, schema) = schema::open(access)?;
    let mut done = Vec::new();
    for switch in SWITCHES {
        match shape(switch, &schema) {
            Shape::Whole => {}
            Shape::Absent(_) => continue,
            Shape::Odd(words) => {
                let context = format!(
                    "turn off {} in {:?}: {words}; this is no WHMCS, or one of a version that is not known",
                    switch.what, access.database
                );
                return Err(WhmcsError { kind: WhmcsErrorKind::NotWhmcs, context, source: None });
            }
        }
        connection
            .query_drop(switch.off)
            .map_err(|error| WhmcsError::server(format!("turn off {} in the copy", switch.what), error))?;
        done.push(Neutralised {
            what: switch.what.to_owned(),
            done: switch.done.to_owned(),
            rows: connection.affected_rows(),
        });
    }
    Ok(done)
}

/// Looks whether everything is off.
pub(super) fn is_neutralised(access: &Access, clock: &dyn Clock) -> Vec<Proof> {
    let mut opened = schema::open(access);
    let prove = |switch: &Switch| {
        timed(clock, &format!("neutral.{}", switch.what), || match &mut opened {
            Ok((connection, schema)) => look(connection, switch, schema),
            Err(error) => (Outcome::Unproven, error.to_string()),
        })
    };
    SWITCHES.iter().map(prove).collect()
}

fn look(connection: &mut Conn, switch: &Switch, schema: &Schema) -> (Outcome, String) {
    let Switch { table, on, done, left, .. } = switch;
    match shape(switch, schema) {
        Shape::Whole => {}
        Shape::Absent(words) => return (Outcome::NotApplicable, words),
        Shape::Odd(words) => {
            return (Outcome::Unproven, format!("{words}: what this could do is not known"));
        }
    }
    match connection.query_first::<u64, _>(format!("SELECT COUNT(*) FROM {table} WHERE {on}")) {
        Ok(Some(0)) => (Outcome::Held, (*done).to_owned()),
        Ok(count) => (Outcome::Failed, format!("{} {left}", count.unwrap_or_default())),
        Err(error) => (Outcome::Unproven, format!("look at {table}: {error}")),
    }
}
