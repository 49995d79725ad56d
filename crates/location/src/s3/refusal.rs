//! What a bucket's service says when it does not do what it was asked, sorted.

use opendal::ErrorKind as Kind;

use super::S3;
use crate::error::{Error, ErrorKind};

impl S3 {
    pub(super) fn error(&self, kind: ErrorKind, action: &str, cause: &str) -> Error {
        Error::new(kind, &self.name, action, self.secrets.hide(cause))
    }

    /// Sorts an error of the service. `NotFound` must have been dealt with.
    pub(super) fn failed(&self, action: &str, error: &opendal::Error) -> Error {
        let text = said(error);
        let kind = match error.kind() {
            Kind::PermissionDenied => ErrorKind::Refused,
            Kind::RangeNotSatisfied => ErrorKind::Corrupt,
            Kind::Unsupported | Kind::ConfigInvalid => ErrorKind::Unsupported,
            // SeaweedFS names it so; AWS has no end of space, but others have quotas.
            _ if [
                "QuotaExceeded",
                "InsufficientStorage",
                "XMinioStorageFull",
                "no free volumes",
                "HTTP 507",
            ]
            .iter()
            .any(|word| text.contains(word)) =>
            {
                ErrorKind::Full
            }
            _ => ErrorKind::Unreachable,
        };
        let missing = text.contains("NoSuchBucket");
        let kind = if missing { ErrorKind::Unreachable } else { kind };
        let hint = match kind {
            _ if missing => "the bucket does not exist: ",
            ErrorKind::Refused => "key, secret or policy do not allow it: ",
            _ => "",
        };
        self.error(kind, action, &format!("{hint}{text}"))
    }
}

/// The message and the HTTP status of an error, without the headers that opendal prints along.
fn said(error: &opendal::Error) -> String {
    let full = error.to_string();
    let status =
        full.split_once("status: ").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect());
    let status = status.map(|code: String| format!("HTTP {code}")).unwrap_or_default();
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let parts = [error.message().trim().to_owned(), source, status];
    let mut parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        parts.push(error.kind().to_string());
    }
    parts.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}
