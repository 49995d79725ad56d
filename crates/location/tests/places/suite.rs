//! The contract suite: what [`holdfast_location::Location`] promises, asked of any place.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use holdfast_location::{
    Area, Credentials, ErrorKind, Key, Location, MARKER_REPOSITORY, ObjectLock, Place, Put, Surroundings,
};
use holdfast_world::{SystemClock, SystemRandom};
use sha2::{Digest, Sha256};

/// The real clock and randomness, and short waits: servers are on this machine.
pub fn surroundings() -> Surroundings {
    let mut surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    surroundings.timeouts.connect = std::time::Duration::from_secs(20);
    surroundings.timeouts.stall = std::time::Duration::from_secs(30);
    surroundings
}

/// A place by URL and the text of a credentials file.
pub fn place(url: &str, credentials: &str) -> Place {
    let credentials = (!credentials.is_empty()).then(|| Credentials::parse(credentials).unwrap());
    Place::at("somewhere", url, credentials).unwrap()
}

/// An established place.
pub fn established(url: &str, credentials: &str) -> Arc<dyn Location> {
    holdfast_location::establish(&place(url, credentials), &surroundings()).unwrap()
}

/// An established place that locks objects.
pub fn locking(url: &str, credentials: &str, lock: ObjectLock) -> Arc<dyn Location> {
    let place = Place { object_lock: Some(lock), ..place(url, credentials) };
    holdfast_location::establish(&place, &surroundings()).unwrap()
}

/// A place that is opened only.
pub fn opened(url: &str, credentials: &str) -> Arc<dyn Location> {
    holdfast_location::open(&place(url, credentials), &surroundings()).unwrap()
}

/// The hash of content, which is its name.
pub fn name(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of content.
pub fn key(repository: &str, area: Area, content: &[u8]) -> Key {
    Key::new(&Arc::from(repository), area, name(content))
}

/// Bytes that no compression and no coincidence repeats.
pub fn content(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Stores content under its own name and returns its key.
pub fn put(location: &dyn Location, repository: &str, area: Area, content: &Bytes) -> Key {
    let key = key(repository, area, content);
    location.put(&key, content.clone()).unwrap();
    key
}

/// The names in an area.
pub fn names(location: &dyn Location, repository: &str, area: Area) -> BTreeSet<String> {
    let listed = location.list(repository, area).unwrap();
    let names: BTreeSet<String> = listed.iter().map(|listed| listed.name.clone()).collect();
    assert_eq!(names.len(), listed.len(), "a name is listed twice");
    names
}

/// Everything that the contract promises. The place must be established, and able to delete.
pub fn contract_suite(location: &dyn Location) {
    contract_suite_one_writer(location);
    eight_writers_of_one_name(location);
}

/// The same for servers that show objects while they grow, and so cannot take two writers of one name.
pub fn contract_suite_one_writer(location: &dyn Location) {
    repositories_begin_empty(location);
    whole_and_ranged_reads(location);
    objects_are_never_replaced(location);
    listings_are_complete(location);
    deleting_twice_is_fine(location);
    hostile_names_are_refused(location);
    places_know_themselves(location);
}

fn kind<T: std::fmt::Debug>(result: Result<T, holdfast_location::Error>) -> ErrorKind {
    result.unwrap_err().kind
}

fn repositories_begin_empty(location: &dyn Location) {
    for area in Area::ALL {
        assert_eq!(
            location.list("C-new", area).unwrap(),
            [],
            "a repository that does not exist yet lists as empty"
        );
    }
    let before: BTreeSet<String> = location.repositories().unwrap().into_iter().collect();
    assert!(!before.contains("C-new") && !before.contains(MARKER_REPOSITORY));
    location.prepare("C-new").unwrap();
    location.prepare("C-new").unwrap();
    for area in Area::ALL {
        assert_eq!(location.list("C-new", area).unwrap(), []);
    }
    let content = content(1, 100);
    put(location, "C-new", Area::Keys, &content);
    assert!(location.repositories().unwrap().contains(&"C-new".to_owned()));
}

fn whole_and_ranged_reads(location: &dyn Location) {
    location.prepare("C-read").unwrap();
    for (seed, length) in [(1, 1), (2, 4096), (3, 300_000), (4, 5 << 20)] {
        for area in Area::ALL {
            if area == Area::Config {
                continue;
            }
            let content = content(seed * 10 + area as u64, length);
            let key = put(location, "C-read", area, &content);
            assert_eq!(location.size(&key).unwrap(), length as u64);
            assert!(location.get(&key, None).unwrap() == content, "{key} came back changed");
            let length = length as u64;
            for range in [0..1, 0..length, length / 2..length, length - 1..length, length / 3..length / 2] {
                let part = location.get(&key, Some(range.clone())).unwrap();
                assert!(
                    part == content[range.start as usize..range.end as usize],
                    "{key} {range:?} came back changed"
                );
            }
            assert_eq!(location.get(&key, Some(0..0)).unwrap().len(), 0);
            for range in [0..length + 1, length..length + 1, length + 10..length + 20, length + 1..length + 1]
            {
                assert_eq!(
                    kind(location.get(&key, Some(range.clone()))),
                    ErrorKind::Corrupt,
                    "{range:?} of {length}"
                );
            }
        }
    }
    let absent = key("C-read", Area::Data, b"never stored");
    assert_eq!(kind(location.get(&absent, None)), ErrorKind::NotFound);
    assert_eq!(kind(location.get(&absent, Some(0..1))), ErrorKind::NotFound);
    assert_eq!(kind(location.get(&absent, Some(0..0))), ErrorKind::NotFound);
    assert_eq!(kind(location.size(&absent)), ErrorKind::NotFound);
    let elsewhere = key("C-never", Area::Index, b"never stored");
    assert_eq!(kind(location.get(&elsewhere, None)), ErrorKind::NotFound);
    assert_eq!(kind(location.size(&elsewhere)), ErrorKind::NotFound);
}

fn objects_are_never_replaced(location: &dyn Location) {
    location.prepare("C-put").unwrap();
    for area in Area::ALL {
        let first = content(100 + area as u64, 10_000);
        let key = key("C-put", area, &first);
        assert_eq!(location.put(&key, first.clone()).unwrap(), Put::Stored, "{key}");
        assert_eq!(location.put(&key, first.clone()).unwrap(), Put::AlreadyThere, "{key}");
        for other in [content(7, 9_999), content(7, 10_001), Bytes::new()] {
            assert_eq!(kind(location.put(&key, other)), ErrorKind::Conflict, "{key}");
        }
        assert!(location.get(&key, None).unwrap() == first, "{key} was replaced");
    }
    let config = location.list("C-put", Area::Config).unwrap();
    assert_eq!(config.len(), 1);
    assert_eq!((config[0].name.as_str(), config[0].size), ("config", 10_000));
}

fn listings_are_complete(location: &dyn Location) {
    location.prepare("C-list").unwrap();
    for area in [Area::Keys, Area::Snapshots, Area::Index, Area::Locks, Area::Data] {
        let mut stored: BTreeSet<String> = BTreeSet::new();
        for seed in 0..40 {
            let content = content(1000 + seed * 7 + area as u64 * 1000, 50 + seed as usize);
            stored.insert(put(location, "C-list", area, &content).name);
        }
        assert_eq!(names(location, "C-list", area), stored);
        let sizes: u64 = location.list("C-list", area).unwrap().iter().map(|listed| listed.size).sum();
        assert_eq!(sizes, (0..40).map(|seed| 50 + seed).sum::<u64>());
    }
    assert_eq!(location.list("C-list", Area::Config).unwrap(), []);
}

fn deleting_twice_is_fine(location: &dyn Location) {
    location.prepare("C-delete").unwrap();
    for area in Area::ALL {
        let content = content(5000 + area as u64, 300);
        let key = put(location, "C-delete", area, &content);
        location.delete(&key).unwrap();
        location.delete(&key).unwrap();
        assert_eq!(kind(location.get(&key, None)), ErrorKind::NotFound);
        assert_eq!(location.list("C-delete", area).unwrap(), []);
        assert_eq!(location.put(&key, content).unwrap(), Put::Stored, "a deleted name is free again");
    }
    location.delete(&key("C-never", Area::Snapshots, b"x")).unwrap();
}

fn eight_writers_of_one_name(location: &dyn Location) {
    location.prepare("C-race").unwrap();
    for round in 0..3 {
        let content = content(9000 + round, 1 << 20);
        let key = key("C-race", Area::Data, &content);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| location.put(&key, content.clone()).unwrap());
            }
        });
        assert!(location.get(&key, None).unwrap() == content, "eight writers of {key} left a mix");
        assert_eq!(location.put(&key, content).unwrap(), Put::AlreadyThere);
    }
    assert_eq!(location.list("C-race", Area::Data).unwrap().len(), 3);
}

