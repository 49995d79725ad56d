//! Until when a version of an object in a bucket may not be deleted.
//!
//! A lock can be raised by whoever may, and lowered by nobody. So the one thing that must never happen here is to lock for
//! too long: the end of what is there is read first, and the place's clock is compared with ours.

use http::{HeaderValue, Method};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::S3;
use super::versions::escaped;
use crate::error::{Error, ErrorKind};
use crate::http::Answer;
use crate::object_lock::{CLOCKS_APART_MAX, LockBreak, ObjectLock, Retained, whole_seconds};
use crate::walk::{Lying, is_below};

/// The lock of a version.
pub(super) struct Retention {
    mode: String,
    pub(super) until: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    #[serde(default)]
    mode: String,
    retain_until_date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    #[serde(default)]
    code: String,
}

impl S3 {
    /// The lock of a version, or of the object as everybody sees it; none where it has none.
    pub(super) fn retention(
        &self,
        action: &str,
        path: &str,
        version: Option<&str>,
    ) -> Result<Option<Retention>, Error> {
        Ok(self.look_at_retention(action, path, version)?.0)
    }

    fn look_at_retention(
        &self,
        action: &str,
        path: &str,
        version: Option<&str>,
    ) -> Result<(Option<Retention>, Answer), Error> {
        let url = self.retention_url(action, path, version)?;
        let answer = self.asked(action, Method::GET, &url, &[], None)?;
        match answer.status.as_u16() {
            200 => {
                let text = String::from_utf8_lossy(&answer.body);
                let senseless = |cause: String| {
                    let cause = format!("the answer makes no sense: {cause}");
                    self.error(ErrorKind::Unreachable, action, &cause)
                };
                let written: Written =
                    quick_xml::de::from_str(&text).map_err(|error| senseless(error.to_string()))?;
                let until = written.retain_until_date.map(|date| {
                    date.parse().map_err(|error: jiff::Error| senseless(format!("{date:?}: {error}")))
                });
                let retention =
                    until.transpose()?.map(|until| Retention { mode: written.mode.clone(), until });
                Ok((retention, answer))
            }
            // Services name "no lock" differently, and "no object" alike.
            404 => match code(&answer).as_str() {
                "NoSuchKey" | "NoSuchVersion" => Err(self.not_found(action, path)),
                "NoSuchBucket" => Err(self.said_no(ErrorKind::Unreachable, action, &answer)),
                _ => Ok((None, answer)),
            },
            _ => Err(self.retention_refused(action, &answer)),
        }
    }

    /// Raises the lock of the object as everybody sees it.
    pub(super) fn raise(&self, action: &str, path: &str, until: Timestamp) -> Result<Retained, Error> {
        let Some(mode) = self.bucket.object_lock else {
            return Err(self.error(ErrorKind::Unsupported, action, "the estate does not say object_lock"));
        };
        let (there, answer) = self.look_at_retention(action, path, None)?;
        let before = there.as_ref().map(|retention| retention.until);
        let wanted = whole_seconds(until);
        let until = before.map_or(wanted, |before| before.max(wanted));
        let is_weaker = mode == ObjectLock::Compliance
            && there.as_ref().is_some_and(|retention| retention.mode != mode.word());
        if before == Some(until) && !is_weaker {
            return Ok(Retained { before, until });
        }
        // To strengthen it is to strengthen all of it, and then nobody can take back what was never asked for.
        // No refusal of the place: what is to be locked besides this object still is.
        if let Some(before) = before.filter(|before| is_weaker && *before > wanted) {
            let cause = format!(
                "it is locked until {before} in a weaker mode, and {} is wanted until {wanted} only: it is left as it is",
                mode.word()
            );
            return Err(self.error(ErrorKind::Conflict, action, &cause));
        }
        self.compare_clocks(action, &answer)?;
        let answer = self.write_retention(action, path, None, mode, until)?;
        match answer.status.as_u16() {
            200..=299 => Ok(Retained { before, until }),
            404 if code(&answer) == "NoSuchKey" => Err(self.not_found(action, path)),
            _ => Err(self.retention_refused(action, &answer)),
        }
    }

