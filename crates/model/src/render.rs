//! The policy as a document for people, written from the rules.
//!
//! A policy that is published in one place and configured in another drifts apart, and the published one is what the
//! auditor reads. Here there is only one: this document says what runs, the cadence that keeps the objectives included.

mod html;
mod markdown;
mod sections;
mod spans;

use jiff::civil::Date;

use crate::Policy;

pub use self::html::html;
pub use self::markdown::markdown;

/// A document, before it has a format. Texts are plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What stands on top.
    pub title: String,
    /// Whose it is.
    pub company: String,
    /// Names and values below the title.
    pub facts: Vec<(String, String)>,
    /// The sections, in order.
    pub sections: Vec<Section>,
    /// The last line.
    pub footer: String,
}

/// A section of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading, with its number.
    pub heading: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Paragraph(Line),
    /// Items without an order.
    List(Vec<Line>),
    /// Items in order.
    Steps(Vec<Line>),
    /// A table.
    Table {
        /// Names of the columns.
        header: Vec<String>,
        /// The rows; the sentences of each stand beside it.
        rows: Vec<(Vec<String>, String)>,
    },
}

/// A text with the sentences that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text.
    pub text: String,
    /// Numbers of sentences, e.g. `4.5, 8.1`; may be empty.
    pub sentences: String,
}

/// The document of a policy. `last_review` is when a review was last recorded.
pub fn document(policy: &Policy, last_review: Option<Date>) -> Document {
    sections::document(policy, last_review)
}

impl Line {
    pub(crate) fn new(text: impl Into<String>, sentences: impl Into<String>) -> Line {
        Line { text: text.into(), sentences: sentences.into() }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Line {
        Line::new(text, "")
    }
}

#[cfg(test)]
mod tests;
