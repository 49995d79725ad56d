use super::*;
use crate::read_estate;

const HEAD: &str = "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n";

fn estate(more: &str) -> Estate {
    let checked = read_estate("estate.toml", &format!("{HEAD}{more}"));
    checked.value.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

fn root(name: &str, path: &str, more: &str) -> String {
    format!("[discover.{name}]\npath = \"{path}\"\nclass = \"website\"\nhost = \"web1\"\n{more}\n")
}

fn folders<'n>(names: impl IntoIterator<Item = &'n str>) -> Listing {
    Ok(names.into_iter().map(|name| Entry { name: name.into(), kind: EntryKind::Folder }).collect())
}

fn put(estate: &mut Estate, listings: &[(&str, Listing)], known: &[(&str, Known)]) -> Vec<Diagnostic> {
    let listings =
        listings.iter().map(|(root, listing)| (DiscoveryName::parse(root).unwrap(), listing.clone()));
    let known = known.iter().map(|(root, known)| ((*root).to_owned(), known.clone())).collect();
    enrol(estate, &listings.collect(), &known, (&[], &|path| path.to_owned()), ("estate.toml", ""))
}

fn names(estate: &Estate) -> Vec<&str> {
    estate.assets.keys().map(AssetName::as_str).collect()
}

fn known(present: &[&str], vanished: &[&str]) -> Known {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known { present: set(present), vanished: set(vanished) }
}

#[test]
fn the_rule_says_whose_a_folder_is_and_what_is_left_out_of_it() {
    let rules = "client = \"C-9\"\nexclude = [\"*.log\"]\nignore_databases = [\"old\"]";
    let mut one = estate(&root("vhosts", "/var/www/vhosts/*", rules));
    assert!(put(&mut one, &[("vhosts", folders(["a", "b"]))], &[]).is_empty());
    assert_eq!(names(&one), ["a", "b"]);
    let asset = &one.assets["a"];
    assert_eq!(repository_name(asset).as_str(), "C-9");
    let folder = asset.folder().unwrap();
    assert_eq!(folder.path, Path::new("/var/www/vhosts/a"));
    assert_eq!(folder.exclude.len(), 1);
    assert_eq!(asset.discovered.as_ref().unwrap().as_str(), "vhosts");

    let mut short = estate("");
    assert!(short.discoveries.is_empty());
    let text = format!("discover = \"/home/*/www\"\n{HEAD}");
    short = read_estate("estate.toml", &text).value.unwrap();
    put(&mut short, &[("websites", folders(["anna"]))], &[]);
    let asset = &short.assets["anna"];
    assert_eq!(repository_name(asset).as_str(), "anna");
    assert_eq!(asset.folder().unwrap().path, Path::new("/home/anna/www"));
}

#[test]
fn two_roots_with_one_folder_are_one_asset_and_two_folders_of_one_name_are_told() {
    let text =
        [root("one", "/srv/a/*", ""), root("same", "/srv/a/s*", ""), root("two", "/srv/b/*", "")].concat();
    let mut both = estate(&text);
    let listings =
        [("one", folders(["shop"])), ("same", folders(["shop"])), ("two", folders(["shop", "blog"]))];
    let told = put(&mut both, &listings, &[]);
    assert_eq!(names(&both), ["blog", "shop"]);
    assert_eq!(both.assets["shop"].folder().unwrap().path, Path::new("/srv/a/shop"));
    assert!(told.len() == 1 && told[0].message.contains("another asset has its name"), "{told:#?}");
    assert!(both.enrolments["same"].assets.is_empty());
}

#[test]
fn what_was_known_and_is_not_there_vanished_unless_somebody_said_otherwise() {
    let declared = "[assets.moved]\nclass = \"website\"\nhost = \"web1\"\npath = \"/srv/moved\"\n";
    let text = root("vhosts", "/srv/*", "except = [\"closed\"]") + declared;
    let before = known(&["there", "gone", "closed", "moved"], &["long-gone", "back"]);
    let mut one = estate(&text);
    put(&mut one, &[("vhosts", folders(["there", "back"]))], &[("vhosts", before.clone())]);
    let enrolment = &one.enrolments["vhosts"];
    let vanished: Vec<&str> = enrolment.vanished.iter().map(AssetName::as_str).collect();
    assert_eq!(vanished, ["gone", "long-gone"]);
    assert_eq!(enrolment.dropped.iter().collect::<Vec<_>>(), ["closed", "moved"]);
    assert_eq!(names(&one), ["back", "moved", "there"]);
    assert!(one.vanished.contains_key("gone"));

    // The folder is there under a name that somebody gave it.
    let renamed = "[assets.named]\nclass = \"website\"\nhost = \"web1\"\npath = \"/srv/there\"\n";
    let mut other = estate(&(root("vhosts", "/srv/*", "") + renamed));
    put(&mut other, &[("vhosts", folders(["there"]))], &[("vhosts", known(&["there"], &[]))]);
    assert!(other.vanished.is_empty() && other.enrolments["vhosts"].dropped.contains("there"));

    // Of a root that nobody can read, nothing vanishes, and what vanished before does not come back.
    let mut blind = estate(&text);
    put(&mut blind, &[("vhosts", Err("no such folder".to_owned()))], &[("vhosts", before)]);
    assert_eq!(names(&blind), ["closed", "gone", "moved", "there"]);
    assert!(!blind.vanished.contains_key("gone") && blind.vanished.contains_key("long-gone"));
}

#[test]
fn no_folder_goes_into_the_repository_of_a_declared_client() {
    let declared =
        "[assets.shop]\nclass = \"website\"\nhost = \"web1\"\nclient = \"acme\"\npath = \"/home/shop\"\n";
    for (rule, enrolled) in [("client = \"folder\"", false), ("", false), ("client = \"acme\"", true)] {
        let mut one = estate(&(root("vhosts", "/srv/*", rule) + declared));
        put(&mut one, &[("vhosts", folders(["acme"]))], &[]);
        assert_eq!(one.assets.contains_key("acme"), enrolled, "{rule}");
        assert_eq!(one.enrolments["vhosts"].refused.contains_key("acme"), !enrolled, "{rule}");
    }
}

/// Quadratic work would take minutes, and the test runner's patience ends before that.
#[test]
fn ten_thousand_folders_are_enrolled_and_looked_at_again() {
    let names: Vec<String> = (0..10_000).map(|n| format!("site{n}.example")).collect();
    let mut many = estate(&root("vhosts", "/srv/*", "client = \"folder\""));
    put(&mut many, &[("vhosts", folders(names.iter().map(String::as_str)))], &[]);
    assert_eq!(many.assets.len(), 10_000);
    let resolve: &dyn Fn(&Path) -> PathBuf = &|path| path.to_owned();
    let _ = crate::estate::relations_resolved(&many, "estate.toml", "", resolve);
}
