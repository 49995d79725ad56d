//! The policy as a document for people.

use holdfast_model::Policy;
use holdfast_model::render::{document, html, markdown};

/// The form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Markdown.
    Markdown,
    /// One HTML file that needs nothing else.
    Html,
}

/// Writes the document of a policy.
pub fn render(policy: &Policy, form: Form) -> String {
    // Nothing records reviews yet, so the next one is reckoned from the effective day.
    let document = document(policy, None);
    match form {
        Form::Markdown => markdown(&document),
        Form::Html => html(&document),
    }
}
