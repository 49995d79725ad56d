//! HTTP for S3 and REST places: one client, one private runtime and one set of bounds per place. A library's own
//! defaults would wait for ever on a dead network, follow redirects with credentials, and read proxies from the
//! environment; none of that happens here.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, StatusCode};
use tokio::time::timeout;

use crate::surroundings::Timeouts;

/// A client of one place.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    timeouts: Timeouts,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    /// Builds the client; with `ca_file` only that authority is trusted, else the system's.
    pub(crate) fn new(timeouts: Timeouts, ca_file: Option<&Path>) -> Result<Http, String> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .tcp_user_timeout(timeouts.stall)
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| format!("ca_file {}: {}", path.display(), causes(&error)))?;
            if certificates.is_empty() {
                return Err(format!("ca_file {} holds no certificate", path.display()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| causes(&error))?;
        Ok(Http { client, timeouts })
    }

    /// Starts building a request.
    pub(crate) fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads the whole answer. `Err` is always "could not be reached or broke off".
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, String> {
        let bytes_up = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len) as u64;
        let head = request.method() == Method::HEAD;
        let patience = self.timeouts.connect + self.timeouts.transfer(bytes_up);
        let mut response = timeout(patience, self.client.execute(request))
            .await
            .map_err(|_| format!("no answer within {} s", patience.as_secs()))?
            .map_err(|error| causes(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        if !head {
            let length = response.content_length().and_then(|length| usize::try_from(length).ok());
            body.reserve(length.unwrap_or(0).min(1 << 26));
            let stall = self.timeouts.stall;
            while let Some(chunk) = timeout(stall, response.chunk())
                .await
                .map_err(|_| format!("nothing came for {} s", stall.as_secs()))?
                .map_err(|error| causes(&error))?
            {
                body.extend_from_slice(&chunk);
            }
            if length.is_some_and(|length| length != body.len()) {
                return Err("the answer broke off".to_owned());
            }
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }
}

/// An error with everything below it, without the URL (whose query may be signed).
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = if text.is_empty() { next } else { format!("{text}: {next}") };
        }
        source = error.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
