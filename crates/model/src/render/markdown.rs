//! A document as Markdown. What people wrote into the policy is text, and never markup.

use super::{Block, Document, Line};

/// Writes the document.
pub fn markdown(document: &Document) -> String {
    let mut text = format!("# {}\n\n**{}**\n\n", escaped(&document.title), escaped(&document.company));
    for (name, value) in &document.facts {
        text += &format!("- {}: {}\n", escaped(name), escaped(value));
    }
    for section in &document.sections {
        text += &format!("\n## {}\n", escaped(&section.heading));
        for block in &section.blocks {
            text.push('\n');
            match block {
                Block::Paragraph(line) => text += &format!("{}\n", shown(line)),
                Block::List(lines) => lines.iter().for_each(|line| text += &format!("- {}\n", shown(line))),
                Block::Steps(lines) => {
                    let steps = lines.iter().enumerate();
                    steps.for_each(|(n, line)| text += &format!("{}. {}\n", n + 1, shown(line)));
                }
                Block::Table { header, rows } => {
                    let cells = |cells: &[String]| {
                        cells.iter().map(|cell| format!(" {} |", escaped(cell))).collect::<String>()
                    };
                    text +=
                        &format!("|{} Sentence |\n|{}\n", cells(header), " --- |".repeat(header.len() + 1));
                    for (row, sentences) in rows {
                        text += &format!("|{} {sentences} |\n", cells(row));
                    }
                }
            }
        }
    }
    text + &format!("\n---\n\n{}\n", escaped(&document.footer))
}

fn shown(line: &Line) -> String {
    let sentences = if line.sentences.is_empty() { String::new() } else { format!(" ({})", line.sentences) };
    format!("{}{sentences}", escaped(&line.text))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&') {
            escaped.push('\\');
        }
        escaped.push(if letter.is_control() { ' ' } else { letter });
    }
    escaped
}
