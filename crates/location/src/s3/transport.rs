//! How opendal's requests travel: through the place's own client, with its bounds.

use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, Result};
use reqwest::Method;

use crate::http::Http;

/// opendal's way out.
pub(super) struct Transport(pub(super) Http);

impl HttpTransport for Transport {
    async fn fetch(&self, request: http::Request<Buffer>) -> Result<http::Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let unusable = |_| Error::new(ErrorKind::Unexpected, "the request cannot be built");
        let head = parts.method == Method::HEAD;
        let request = self
            .0
            .request(parts.method, &parts.uri.to_string())
            .headers(parts.headers)
            .body(body.to_bytes())
            .build()
            .map_err(unusable)?;
        let answer = self
            .0
            .send(request)
            .await
            .map_err(|cause| Error::new(ErrorKind::Unexpected, cause).set_temporary())?;
        let mut response = http::Response::builder().status(answer.status);
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers;
        }
        let size = (!head).then_some(answer.body.len() as u64);
        let body = futures::stream::iter([Ok(Buffer::from(answer.body))]);
        response
            .body(HttpBody::new(body, size))
            .map_err(|_| Error::new(ErrorKind::Unexpected, "the answer makes no sense"))
    }
}
