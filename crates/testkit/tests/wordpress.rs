//! The WordPress of the test kit is a real one: it answers, it takes posts, and it needs nothing outside its folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use holdfast_testkit::apps::wordpress::{Wordpress, WordpressOptions};
use holdfast_testkit::servers::{Mariadb, Php};

fn links_below(folder: &Path) -> Vec<String> {
    let mut links = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            links.extend(links_below(&entry.path()));
        } else if kind.is_symlink() {
            links.push(entry.path().display().to_string());
        }
    }
    links
}

#[test]
fn two_sites_in_one_database_answer_and_take_posts() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let bakery = Wordpress::install(&server, &folder.path().join("bakery"), &WordpressOptions::default());
    let other = WordpressOptions {
        prefix: "garage_".to_owned(),
        title: "Garage Émile".to_owned(),
        marker: "marker-of-the-garage".to_owned(),
        posts: 2,
        ..WordpressOptions::default()
    };
    let garage = Wordpress::install(&server, &folder.path().join("garage"), &other);

    for site in [&bakery, &garage] {
        let home = site.web.get("/");
        assert_eq!(home.status, 200, "{}\n{}", home.headers, site.web.log());
        assert!(home.body.contains(&site.options.title), "{}", home.body);
        let newest = format!("Bread of the week {} \u{1F35E}", site.options.posts);
        assert!(home.body.contains(&newest), "{}", home.body);
        let page = site.web.get(&site.marker_page);
        assert_eq!(page.status, 200, "{}: {}", site.marker_page, page.headers);
        assert!(page.body.contains(&site.options.marker), "{}", page.body);
        assert_eq!(links_below(&site.docroot), Vec::<String>::new());
        let uploads = format!("/wp-content/uploads/{}", newest_picture(&site.docroot));
        assert_eq!(site.web.get(&uploads).status, 200, "{uploads}");
    }
    assert!(!bakery.web.get("/").body.contains("Garage"), "each site shows its own rows");

    let title = "Baked on Friday \u{1F950}";
    assert!(!bakery.web.get("/").body.contains(title));
    let path = bakery.add_post(title, "Fresh from the oven.");
    assert!(bakery.web.get("/").body.contains(title));
    assert!(bakery.web.get(&path).body.contains("Fresh from the oven."));
    assert!(!garage.web.get("/").body.contains(title));
}

/// The path of the uploaded picture below `uploads`.
fn newest_picture(docroot: &Path) -> String {
    let uploads = docroot.join("wp-content/uploads");
    let mut folder = uploads.clone();
    while !folder.join("storefront.jpg").exists() {
        let next = fs::read_dir(&folder).unwrap().flatten().find(|entry| entry.path().is_dir());
        folder = next.expect("the picture lies in a folder of its year and month").path();
    }
    folder.join("storefront.jpg").strip_prefix(&uploads).unwrap().display().to_string()
}

#[test]
fn a_site_without_its_database_does_not_answer_as_if_it_worked_and_leaves_nothing_behind() {
    let mut server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let site = Wordpress::install(&server, &folder.path().join("site"), &WordpressOptions::default());
    server.kill();
    assert_eq!(site.web.get("/").status, 500);
    server.restart();
    assert_eq!(site.web.get("/").status, 200);

    let Wordpress { web, docroot, marker_page, options, .. } = site;
    let (port, at) = (web.port(), web.folder().to_owned());
    drop(web);
    assert!(!at.exists(), "its folder is removed");
    drop(TcpListener::bind(("127.0.0.1", port)).expect("nobody listens any more"));
    assert_eq!(processes_that_name(&at), Vec::<String>::new());

    let again = Php::start_at(&docroot, &server.socket, port);
    let page = again.get(&marker_page);
    assert!(page.status == 200 && page.body.contains(&options.marker), "{}", page.headers);
}

fn processes_that_name(folder: &Path) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| {
        String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).unwrap_or_default())
            .replace('\0', " ")
    });
    lines.filter(|line| line.contains(&*folder.to_string_lossy())).collect()
}
