//! What a bucket holds besides the objects that everybody sees: older versions, delete markers, and uploads that were
//! never completed. In a bucket with versioning a deletion deletes nothing: it hides.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use jiff::Timestamp;
use opendal::options::{DeleteOptions, ListOptions};
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::S3;
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::http::{Answer, Http};
use crate::runtime;
use crate::walk::{Lying, Walk, What, is_below};

/// Signs the requests that opendal has no call for.
pub(super) struct Requests {
    http: Http,
    signer: Signer<reqsign_aws_v4::Credential>,
    /// The bucket's URL.
    base: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    #[serde(default)]
    initiated: String,
}

impl Requests {
    pub(super) fn new(http: Http, credentials: &Credentials, region: &str, base: String) -> Requests {
        use secrecy::ExposeSecret;
        let word = |secret: &Option<secrecy::SecretString>| {
            secret.as_ref().map_or_else(String::new, |secret| secret.expose_secret().to_owned())
        };
        let mut provider =
            StaticCredentialProvider::new(&word(&credentials.access_key), &word(&credentials.secret_key));
        if let Some(token) = &credentials.session_token {
            provider = provider.with_session_token(token.expose_secret());
        }
        let signer = Signer::new(Context::new(), provider, RequestSigner::new("s3", region));
        Requests { http, signer, base }
    }

    /// Sends a request with headers of its own, which are signed as well. A body goes with its checksum, for a service
    /// may ask for that before it locks anything.
    async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let url = format!("{}{path_and_query}", self.base);
        let mut request = http::Request::builder().method(method).uri(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = match &body {
            // Nobody signs a body that is not there.
            None => request.header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            Some(body) => {
                let hash = Sha256::digest(body);
                let hex = hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                request
                    .header("x-amz-content-sha256", hex)
                    .header("x-amz-checksum-sha256", BASE64_STANDARD.encode(hash))
            }
        };
        let request = request.body(()).map_err(|error| error.to_string())?;
        let (mut parts, ()) = request.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| error.to_string())?;
        let mut request = self.http.request(parts.method, &parts.uri.to_string()).headers(parts.headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        self.http.send(request.build().map_err(|_| "the request cannot be built".to_owned())?).await
    }
}

impl S3 {
    pub(super) fn walk_all(&self, action: &str, repository: Option<&str>) -> Result<Walk, Error> {
        self.present(action)?;
        let prefix = repository.map_or("/".to_owned(), |name| format!("{name}/"));
        let options =
            ListOptions { recursive: true, versions: true, deleted: true, ..ListOptions::default() };
        let mut walk = Walk::default();
        let entries = match runtime::wait(&self.runtime, self.operator.list_options(&prefix, options)) {
            Ok(entries) => entries,
            // Current objects are seen all the same.
            Err(error) => {
                let error = self.failed(action, &error);
                if error.kind == ErrorKind::Unreachable {
                    return Err(error);
                }
                walk.refused.push(format!("older versions: {}", error.cause));
                self.entries(action, &prefix, true)?
            }
        };
        for entry in &entries {
            let metadata = entry.metadata();
            // A name may end in a slash; a folder that is only shown as one is no object.
            let is_object = metadata.etag().is_some() || metadata.version().is_some();
            if entry.path() == "/" || entry.path().ends_with('/') && !is_object {
                continue;
            }
            let what = match (metadata.is_deleted(), metadata.is_current()) {
                (true, _) => What::DeleteMarker,
                (false, Some(false)) => What::Version,
                (false, _) => What::Current,
            };
            let modified = metadata.last_modified().map(|time| time.to_string());
            walk.lying.push(Lying {
                path: entry.path().to_owned(),
                what,
                bytes: metadata.content_length(),
                modified: modified.and_then(|time| time.parse().ok()),
                version: metadata.version().map(str::to_owned),
            });
        }
        match self.uploads(action, &prefix) {
            Ok(uploads) => walk.lying.extend(uploads),
            Err(error) if error.kind == ErrorKind::Unreachable => return Err(error),
            Err(error) => walk.refused.push(format!("uploads that were never completed: {}", error.cause)),
        }
        Ok(walk)
    }

