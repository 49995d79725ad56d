use super::*;

/// Packages that are there already, so that no test needs the network.
fn unpacked(folder: &Path) -> PathBuf {
    let packages = folder.join("packages");
    for (number, name) in
        ["wordpress", "mediawiki", "phpmyadmin", "roundcube-core", "dokuwiki"].iter().enumerate()
    {
        let inside = packages.join(name).join("usr/share");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("index.php"), format!("<?php {number}")).unwrap();
        std::os::unix::fs::symlink("/nowhere", inside.join("config.php")).unwrap();
    }
    packages
}

fn all(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            found.push((path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()));
        } else if path.is_dir() {
            found.extend(all(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_same_count_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let packages = unpacked(folder.path());
    let first = make_sites(&folder.path().join("a"), &packages, 2).unwrap();
    let second = make_sites(&folder.path().join("b"), &packages, 2).unwrap();
    assert_eq!(first.origin, Origin::DebianPackages);
    assert_eq!((first.entries, first.bytes), (second.entries, second.bytes));
    assert_eq!(first.sites.len(), 2);
    let strip = |name: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let root = folder.path().join(name);
        let files = all(&root).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes)).collect()
    };
    assert!(strip("a") == strip("b"), "two corpora of the same count differ");
    assert!(strip("a").iter().any(|(path, _)| path.ends_with("access.log")));
}

#[test]
fn a_folder_that_exists_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let error = make_sites(folder.path(), &folder.path().join("p"), 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_day_of_use_changes_little() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = make_sites(&folder.path().join("a"), &unpacked(folder.path()), 1).unwrap();
    let before = all(&corpus.sites[0]);
    let new_bytes = change_site(&corpus.sites[0], 3).unwrap();
    let after = all(&corpus.sites[0]);
    assert!(new_bytes > 150_000 && new_bytes < 600_000);
    assert_eq!(after.len(), before.len() + 3 - 1, "three uploads came, one went");
}

#[test]
fn generated_code_is_the_same_each_time_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::Generated { why: "no apt-get".to_owned() };
    assert!(origin.to_string().contains("GENERATED") && origin.to_string().contains("no apt-get"));
    application::generate(&folder.path().join("a"), 1).unwrap();
    application::generate(&folder.path().join("b"), 1).unwrap();
    let bytes =
        |name: &str| all(&folder.path().join(name)).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert!(bytes("a") == bytes("b") && bytes("a").len() == 3_000);
}

#[test]
fn small_files_differ_and_a_tenth_of_them_shares_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a");
    let (entries, bytes) = make_files(&root, 2_500).unwrap();
    let mut files = all(&root);
    assert_eq!(files.len(), 2_500);
    assert_eq!(bytes, files.iter().map(|(_, content)| content.len() as u64).sum::<u64>());
    assert_eq!(entries, 2_500 + 1 + 3 * 2, "one large folder, three ordinary ones in a part each");
    assert_eq!(fs::read_dir(root.join("large")).unwrap().count(), 250);
    files.sort_by(|a, b| a.1.cmp(&b.1));
    assert!(files.windows(2).all(|pair| pair[0].1 != pair[1].1));
}

#[test]
fn a_large_file_has_its_size_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        make_file(&folder.path().join(name), 3_500_000).unwrap();
        fs::read(folder.path().join(name)).unwrap()
    };
    let bytes = make("a");
    assert_eq!(bytes.len(), 3_500_000);
    assert!(bytes == make("b"));
}
