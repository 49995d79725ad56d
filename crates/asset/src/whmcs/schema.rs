//! What tables and columns a WHMCS has: its versions differ, and a question about a column that is not there is an error.

use std::collections::BTreeSet;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::WhmcsError;
use crate::database::{Access, quoted};

/// The columns of a database, with their tables.
pub(super) struct Schema {
    columns: BTreeSet<(String, String)>,
}

impl Schema {
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.columns.iter().any(|(of, _)| of == table)
    }

    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.contains(&(table.to_owned(), column.to_owned()))
    }
}

/// A connection that uses the database, and what that has.
pub(super) fn open(access: &Access) -> Result<(Conn, Schema), WhmcsError> {
    let failed = |error| WhmcsError::server(format!("reach the database {:?}", access.database), error);
    let mut connection = access.ask().map_err(failed)?;
    // Zero dates are everywhere in it, and nothing is to fail for one.
    connection.query_drop("SET SESSION sql_mode = '', SESSION autocommit = 1").map_err(failed)?;
    connection.query_drop(format!("USE {}", quoted(&access.database))).map_err(failed)?;
    let columns: Vec<(String, String)> = connection
        .exec(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ?",
            (&access.database,),
        )
        .map_err(failed)?;
    Ok((connection, Schema { columns: columns.into_iter().collect() }))
}
