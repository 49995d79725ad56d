//! What a bucket holds besides the objects that everybody sees: older versions, delete markers, and uploads that were
//! never completed. In a bucket with versioning a deletion deletes nothing: it hides.

use http::Method;
use jiff::Timestamp;
use opendal::options::{DeleteOptions, ListOptions};
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use serde::Deserialize;

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

    async fn send(&self, method: Method, path_and_query: &str) -> Result<Answer, String> {
        let url = format!("{}{path_and_query}", self.base);
        let request = http::Request::builder()
            .method(method)
            .uri(&url)
            // Nobody signs a body that is not there.
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .body(())
            .map_err(|error| error.to_string())?;
        let (mut parts, ()) = request.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| error.to_string())?;
        let request = self.http.request(parts.method, &parts.uri.to_string()).headers(parts.headers);
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
        let root = match self.bucket.prefix.trim_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
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
            let root = match self.bucket.prefix.trim_matches('/') {
                "" => String::new(),
                folder => format!("{folder}/"),
            };
            let path = format!("{root}{}", lying.path);
            let path: Vec<String> = path
                .split('/')
                .map(|part| percent_encoding::utf8_percent_encode(part, SAFE).to_string())
                .collect();
            let of = if lying.what == What::Upload { "uploadId" } else { "versionId" };
            let id = lying.version.as_deref().map(|id| percent_encoding::utf8_percent_encode(id, SAFE));
            let query = id.map_or_else(String::new, |id| format!("?{of}={id}"));
            let request = format!("/{}{query}", path.join("/"));
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

    fn ask(&self, action: &str, method: Method, path_and_query: &str) -> Result<Answer, Error> {
        let answer = runtime::wait(&self.runtime, self.requests.send(method, path_and_query))
            .map_err(|cause| self.error(ErrorKind::Unreachable, action, &cause))?;
        let kind = match answer.status.as_u16() {
            200..=299 => return Ok(answer),
            401 | 403 => ErrorKind::Refused,
            404 => ErrorKind::NotFound,
            405 | 501 => ErrorKind::Unsupported,
            _ => ErrorKind::Unreachable,
        };
        let said = String::from_utf8_lossy(&answer.body);
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(self.error(kind, action, &format!("HTTP {}: {said}", answer.status.as_u16())))
    }
}

/// What needs no escape in a path or a query that is signed.
const SAFE: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
