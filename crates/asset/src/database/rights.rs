//! Rights without which a dump tool leaves things out and says nothing.
//!
//! An account without TRIGGER is shown no triggers, and the tool writes a dump without them that looks whole. What would fail
//! loudly is left to fail; this is about what would not.

use mysql::Conn;
use mysql::prelude::Queryable;

/// What to grant, where something would be left out in silence.
pub(super) fn missing_rights(
    connection: &mut Conn,
    database: &str,
    is_mariadb: bool,
) -> Result<Option<String>, mysql::Error> {
    // Rights on the whole server or on the database, those of roles that are in force included.
    let rights = "SELECT privilege_type FROM information_schema.user_privileges \
                  UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE ? LIKE table_schema";
    let rights: Vec<String> = connection.exec(rights, (database,))?;
    let has = |right: &str| rights.iter().any(|granted| granted.eq_ignore_ascii_case(right));
    let mut missing: Vec<&str> =
        ["SELECT", "TRIGGER", "EVENT", "SHOW VIEW"].into_iter().filter(|right| !has(right)).collect();
    let sees_routines = ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE", "SHOW_ROUTINE"];
    let mut reads_all = || is_mariadb && connection.query_drop("SELECT 1 FROM mysql.proc LIMIT 0").is_ok();
    if !sees_routines.into_iter().any(has) && !reads_all() {
        missing.push("EXECUTE");
    }
    if missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "the account lacks {}, without which parts of the database would be left out in silence: GRANT {} ON the database TO it",
        missing.join(" and "),
        missing.join(", ")
    )))
}
