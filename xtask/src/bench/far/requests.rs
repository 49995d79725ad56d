//! Counting HTTP/1 requests in a stream of bytes, without reading all of HTTP.
//!
//! Nobody here sends a request before the last answer came, so a request begins where a client speaks first or speaks
//! again after an answer. Upload bodies contain anything, method names included; that is why their bytes alone decide
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const METHODS: [&[u8]; 6] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS "];

/// Counts the requests of one connection.
pub(super) struct RequestCounter {
    requests: Arc<AtomicU64>,
    is_answered: bool,
}

impl RequestCounter {
    pub(super) fn new(requests: Arc<AtomicU64>) -> RequestCounter {
        RequestCounter { requests, is_answered: true }
    }

    /// The client sent this.
    pub(super) fn sent(&mut self, data: &[u8]) {
        if self.is_answered && METHODS.iter().any(|method| data.starts_with(method)) {
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.is_answered = false;
        }
    }

    /// The server sent something.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_looks_like_a_request_is_none() {
        let requests = Arc::new(AtomicU64::new(0));
        let mut counter = RequestCounter::new(Arc::clone(&requests));
        counter.sent(b"POST /data/1 HTTP/1.1\r\n\r\n");
        counter.sent(b"GET in a body");
        counter.answered();
        counter.sent(b"GET /data/1 HTTP/1.1\r\n\r\n");
        assert_eq!(requests.load(Ordering::Relaxed), 2);
    }
}
