//! The tables of WHMCS out of their notation in `schema.txt`: more than a thousand columns say the same few things.

use std::fmt::Write;

const NOTATION: &str = include_str!("schema.txt");

/// Every CREATE TABLE. Installs that began long ago have MyISAM and latin1.
pub(super) fn statements(is_legacy: bool) -> String {
    let kind = if is_legacy {
        "ENGINE=MyISAM DEFAULT CHARSET=latin1"
    } else {
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci"
    };
    let lines: Vec<&str> = NOTATION.lines().filter(|line| !line.starts_with('#')).collect();
    let mut text = String::new();
    for (at, name) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with(' ')) {
        let mut definitions = vec!["`id` int(10) unsigned NOT NULL AUTO_INCREMENT".to_owned()];
        definitions.extend(split(lines[at + 1]).iter().flat_map(|column| columns(column)));
        definitions.push("PRIMARY KEY (`id`)".to_owned());
        definitions.extend(
            lines.get(at + 2).filter(|line| line.starts_with(' ')).map(|keys| keys.trim().to_owned()),
        );
        writeln!(text, "CREATE TABLE `{name}` (\n {}\n) {kind};", definitions.join(",\n "))
            .expect("a string takes everything");
    }
    text
}

/// The names of all tables.
pub(super) fn tables() -> Vec<&'static str> {
    NOTATION.lines().filter(|line| !line.starts_with([' ', '#'])).collect()
}

/// At commas outside of parentheses.
fn split(line: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in line.trim().chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one").push(letter);
    }
    parts
}

fn columns(column: &str) -> Vec<String> {
    if column.trim() == "CU" {
        return ["created_at ts0", "updated_at ts0"].iter().flat_map(|column| columns(column)).collect();
    }
    let (name, kind) = column.trim().split_once(' ').unwrap_or_else(|| panic!("{column:?} has no type"));
    let (kind, default) = kind.split_once('=').map_or((kind, None), |(kind, default)| (kind, Some(default)));
    let (kind, is_nullable) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    let (sql, own_default) = sql_type(kind);
    let null = if is_nullable { "NULL" } else { "NOT NULL" };
    let default = match default.map(str::to_owned).or(own_default) {
        Some(default) if !is_nullable => format!(" DEFAULT {default}"),
        None if is_nullable => " DEFAULT NULL".to_owned(),
        _ => String::new(),
    };
    vec![format!("`{name}` {sql} {null}{default}")]
}

fn sql_type(kind: &str) -> (String, Option<String>) {
    let (sql, default) = match kind {
        "i" => ("int(10)", None),
        "u" => ("int(10) unsigned", Some("0")),
        "T" => ("text", None),
        "MT" => ("mediumtext", None),
        "b" => ("tinyint(1)", None),
        "m" => ("decimal(16,2)", None),
        "m0" => ("decimal(16,2)", Some("0.00")),
        "d" => ("date", None),
        "dt" => ("datetime", None),
        "ts" => ("timestamp", None),
        "d0" => ("date", Some("'0000-00-00'")),
        "dt0" => ("datetime", Some("'0000-00-00 00:00:00'")),
        "ts0" => ("timestamp", Some("'0000-00-00 00:00:00'")),
        _ => match kind.strip_prefix('v').filter(|length| length.parse::<u16>().is_ok()) {
            Some(length) => return (format!("varchar({length})"), Some("''".to_owned())),
            None => (kind, None),
        },
    };
    (sql.to_owned(), default.map(str::to_owned))
}