fn hostile_names_are_refused(location: &dyn Location) {
    let long = "a".repeat(65);
    let repositories =
        ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", "a\0b", "ä", "a b", "%2e%2e", &long];
    for repository in repositories {
        let object = Key::new(&Arc::from(repository), Area::Data, name(b"x"));
        assert_eq!(
            kind(location.put(&object, Bytes::from_static(b"x"))),
            ErrorKind::Unsupported,
            "{repository:?}"
        );
        assert_eq!(kind(location.get(&object, None)), ErrorKind::Unsupported);
        assert_eq!(kind(location.size(&object)), ErrorKind::Unsupported);
        assert_eq!(kind(location.delete(&object)), ErrorKind::Unsupported);
        assert_eq!(kind(location.prepare(repository)), ErrorKind::Unsupported);
        assert_eq!(kind(location.list(repository, Area::Data)), ErrorKind::Unsupported);
        assert_eq!(kind(location.list(repository, Area::Config)), ErrorKind::Unsupported);
    }
    let upper = name(b"x").to_uppercase();
    for object in
        ["", "..", "../../../etc/passwd", &"a".repeat(63), &long, &upper, &"/".repeat(64), &"é".repeat(32)]
    {
        for area in Area::ALL.into_iter().filter(|area| *area != Area::Config) {
            let object = Key::new(&Arc::from("C-1"), area, object);
            assert_eq!(
                kind(location.put(&object, Bytes::from_static(b"x"))),
                ErrorKind::Unsupported,
                "{object}"
            );
            assert_eq!(kind(location.get(&object, None)), ErrorKind::Unsupported);
            assert_eq!(kind(location.delete(&object)), ErrorKind::Unsupported);
        }
    }
}

fn places_know_themselves(location: &dyn Location) {
    let identity = location.identity().unwrap();
    assert_eq!(location.identity().unwrap(), identity);
    assert!(!identity.fingerprint.is_empty() && !identity.description.is_empty());
    assert!(identity.marker.is_some() && identity.device.is_some());
    location.establish().unwrap();
    assert_eq!(location.identity().unwrap().marker, identity.marker, "establishing again changed the marker");
}