    /// Tries to get rid of a lock.
    pub(super) fn break_one(&self, action: &str, lying: &Lying, how: LockBreak) -> Result<(), Error> {
        let (version, bypass) = (lying.version.as_deref(), [("x-amz-bypass-governance-retention", "true")]);
        let answer = match how {
            LockBreak::Shorten(until) => {
                let mode = self.bucket.object_lock.unwrap_or(ObjectLock::Governance);
                self.write_retention(action, &lying.path, version, mode, whole_seconds(until))?
            }
            LockBreak::Bypass => {
                let version = escaped(version.unwrap_or_default());
                let url = format!("{}?versionId={version}", self.url_path(&lying.path));
                self.asked(action, Method::DELETE, &url, &bypass, None)?
            }
        };
        match answer.status.as_u16() {
            200..=299 => Ok(()),
            _ => Err(self.retention_refused(action, &answer)),
        }
    }

    fn write_retention(
        &self,
        action: &str,
        path: &str,
        version: Option<&str>,
        mode: ObjectLock,
        until: Timestamp,
    ) -> Result<Answer, Error> {
        let url = self.retention_url(action, path, version)?;
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            mode.word(),
            until.strftime("%Y-%m-%dT%H:%M:%SZ")
        );
        self.asked(action, Method::PUT, &url, &[], Some(body))
    }

    fn retention_url(&self, action: &str, path: &str, version: Option<&str>) -> Result<String, Error> {
        if !is_below(path) {
            return Err(self.error(ErrorKind::Unsupported, action, "it is no object of this place"));
        }
        let version = version.map(|version| format!("&versionId={}", escaped(version))).unwrap_or_default();
        Ok(format!("{}?retention={version}", self.url_path(path)))
    }

    fn retention_refused(&self, action: &str, answer: &Answer) -> Error {
        let kind = match answer.status.as_u16() {
            401 | 403 => ErrorKind::Refused,
            404 => ErrorKind::NotFound,
            // A bucket without object lock calls the question invalid, and trying again makes it no better.
            400 | 405 | 501 => ErrorKind::Unsupported,
            _ => ErrorKind::Unreachable,
        };
        self.said_no(kind, action, answer)
    }

    fn compare_clocks(&self, action: &str, answer: &Answer) -> Result<(), Error> {
        let Some(theirs) = answer.headers.get(reqwest::header::DATE).and_then(instant_of) else {
            let cause = "its answer does not tell its clock (no `Date` that makes sense): nothing is locked";
            return Err(self.error(ErrorKind::Refused, action, cause));
        };
        let ours = self.surroundings.clock.now();
        if ours.duration_since(theirs).abs() <= CLOCKS_APART_MAX {
            return Ok(());
        }
        let cause = format!(
            "its clock says {theirs} and ours {ours}: nothing is locked until the two agree to a day"
        );
        Err(self.error(ErrorKind::Refused, action, &cause))
    }
}

fn instant_of(date: &HeaderValue) -> Option<Timestamp> {
    let date = rfc2822::parse(date.to_str().ok()?).ok()?;
    Some(date.timestamp())
}

fn code(answer: &Answer) -> String {
    let refusal: Result<Refusal, _> = quick_xml::de::from_str(&String::from_utf8_lossy(&answer.body));
    refusal.map(|refusal| refusal.code).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_an_instant_or_nothing() {
        let instant = |date| instant_of(&HeaderValue::from_static(date)).map(|instant| instant.to_string());
        assert_eq!(instant("Fri, 27 Nov 2026 20:02:05 GMT").as_deref(), Some("2026-11-27T20:02:05Z"));
        assert_eq!(instant("today"), None);
        assert_eq!(instant(""), None);
    }
}
