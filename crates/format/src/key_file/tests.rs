use super::*;

fn master() -> MasterKey {
    MasterKey::from_bytes(&std::array::from_fn(|at| at as u8 + 1)).unwrap()
}

fn made() -> KeyFile {
    let mut next = 0;
    let mut random = |buffer: &mut [u8]| {
        buffer.iter_mut().for_each(|byte| {
            next += 1;
            *byte = next;
        });
    };
    let created = "2026-01-02T03:04:05.678Z".parse().unwrap();
    KeyFile::create(
        b"secret",
        &master(),
        ScryptParams { log_n: 4, r: 8, p: 2 },
        created,
        "root",
        "web1",
        &mut random,
    )
}

#[test]
fn the_right_password_opens_and_another_does_not() {
    let file = KeyFile::parse(&made().to_json()).unwrap();
    assert!(file == made());
    assert!(file.unlock(b"secret").unwrap() == master());
    for wrong in [b"Secret".as_slice(), b"", b"secret\n"] {
        assert!(matches!(file.unlock(wrong), Err(KeyError::WrongPassword)));
    }
    assert_eq!(file.created(), Some("2026-01-02T03:04:05.678Z"));
    assert_eq!((file.username(), file.hostname()), (Some("root"), Some("web1")));
    assert!(!format!("{file:?}").contains("data"));
}

#[test]
fn origin_may_be_missing() {
    let text = String::from_utf8(made().to_json()).unwrap();
    let (_, rest) = text.split_once("\"kdf\"").unwrap();
    let file = KeyFile::parse(format!("{{\"hostname\":null,\"kdf\"{rest}").as_bytes()).unwrap();
    assert!(file.unlock(b"secret").unwrap() == master());
    assert_eq!((file.created(), file.username(), file.hostname()), (None, None, None));
}

#[test]
fn the_fields_stand_in_restics_order() {
    let text = String::from_utf8(made().to_json()).unwrap();
    let at = ["created", "username", "hostname", "kdf", "N", "r", "p", "salt", "data"]
        .map(|key| text.find(&format!("\"{key}\":")).unwrap());
    assert!(at.is_sorted());
    assert!(text.contains(r#""kdf":"scrypt","N":16,"r":8,"p":2,"#), "{text}");
}

#[test]
fn absurd_or_unknown_files_are_refused_before_any_work() {
    let text = String::from_utf8(made().to_json()).unwrap();
    for (from, to) in [
        ("\"N\":16", "\"N\":17"),
        ("\"N\":16", "\"N\":0"),
        ("\"N\":16", "\"N\":1"),
        ("\"N\":16", "\"N\":1099511627776"),
        ("\"N\":16", "\"N\":9223372036854775808"),
        ("\"r\":8", "\"r\":0"),
        ("\"r\":8", "\"r\":4294967295"),
        ("\"p\":2", "\"p\":0"),
        ("\"p\":2", "\"p\":4294967295"),
        ("scrypt", "argon2"),
        ("\"salt\":\"", "\"salt\":\"AAAA"),
        ("\"salt\":\"", "\"salt\":\"!"),
        ("\"data\":\"", "\"data\":\"!"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(matches!(KeyFile::parse(changed.as_bytes()), Err(KeyError::Unusable(_))), "{to}");
    }
    assert!(matches!(KeyFile::parse(b"{}"), Err(KeyError::Json(_))));
    for usual in [ScryptParams::FOR_RANDOM_PASSWORDS, ScryptParams::FOR_CHOSEN_PASSWORDS] {
        check(usual).unwrap();
    }
}

#[test]
fn a_cut_off_sealed_part_is_damage_and_no_wrong_password() {
    let mut file = made();
    file.data.truncate(20);
    assert!(matches!(file.unlock(b"secret"), Err(KeyError::Unusable(_))));
}