    /// Uploads of several parts that were never completed. We make none; other programs do.
    fn uploads(&self, action: &str, prefix: &str) -> Result<Vec<Lying>, Error> {
        let root = self.root();
        let full = format!("{root}{}", prefix.trim_start_matches('/'));
        let mut found = Vec::new();
        let (mut key, mut upload) = (String::new(), String::new());
        loop {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("prefix", &full);
            if !key.is_empty() {
                query.append_pair("key-marker", &key).append_pair("upload-id-marker", &upload);
            }
            let query = query.finish().replace('+', "%20");
            let answer = self.ask(action, Method::GET, &format!("?uploads=&{query}"))?;
            let text = String::from_utf8_lossy(&answer.body);
            let page: Uploads = quick_xml::de::from_str(&text).map_err(|error| {
                self.error(ErrorKind::Unreachable, action, &format!("the answer makes no sense: {error}"))
            })?;
            found.extend(page.uploads.into_iter().filter(|one| one.key.starts_with(&full)).map(|one| {
                Lying {
                    path: one.key[root.len()..].to_owned(),
                    what: What::Upload,
                    bytes: 0,
                    modified: one.initiated.parse::<Timestamp>().ok(),
                    version: Some(one.upload_id),
                }
            }));
            // A marker that does not move would keep us here for ever.
            if !page.is_truncated || (&page.next_key_marker, &page.next_upload_id_marker) == (&key, &upload) {
                return Ok(found);
            }
            (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    pub(super) fn erase_one(&self, action: &str, lying: &Lying) -> Result<(), Error> {
        if !is_below(lying.path.strip_suffix('/').unwrap_or(&lying.path)) {
            return Err(self.error(ErrorKind::Unsupported, action, "it is no object of this place"));
        }
        // opendal has no call for uploads, and takes a name that ends in a slash for a folder.
        if lying.what == What::Upload || lying.path.ends_with('/') {
            let of = if lying.what == What::Upload { "uploadId" } else { "versionId" };
            let id = lying.version.as_deref().map(escaped);
            let query = id.map_or_else(String::new, |id| format!("?{of}={id}"));
            let request = format!("{}{query}", self.url_path(&lying.path));
            return match self.ask(action, Method::DELETE, &request) {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
                done => done.map(|_| ()),
            };
        }
        // opendal would take such a name for another one, which may be that of a live object.
        if lying.path.trim() != lying.path {
            return Err(self.error(
                ErrorKind::Unsupported,
                action,
                "its name begins or ends with white space",
            ));
        }
        let options = DeleteOptions { version: lying.version.clone(), ..DeleteOptions::default() };
        match runtime::wait(&self.runtime, self.operator.delete_options(&lying.path, options)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed(action, &error)),
        }
    }

    /// The prefix of every key, with its slash.
    fn root(&self) -> String {
        match self.bucket.prefix.trim_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        }
    }

    /// An object's path as it stands in a URL, below the bucket.
    pub(super) fn url_path(&self, path: &str) -> String {
        let path = format!("{}{path}", self.root());
        let parts: Vec<String> = path.split('/').map(escaped).collect();
        format!("/{}", parts.join("/"))
    }

    fn ask(&self, action: &str, method: Method, path_and_query: &str) -> Result<Answer, Error> {
        let answer = self.asked(action, method, path_and_query, &[], None)?;
        let kind = match answer.status.as_u16() {
            200..=299 => return Ok(answer),
            401 | 403 => ErrorKind::Refused,
            404 => ErrorKind::NotFound,
            405 | 501 => ErrorKind::Unsupported,
            _ => ErrorKind::Unreachable,
        };
        Err(self.said_no(kind, action, &answer))
    }

    /// The answer to a request, whatever it is.
    pub(super) fn asked(
        &self,
        action: &str,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, Error> {
        runtime::wait(&self.runtime, self.requests.send(method, path_and_query, headers, body))
            .map_err(|cause| self.error(ErrorKind::Unreachable, action, &cause))
    }

    pub(super) fn said_no(&self, kind: ErrorKind, action: &str, answer: &Answer) -> Error {
        let said = String::from_utf8_lossy(&answer.body);
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        self.error(kind, action, &format!("HTTP {}: {said}", answer.status.as_u16()))
    }
}

/// A word as it may stand in a path or a query.
pub(super) fn escaped(word: &str) -> String {
    percent_encoding::utf8_percent_encode(word, SAFE).to_string()
}

/// What needs no escape in a path or a query that is signed.
const SAFE: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
