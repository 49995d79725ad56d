//! The endpoint says by its status that nothing can be told, so that whoever only looks at that is not told that all is well.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use holdfast_ops::error::Error;
use holdfast_server::Endpoint;

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn endpoint(well: impl Fn() -> Result<Option<String>, Error> + Send + Sync + 'static) -> Endpoint {
    let listen = "127.0.0.1:0".parse().unwrap();
    Endpoint::begin(listen, || Err(Error::not_done("the ledger cannot be read")), well).unwrap()
}

#[test]
fn who_asks_is_told_by_the_status_that_it_is_not_well() {
    let old = endpoint(|| Ok(Some("no verdict since yesterday".to_owned())));
    assert_eq!(get(old.address(), "/healthz"), (503, "no verdict since yesterday\n".to_owned()));
    let broken = endpoint(|| Err(Error::not_done("the ledger cannot be read")));
    assert_eq!(get(broken.address(), "/healthz"), (503, "the ledger cannot be read\n".to_owned()));
    assert_eq!(get(broken.address(), "/metrics"), (503, "the ledger cannot be read\n".to_owned()));
    let panics = endpoint(|| panic!("a bug"));
    assert!(get(panics.address(), "/healthz").1.contains("a bug ended the reading"));
    assert_eq!(get(panics.address(), "/healthz").0, 503, "it goes on answering");
    let well = endpoint(|| Ok(None));
    assert_eq!(get(well.address(), "/healthz"), (200, "well\n".to_owned()));
    assert_eq!(get(well.address(), "/anything").0, 404);
}
