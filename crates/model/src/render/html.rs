//! A document as one HTML file that needs nothing else, and prints well on A4.

use super::{Block, Document, Line};

/// Writes the document.
pub fn html(document: &Document) -> String {
    let mut body = format!(
        "<header>\n<p class=\"company\">{}</p>\n<h1>{}</h1>\n<dl>\n",
        escaped(&document.company),
        escaped(&document.title)
    );
    for (name, value) in &document.facts {
        body += &format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value));
    }
    body += "</dl>\n</header>\n";
    for section in &document.sections {
        body += &format!("<section>\n<h2>{}</h2>\n", escaped(&section.heading));
        section.blocks.iter().for_each(|block| body += &shown(block));
        body += "</section>\n";
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}: {}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{body}<footer>{}</footer>\n</body>\n</html>\n",
        escaped(&document.company),
        escaped(&document.title),
        include_str!("../../templates/policy.css"),
        escaped(&document.footer)
    )
}

fn shown(block: &Block) -> String {
    let items =
        |lines: &[Line]| lines.iter().map(|line| format!("<li>{}</li>\n", inside(line))).collect::<String>();
    match block {
        Block::Paragraph(line) => format!("<p>{}</p>\n", inside(line)),
        Block::List(lines) => format!("<ul>\n{}</ul>\n", items(lines)),
        Block::Steps(lines) => format!("<ol>\n{}</ol>\n", items(lines)),
        Block::Table { header, rows } => {
            let head: String =
                header.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell))).collect();
            let mut table = format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
            for (row, sentences) in rows {
                let (last, rest) = row
                    .split_last()
                    .map_or((&[][..], &[][..]), |(last, rest)| (std::slice::from_ref(last), rest));
                let cells: String = rest.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
                let last: String = last
                    .iter()
                    .map(|cell| format!("<td>{}{}</td>", escaped(cell), mark(sentences)))
                    .collect();
                table += &format!("<tr>{cells}{last}</tr>\n");
            }
            table + "</tbody>\n</table>\n"
        }
    }
}

fn inside(line: &Line) -> String {
    format!("{}{}", escaped(&line.text), mark(&line.sentences))
}

fn mark(sentences: &str) -> String {
    if sentences.is_empty() { String::new() } else { format!("&nbsp;<small>{}</small>", escaped(sentences)) }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}
