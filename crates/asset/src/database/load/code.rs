//! Which statements of a dump create views, triggers, routines and events, beside rows and tables.

use serde::{Deserialize, Serialize};

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeCounts {
    /// Views.
    pub views: u64,
    /// Triggers.
    pub triggers: u64,
    /// Procedures and functions.
    pub routines: u64,
    /// Events.
    pub events: u64,
}

impl CodeCounts {
    /// Counts a statement, where it creates one. Views count at their end, not where a table or view stands for them.
    pub(super) fn count(&mut self, file: &str, statement: &[u8]) {
        if !creates_code(statement) {
            return;
        }
        match file {
            "views.sql" => self.views += 1,
            "events.sql" => self.events += 1,
            "routines.sql" => self.routines += 1,
            _ if file.starts_with("table.") => self.triggers += 1,
            _ => {}
        }
    }
}

/// Whether it creates a view, trigger, routine or event as dump tools write that.
pub(super) fn creates_code(statement: &[u8]) -> bool {
    let text = statement.trim_ascii_start();
    ["/*!50003 CREATE", "/*!50001 CREATE", "/*!50106 CREATE", "/*!50020 CREATE", "CREATE DEFINER"]
        .iter()
        .any(|start| text.starts_with(start.as_bytes()))
}

/// Whether the triggers of a table's file begin here.
pub(super) fn begins_triggers(statement: &[u8]) -> bool {
    statement.starts_with(b"/*!50003 SET @saved_cs_client")
}

/// Whether a file is all code.
pub(super) fn is_code_file(name: &str) -> bool {
    matches!(name, "views.sql" | "events.sql" | "routines.sql") || name.starts_with("placeholder.")
}
