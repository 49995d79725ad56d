//! Findings in files, with file, line, caret and hint.

use holdfast_model::{Diagnostic as Finding, Severity};
use holdfast_ops::validate::FileFindings;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde::Serialize;

use crate::output;

/// Prints findings to stderr.
pub fn print(files: &[FileFindings]) {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    for file in files {
        for finding in &file.findings {
            let report = report(file, finding);
            let mut text = String::new();
            match handler.render_report(&mut text, report.as_ref()) {
                Ok(()) => output::note(text.trim_end()),
                Err(_) => output::note(finding.to_string()),
            }
        }
    }
}

fn report(file: &FileFindings, finding: &Finding) -> Report {
    let label = LabeledSpan::new_with_span(None, finding.span.clone());
    let mut diagnostic = MietteDiagnostic::new(finding.message.clone())
        .with_code(finding.code.clone())
        .with_severity(match finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
        .with_label(label);
    if let Some(hint) = &finding.hint {
        diagnostic = diagnostic.with_help(hint.clone());
    }
    let source = NamedSource::new(file.path.display().to_string(), file.text.clone());
    Report::new(diagnostic).with_source_code(source)
}

/// A finding for scripts.
#[derive(Serialize)]
pub struct JsonFinding {
    file: String,
    line: usize,
    column: usize,
    severity: &'static str,
    code: String,
    message: String,
    hint: Option<String>,
}

/// Every finding for scripts.
pub fn json(files: &[FileFindings]) -> Vec<JsonFinding> {
    let of_file = |file: &FileFindings| -> Vec<JsonFinding> {
        let convert = |finding: &Finding| {
            let (line, column) = finding.line_and_column(&file.text);
            JsonFinding {
                file: file.path.display().to_string(),
                line,
                column,
                severity: if finding.severity == Severity::Error { "error" } else { "warning" },
                code: finding.code.clone(),
                message: finding.message.clone(),
                hint: finding.hint.clone(),
            }
        };
        file.findings.iter().map(convert).collect()
    };
    files.iter().flat_map(of_file).collect()
}
