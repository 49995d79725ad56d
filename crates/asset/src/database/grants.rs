//! The accounts that have rights on a database, as SQL that brings them back, hashes of passwords included.
//!
//! A database restored onto a new server is of no use to a website that cannot log in. What is not said here: accounts whose
//! rights are global, and rights on other databases, which are not this one's to restore.

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use super::inspect::quoted;

/// The SQL, or why the account may not know.
pub(super) fn grants(connection: &mut Conn, database: &str) -> Result<Vec<u8>, String> {
    let accounts = "SELECT User, Host FROM mysql.db WHERE ? LIKE Db \
                    UNION SELECT User, Host FROM mysql.tables_priv WHERE Db = ? \
                    UNION SELECT User, Host FROM mysql.columns_priv WHERE Db = ? \
                    UNION SELECT User, Host FROM mysql.procs_priv WHERE Db = ? ORDER BY 1, 2";
    let accounts: Vec<(String, String)> = connection
        .exec(accounts, (database, database, database, database))
        .map_err(|error| format!("accounts and grants: the account may not read mysql.db ({error})"))?;
    let mut sql = String::from("-- Accounts with rights on the database, and these rights.\n");
    for (user, host) in accounts {
        let of =
            |error: mysql::Error| format!("accounts and grants: {user}@{host} cannot be shown ({error})");
        // A role of MariaDB's has no host.
        let account =
            if host.is_empty() { quoted(&user) } else { format!("{}@{}", quoted(&user), quoted(&host)) };
        if host.is_empty() {
            sql += &format!("CREATE ROLE IF NOT EXISTS {account};\n");
        } else {
            for line in lines(connection, &format!("SHOW CREATE USER {account}")).map_err(of)? {
                let rest = line.strip_prefix("CREATE USER ").unwrap_or(&line);
                sql += &format!("CREATE USER IF NOT EXISTS {rest};\n");
            }
        }
        for line in lines(connection, &format!("SHOW GRANTS FOR {account}")).map_err(of)? {
            if is_on(&line, database) {
                sql += &format!("{line};\n");
            }
        }
    }
    Ok(sql.into_bytes())
}

/// The first column of each row.
fn lines(connection: &mut Conn, statement: &str) -> Result<Vec<String>, mysql::Error> {
    connection.query_map(statement, |row: mysql::Row| match row.as_ref(0) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    })
}

/// Whether a grant names this database, or a pattern in which its underscores or percent signs are escaped.
fn is_on(grant: &str, database: &str) -> bool {
    let Some(start) = grant.find(" ON ") else { return false };
    let target =
        grant[start + " ON ".len()..].trim_start_matches("PROCEDURE ").trim_start_matches("FUNCTION ");
    let Some(target) = target.strip_prefix('`') else { return false };
    let mut name = String::new();
    let mut characters = target.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '`' && characters.next_if_eq(&'`').is_none() {
            break;
        }
        name.push(character);
    }
    matches(&name, database)
}

/// MySQL's LIKE without regard to case beyond ASCII: `%`, `_`, and a backslash before either.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .any(|at| matches(rest.as_str(), &text[at..])),
        Some(first) => {
            let expected = if first == '\\' { rest.next() } else { Some(first) };
            let mut of_text = text.chars();
            let is_same = match (expected, of_text.next()) {
                (_, None) => false,
                (Some('_'), Some(_)) if first == '_' => true,
                (expected, found) => expected == found,
            };
            is_same && matches(rest.as_str(), of_text.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_belongs_to_the_databases_that_its_pattern_names() {
        for (grant, database, is_it) in [
            ("GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`b`", "shop", true),
            ("GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`b`", "shop2", false),
            ("GRANT SELECT ON `c1\\_wp`.* TO `a`@`b`", "c1_wp", true),
            ("GRANT SELECT ON `c1\\_wp`.* TO `a`@`b`", "c1xwp", false),
            ("GRANT SELECT ON `c1_%`.* TO `a`@`b`", "c1_wp", true),
            ("GRANT SELECT ON `we``ird`.`t` TO `a`@`b`", "we`ird", true),
            ("GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `a`@`b`", "shop", true),
            ("GRANT USAGE ON *.* TO `a`@`b`", "shop", false),
            ("GRANT `role` TO `a`@`b`", "shop", false),
        ] {
            assert_eq!(is_on(grant, database), is_it, "{grant} and {database}");
        }
    }
}
