//! Somebody who has the ledger's file, and knows how it is made.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{SqliteConnection, sql_query};
use sha2::{Digest, Sha256};

pub struct Forger {
    connection: SqliteConnection,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Leaf {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    payload: String,
}

impl Forger {
    /// Opens the file, and takes away whatever would stop a forger.
    pub fn at(ledger: &Path) -> Forger {
        let mut connection = SqliteConnection::establish(ledger.to_str().unwrap()).unwrap();
        connection.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
        let triggers: Vec<Name> =
            sql_query("SELECT name FROM sqlite_schema WHERE type = 'trigger'").load(&mut connection).unwrap();
        for Name { name } in triggers {
            connection.batch_execute(&format!("DROP TRIGGER {name}")).unwrap();
        }
        Forger { connection }
    }

    pub fn sql(&mut self, sql: &str) {
        self.connection.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The leaf that says that somebody reviewed the policy.
    pub fn review_of(&mut self, reviewer: &str) -> i64 {
        self.leaves("policy-reviewed")
            .into_iter()
            .find(|leaf| leaf.payload.contains(reviewer))
            .unwrap()
            .sequence
    }

    fn leaves(&mut self, kind: &str) -> Vec<Leaf> {
        let query = format!("SELECT sequence, payload FROM leaves WHERE kind = '{kind}' ORDER BY sequence");
        sql_query(query).load(&mut self.connection).unwrap()
    }

    /// Changes what a leaf says, and its hash with it.
    pub fn rewrite(&mut self, sequence: i64, old: &str, new: &str) {
        let leaf: Leaf =
            sql_query(format!("SELECT sequence, payload FROM leaves WHERE sequence = {sequence}"))
                .get_result(&mut self.connection)
                .unwrap();
        assert!(leaf.payload.contains(old), "{}", leaf.payload);
        let payload = leaf.payload.replace(old, new);
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&payload).finalize().into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        sql_query(format!("UPDATE leaves SET payload = ?, hash = x'{hash}' WHERE sequence = {sequence}"))
            .bind::<Text, _>(payload)
            .execute(&mut self.connection)
            .unwrap();
    }

    /// Moves every leaf after `sequence`, and what refers to it.
    pub fn shift(&mut self, sequence: i64, by: i64) {
        for (table, column) in self.columns() {
            // By way of numbers that nobody has, so that none meets another on the way.
            self.sql(&format!(
                "UPDATE {table} SET {column} = {column} + 1000000 WHERE {column} > {sequence}; \
                 UPDATE {table} SET {column} = {column} - 1000000 + {by} WHERE {column} >= 1000000"
            ));
        }
    }

    /// Takes away every leaf from `sequence` on, and what it made in these tables.
    pub fn cut(&mut self, sequence: i64, tables: &[&str]) {
        self.sql(&format!("DELETE FROM leaves WHERE sequence >= {sequence}"));
        for table in tables {
            self.sql(&format!("DELETE FROM {table} WHERE leaf >= {sequence}"));
        }
    }

    fn columns(&mut self) -> Vec<(String, &'static str)> {
        let query = "SELECT t.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c \
                     WHERE t.type = 'table' AND c.name = 'leaf'";
        let tables: Vec<Name> = sql_query(query).load(&mut self.connection).unwrap();
        let tables = tables.into_iter().map(|table| (table.name, "leaf"));
        tables.chain([("leaves".to_owned(), "sequence")]).collect()
    }
}
