//! A folder whose content comes as a stream, and in no other way.
//!
//! What a server says once cannot be listed first and opened later. Whoever tries is told so, instead of finding an empty folder.

use std::sync::Arc;

use holdfast_format::source::{Content, Directory, Entry, Listing, SourceError, Stream, Xattr};

use super::failure::failure;

/// The folder of a dump or a log.
pub(super) struct Streamed {
    path: Vec<u8>,
    what: &'static str,
    begin: Box<dyn Fn(Vec<u8>) -> Box<dyn Stream> + Send + Sync>,
}

impl Streamed {
    /// The one at `components`; `what` says to people of what, as in "a dump". `begin` makes the stream, for this path.
    pub(super) fn at(
        components: &[Vec<u8>],
        what: &'static str,
        begin: impl Fn(Vec<u8>) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Arc<dyn Directory> {
        let mut path = Vec::new();
        for component in components {
            path.push(b'/');
            path.extend(component);
        }
        Arc::new(Streamed { path, what, begin: Box::new(begin) })
    }

    fn only_streamed<T>(&self) -> Result<T, SourceError> {
        let message = format!("{} is streamed: it cannot be listed, and nothing in it opened", self.what);
        Err(failure(&self.path, std::io::ErrorKind::Unsupported, message))
    }
}

impl Directory for Streamed {
    fn path(&self) -> Vec<u8> {
        self.path.clone()
    }

    fn list(&self) -> Result<Listing, SourceError> {
        self.only_streamed()
    }

    fn child(&self, _: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        self.only_streamed()
    }

    fn open(&self, _: &Entry) -> Result<Box<dyn Content>, SourceError> {
        self.only_streamed()
    }

    fn xattrs(&self, _: &Entry) -> Result<Vec<Xattr>, SourceError> {
        self.only_streamed()
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn link_target(&self, _: &Entry) -> Result<Vec<u8>, SourceError> {
        self.only_streamed()
    }

    /// The server is reached with the first file that is asked for.
    fn stream(&self) -> Option<Box<dyn Stream>> {
        Some((self.begin)(self.path.clone()))
    }
}
