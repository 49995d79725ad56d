use super::Address;

#[test]
fn every_form_is_understood() {
    assert_eq!(Address::parse("/srv/backup").unwrap(), Address::Local { path: "/srv/backup".into() });
    assert_eq!(Address::parse("file:///srv/a%20b").unwrap(), Address::Local { path: "/srv/a b".into() });
    assert_eq!(
        Address::parse("sftp://bob@example.net:2222/srv/backup/").unwrap(),
        Address::Sftp {
            user: "bob".into(),
            host: "example.net".into(),
            port: 2222,
            path: "/srv/backup".into()
        }
    );
    assert_eq!(
        Address::parse("s3://bucket/a/b?endpoint=https://s3.example.net&region=fra").unwrap(),
        Address::S3 {
            bucket: "bucket".into(),
            prefix: "a/b".into(),
            endpoint: Some("https://s3.example.net".into()),
            region: "fra".into()
        }
    );
    let rest = Address::Rest { base: "https://example.net:8000/x/".into() };
    assert_eq!(Address::parse("rest:https://example.net:8000/x").unwrap(), rest);
    assert_eq!(Address::parse("rest+https://example.net:8000/x/").unwrap(), rest);
}

#[test]
fn plain_http_is_for_loopback_only() {
    for good in ["127.0.0.1", "127.9.9.9:8000", "[::1]:8000", "localhost:1"] {
        Address::parse(&format!("rest:http://{good}/")).unwrap();
        Address::parse(&format!("s3://b?endpoint=http://{good}")).unwrap();
    }
    for bad in ["10.0.0.1", "localhost.example.net", "example.net", "128.0.0.1", "[::2]", "0.0.0.0"] {
        assert!(Address::parse(&format!("rest:http://{bad}/")).unwrap_err().contains("https"), "{bad}");
        assert!(
            Address::parse(&format!("s3://b?endpoint=http://{bad}")).unwrap_err().contains("https"),
            "{bad}"
        );
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_not_repeated() {
    for url in [
        "sftp://bob:hunter2secret@h/p",
        "rest:https://bob:hunter2secret@h/p",
        "s3://AK:hunter2secret@bucket/p",
        "s3://bucket/p?endpoint=https://a:hunter2secret@h",
    ] {
        let error = Address::parse(url).unwrap_err();
        assert!(error.contains("credentials file"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn nonsense_is_refused() {
    for url in [
        "",
        "relative/path",
        "/",
        "/a/../b",
        "ftp://h/p",
        "https://h/p",
        "sftp://h/p",
        "sftp://u@h",
        "sftp://u@h/../x",
        "s3:///p",
        "s3://b?colour=blue",
        "s3://b/../c/%2e%2e",
        "rest:ftp://h/",
        "rest:https://h/?x=1",
        "file://relative",
        "file:///a%00b",
    ] {
        assert!(Address::parse(url).is_err(), "{url:?} was accepted");
    }
}
