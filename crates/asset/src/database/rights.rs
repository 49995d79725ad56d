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

/// The account's own rights on the whole server, in capitals, those of roles that are in force included. What
/// `information_schema` lists has the rights of others too where an account may see them, and lacks those of roles.
pub(super) fn rights_on_server(connection: &mut Conn) -> Result<Rights, mysql::Error> {
    let grants: Vec<String> = connection.query("SHOW GRANTS")?;
    Ok(Rights::of(&grants))
}

/// Rights on a whole server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rights(Vec<String>);

impl Rights {
    fn of(grants: &[String]) -> Rights {
        let on_all = grants.iter().filter_map(|grant| {
            let (rights, _) = grant.strip_prefix("GRANT ")?.split_once(" ON *.* TO ")?;
            Some(rights.split(',').map(|right| right.trim().to_ascii_uppercase()))
        });
        Rights(on_all.flatten().collect())
    }

    /// Whether it has one of these.
    pub(super) fn has(&self, any: &[&str]) -> bool {
        self.0.iter().any(|right| right == "ALL PRIVILEGES" || any.contains(&right.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rights_on_the_whole_server_count() {
        let rights = Rights::of(&[
            "GRANT `r` TO `y`@`localhost`".to_owned(),
            "GRANT REPLICATION SLAVE, Binlog Monitor ON *.* TO `r`".to_owned(),
            "GRANT ALL PRIVILEGES ON `shop`.* TO `y`@`localhost`".to_owned(),
        ]);
        assert!(rights.has(&["REPLICATION SLAVE"]) && rights.has(&["SUPER", "BINLOG MONITOR"]));
        assert!(!rights.has(&["SUPER"]) && !rights.has(&["MONITOR"]));
        assert!(
            Rights::of(&["GRANT ALL PRIVILEGES ON *.* TO `a`@`b` WITH GRANT OPTION".to_owned()])
                .has(&["SUPER"])
        );
    }
}
