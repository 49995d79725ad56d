//! Certificates are verified, always.

use holdfast_location::ErrorKind;
use holdfast_model::Address;
use holdfast_testkit::servers::{Certificates, RestOptions, RestServer};

use super::suite::{contract_suite, established, opened};

#[test]
fn a_private_authority_must_be_named() {
    let certificates = Certificates::new();
    let options = RestOptions { tls: Some(&certificates), ..RestOptions::default() };
    let server = RestServer::start(&options);
    let url = server.url("place");
    assert!(url.starts_with("rest:https://"));

    let error = opened(&url, &server.credentials_toml()).establish().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");

    let other = Certificates::new();
    let wrong = format!("{}ca_file = \"{}\"\n", server.credentials_toml(), other.authority.display());
    let error = opened(&url, &wrong).establish().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");

    let right = format!("{}ca_file = \"{}\"\n", server.credentials_toml(), certificates.authority.display());
    contract_suite(&*established(&url, &right));

    // The right authority, the wrong name.
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    let error = opened(&elsewhere, &right).establish().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[test]
fn the_same_for_s3() {
    let certificates = Certificates::new();
    let options = RestOptions { tls: Some(&certificates), ..RestOptions::default() };
    // Any TLS server will do: the handshake comes first.
    let server = RestServer::start(&options);
    let host = server.url("").replace("rest:", "");
    let url = format!("s3://bucket/x?endpoint={host}");
    let credentials = "access_key = \"AK\"\nsecret_key = \"SK\"\n";
    let error = opened(&url, credentials).establish().unwrap_err();
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    let trusting = format!("{credentials}ca_file = \"{}\"\n", certificates.authority.display());
    let error = opened(&url, &trusting).establish().unwrap_err();
    assert!(!error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert!(error.to_string().contains("HTTP 4"), "{error}");
}

#[test]
fn plain_http_leaves_this_machine_never() {
    // A place is opened by its address, and none of these has one.
    for url in ["rest:http://192.0.2.1/", "s3://b/?endpoint=http://192.0.2.1"] {
        let error = Address::parse(url).unwrap_err();
        assert!(error.contains("clear text"), "{error}");
    }
}
