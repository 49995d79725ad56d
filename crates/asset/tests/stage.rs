//! A staging is apart from the machine, tells what was attempted, and leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

mod staging;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use holdfast_asset::stage::{Root, Settings, StageErrorKind, is_staging};
use holdfast_world::World;
use staging::{SITE, ask, await_that, family, folder, page, served, serving, write_site};

#[test]
fn a_plain_disk_is_refused_and_nothing_is_left_on_it() {
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let kind = rustix::fs::statfs(disk.path()).unwrap().f_type;
    assert_ne!(kind, 0x0102_1994, "the target folder lies in memory here: this test needs a disk");
    let error = Root::at(&disk.path().join("stagings"), &World::system()).map(drop);
    // A long path is refused for its length.
    let error = error.map_err(|_| Root::at(Path::new("/var/tmp/hf-plain"), &World::system()).unwrap_err());
    let error = error.unwrap_err();
    assert_eq!(error.kind, StageErrorKind::Plain, "{error}");
    assert!(error.message.contains("/dev/shm/holdfast-staging"), "{error}");
    assert!(!Path::new("/var/tmp/hf-plain").exists() && fs::read_dir(disk.path()).unwrap().next().is_none());
}

#[test]
fn what_lies_in_a_folder_for_stagings_is_known_as_such() {
    let folder = folder();
    let path = folder.root.path();
    let stage = folder.open("anything");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    let link = tempfile::tempdir().unwrap();
    symlink(path, link.path().join("link")).unwrap();
    for inside in [path.to_owned(), stage.files(), link.path().join("link"), link.path().join("link/deeper")]
    {
        assert!(is_staging(&inside), "{}", inside.display());
    }
    assert!(!is_staging(path.parent().unwrap()) && !is_staging(link.path()));
    assert!(folder.root.overlaps(path.parent().unwrap()) && folder.root.overlaps(&stage.files()));
    assert!(folder.root.overlaps(Path::new("/")) && !folder.root.overlaps(link.path()));
    drop(stage);
    assert_eq!(folder.entries(), Vec::<String>::new(), "a staging that is dropped goes too");
}

/// Says in one line each whether something can be reached or read.
const LOOK_OUT: &str = r#"<?php
error_reporting(0);
foreach (explode("\n", file_get_contents(__DIR__ . "/look")) as $what) {
    [$how, $where] = explode(" ", $what, 2) + ["", ""];
    $seen = match ($how) {
        "connect" => (bool) stream_socket_client($where, $number, $said, 2),
        "abstract" => (function () use ($where) {
            $socket = socket_create(AF_UNIX, SOCK_STREAM, 0);
            return $socket && socket_connect($socket, "\0" . $where);
        })(),
        "read" => file_get_contents($where) !== false || scandir($where) !== false,
        "write" => file_put_contents($where, "x") !== false,
        "link" => symlink(explode(" ", $where)[0], explode(" ", $where)[1]),
        "unlink" => unlink($where),
        default => "?",
    };
    echo $how, " ", $where, " ", var_export($seen, true), "\n";
}
echo "user ", posix_getuid(), " ", posix_getgid(), " ", implode(",", posix_getgroups()), "\n";
echo "processes ", implode(",", array_filter(scandir("/proc"), "is_numeric")), "\n";
"#;

#[test]
fn nothing_of_the_machine_is_seen_from_inside_and_nothing_gets_out() {
    let host = tempfile::tempdir().unwrap();
    fs::set_permissions(host.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = host.path().join("secret");
    fs::write(&secret, "of another client").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let by_path = host.path().join("socket");
    let _by_path = UnixListener::bind(&by_path).unwrap();
    fs::set_permissions(&by_path, fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("holdfast-test-{}", std::process::id());
    let _by_name = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let (tcp, udp, by_path) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap(), by_path.display());

    let folder = folder();
    let mut stage = folder.open("hostile");
    let reached = [
        format!("connect tcp://{tcp}"),
        format!("connect unix://{by_path}"),
        format!("abstract {name}"),
        format!("read {SITE}/link"),
        format!("read {SITE}/up/secret"),
        format!("read {}", secret.display()),
        "read /etc/shadow".to_owned(),
        "read /root".to_owned() + "/.profile",
        "read /var/log/dpkg.log".to_owned(),
        "read /proc/1/environ".to_owned(),
        "read /proc/1/root/etc/passwd".to_owned(),
        "read /holdfast/data".to_owned(),
        "read /holdfast/mail".to_owned(),
        "write /etc/hosts".to_owned(),
        "write /usr/x".to_owned(),
        "write /x".to_owned(),
        "write /holdfast/etc/php.ini".to_owned(),
        "write /proc/sys/net/ipv4/ip_forward".to_owned(),
    ];
    let links = ["/holdfast/log/php.log", "/holdfast/mail/sendmail-x", "/tmp/picture.png"]
        .map(|link| format!("link {} {link}", secret.display()));
    let had = [format!("read {SITE}/own"), format!("write {SITE}/new"), "write /tmp/new".to_owned()];
    let had = [&had[..], &["unlink /holdfast/log/php.log".to_owned()], &links].concat();
    let look = [&reached[..], &had[..]].concat().join("\n");
    let code = LOOK_OUT.replace("error_reporting(0);", "error_reporting(E_ALL); error_log('begun');");
    let site = write_site(&stage, &[("index.php", &code), ("look", &look), ("own", "mine")]);
    symlink(&secret, site.join("link")).unwrap();
    symlink(host.path(), site.join("up")).unwrap();
    // What belongs to somebody and may be read by nobody else comes back with that owner.
    std::os::unix::fs::chown(site.join("own"), Some(10_001), Some(10_001)).unwrap();
    fs::set_permissions(site.join("own"), fs::Permissions::from_mode(0o400)).unwrap();
    stage.show(&site, Path::new(SITE)).unwrap();
    stage.start_web(&serving()).unwrap();

    let seen = page(&stage, "/");
    for what in reached {
        assert!(seen.contains(&format!("{what} false\n")), "{what}:\n{seen}");
    }
    for what in had {
        assert!(seen.contains(&format!("{what} true\n")), "{what}:\n{seen}");
    }
    assert!(seen.contains("user 65533 65533 \n") || seen.contains("user 65533 65533 65533\n"), "{seen}");
    let processes = seen.lines().find_map(|line| line.strip_prefix("processes ")).unwrap();
    assert!(processes.split(',').count() < 12, "only its own: {processes}");
    // Links where we read from outside lead us nowhere.
    assert!(!stage.complaints().contains("client"), "{}", stage.complaints());
    let mails = stage.mails().unwrap();
    assert!(mails.len() == 1 && mails[0].text.is_empty(), "{mails:?}");
    // Only what is reached outside is an attempt to get out; none of these was.
    assert!(stage.outbound().unwrap().is_quiet(), "{:?}", stage.outbound());
    // Nor has the web server anything where the links lead: it asks the index instead.
    for path in ["/link", "/up/secret"] {
        let body = ask(&stage, path, Duration::from_secs(60)).unwrap().body;
        assert!(body.starts_with("connect tcp://"), "{path}: {body}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"of another client");
    assert!(udp.port() > 0);
    stage.destroy().unwrap();
    assert_eq!(fs::read(&secret).unwrap(), b"of another client", "links are removed, not what they lead to");
}

#[test]
fn every_attempt_to_get_out_is_counted_and_told() {
    let folder = folder();
    let page_of = |body: &str| format!("<?php error_reporting(0); {body} echo 'done';");
    let mut stage = served(
        &folder,
        &[
            (
                "quiet.php",
                &page_of("file_get_contents('http://shop.example/own.txt') === 'own' || die('own');"),
            ),
            ("own.txt", "own"),
            ("tcp.php", &page_of("fsockopen('198.51.100.7', 443, $n, $s, 1);")),
            ("udp.php", &page_of("($s = stream_socket_client('udp://198.51.100.7:53')) && fwrite($s, 'x');")),
            ("six.php", &page_of("fsockopen('[2001:db8::1]', 443, $n, $s, 1);")),
            ("name.php", &page_of("file_get_contents('https://api.payments.example/charge');")),
            ("mail.php", &page_of("mail('customer@example.com', 'Your invoice', 'Pay.') || die('mail');")),
            ("smtp.php", &page_of(SMTP)),
        ],
    );
    assert_eq!(page(&stage, "/quiet.php"), "done", "it reaches itself under its own name");
    assert!(stage.outbound().unwrap().is_quiet() && stage.mails().unwrap().is_empty());
    for (path, attempts) in [("/tcp.php", 1), ("/udp.php", 2), ("/six.php", 3)] {
        assert_eq!(page(&stage, path), "done");
        assert_eq!(stage.outbound().unwrap().attempts, attempts, "{path}");
    }
    assert_eq!(page(&stage, "/name.php"), "done");
    let outbound = stage.outbound().unwrap();
    assert!(outbound.questions > 0 && outbound.attempts == 3, "{outbound:?}");
    assert_eq!(outbound.names, ["api.payments.example"]);
    assert_eq!(page(&stage, "/mail.php"), "done");
    assert_eq!(page(&stage, "/smtp.php"), "done");
    let mut mails = stage.mails().unwrap();
    mails.sort_by_key(|mail| mail.way);
    let told: Vec<_> = mails.iter().map(|mail| (mail.way, mail.header("Subject"))).collect();
    assert_eq!(told, [("sendmail", Some("Your invoice")), ("smtp", Some("By hand"))]);
    assert_eq!(mails[1].header("X-Receiver"), Some("<c@example.com>"));

    // What the browser asks for by itself is not what the website asked for.
    let before = stage.outbound().unwrap();
    let picture = stage.picture("http://shop.example/name.php", Duration::from_secs(120)).unwrap();
    let picture =
        picture.expect("chromium is not installed: run `cargo xtask test`, or install the package chromium");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 1000, "{} bytes", picture.len());
    assert_eq!(stage.outbound().unwrap(), before);
    stage.destroy().unwrap();
}

const SMTP: &str = r#"$s = fsockopen('localhost', 25); $say = function ($line) use ($s) { fgets($s); fwrite($s, "$line\r\n"); };
$say('HELO shop'); $say('MAIL FROM:<a@example.com>'); $say('RCPT TO:<c@example.com>'); $say('DATA');
$say("Subject: By hand\r\n\r\nHello\r\n."); $say('QUIT'); fgets($s);"#;

#[test]
fn a_page_that_hangs_ends_with_its_time() {
    let folder = folder();
    let stage = served(
        &folder,
        &[
            ("hangs.php", "<?php set_time_limit(0); while (true) usleep(1000);"),
            (
                "drips.php",
                "<?php set_time_limit(0); while (true) { echo str_repeat('x', 9000); flush(); usleep(20000); }",
            ),
            ("index.php", "alive"),
        ],
    );
    for path in ["/hangs.php", "/drips.php"] {
        let error = ask(&stage, path, Duration::from_millis(300)).unwrap_err();
        assert_eq!(error.kind, StageErrorKind::TimedOut, "{error}");
    }
    assert_eq!(page(&stage, "/"), "alive");
    let sleep = ["sleep".to_owned(), "600".to_owned()];
    let error = stage.run(&sleep, Path::new(SITE), Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind, StageErrorKind::TimedOut, "{error}");
    stage.destroy().unwrap();
}

#[test]
fn destroying_counts_what_it_removes_whatever_it_is_called_and_leaves_no_process() {
    let folder = folder();
    let mut stage = folder.open("../../etc\n\"; rm -rf /");
    let files = stage.files().join("site");
    let mut deep = files.clone();
    for _ in 0..300 {
        deep = deep.join("d");
    }
    fs::create_dir_all(&deep).unwrap();
    for name in [&b"-rf"[..], b"a\nb", b"\xff\xfe", b"'; DROP TABLE x; --", b"$(id)", &[b'n'; 255]] {
        fs::write(deep.join(OsStr::from_bytes(name)), "12345").unwrap();
        fs::write(files.join(OsStr::from_bytes(name)), "12345").unwrap();
    }
    fs::set_permissions(&deep, fs::Permissions::from_mode(0o000)).unwrap();
    symlink("/etc/passwd", files.join("link")).unwrap();
    stage.show(&files, Path::new(SITE)).unwrap();
    stage.start_web(&serving()).unwrap();
    assert_eq!(files.join("-rf").metadata().unwrap().uid(), 65533);
    let tell = ["readlink".to_owned(), "/proc/self/ns/net".to_owned()];
    let network = stage.run(&tell, Path::new(SITE), Duration::from_secs(60)).unwrap().text();
    assert!(in_network(&network) > 2, "PHP, the web server and their first process");
    assert_eq!(folder.root.left().unwrap(), Vec::new(), "somebody holds it");
    let destroyed = stage.destroy().unwrap();
    assert!(destroyed.files >= 13 && destroyed.folders > 300 && destroyed.bytes >= 60, "{destroyed:?}");
    assert_eq!(folder.entries(), Vec::<String>::new());
    assert!(Path::new("/etc/passwd").exists());
    assert_eq!(in_network(&network), 0, "the kernel said that they are gone");
}

/// How many processes of this machine are in a network.
fn in_network(network: &str) -> usize {
    assert!(network.starts_with("net:["), "{network}");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let networks = processes.filter_map(|process| fs::read_link(process.path().join("ns/net")).ok());
    networks.filter(|other| other == Path::new(network.trim())).count()
}

#[test]
fn only_what_lies_in_it_is_shown_and_only_where_nothing_of_the_machine_lies() {
    let folder = folder();
    let mut stage = folder.open("anything");
    let site = write_site(&stage, &[("index.php", "x")]);
    symlink("/etc", stage.files().join("out")).unwrap();
    for (from, at) in [
        (stage.files().join("out"), "/var/www/x"),
        ("/etc".into(), "/var/www/x"),
        (stage.files().join("site/../../root"), "/var/www/x"),
        (site.clone(), "/usr/share/x"),
        (site.clone(), "/"),
        (site.clone(), "/home/../etc"),
    ] {
        let error = stage.show(&from, Path::new(at)).unwrap_err();
        assert_eq!(error.kind, StageErrorKind::Refused, "{} at {at}: {error}", from.display());
    }
    stage.show(&site, Path::new(SITE)).unwrap();
    stage.destroy().unwrap();
}

#[test]
fn nothing_runs_as_somebody_who_is_known_to_this_machine() {
    let folder = folder();
    let destroy_by = World::system().clock.now();
    for (site, database) in [(0, 65532), (65533, 0), (65533, 65533), (1, 65532)] {
        let settings = Settings { site_user: site, database_user: database, ..staging::settings() };
        let error = folder.root.open("anything", destroy_by, &settings).unwrap_err();
        assert_eq!(error.kind, StageErrorKind::Refused, "{site} {database}: {error}");
    }
    assert_eq!(folder.entries(), Vec::<String>::new());
}

/// Run by the next test without the right to make namespaces.
#[test]
#[ignore = "it is the half of the next test that lacks a right"]
fn opens_no_staging() {
    let folder = folder();
    let destroy_by = World::system().clock.now();
    let error = folder.root.open("anything", destroy_by, &staging::settings()).unwrap_err();
    assert_eq!((error.kind, folder.entries()), (StageErrorKind::NotIsolated, Vec::new()), "{error}");
    println!("\n{error}");
}

#[test]
fn where_nothing_can_be_kept_apart_nothing_is_run() {
    let output = Command::new("setpriv")
        .args(["--bounding-set=-sys_admin", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "opens_no_staging", "--ignored", "--nocapture"])
        .output()
        .expect("setpriv is not installed: install the package util-linux");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("CAP_SYS_ADMIN). Nothing is run unisolated"), "{said}");
}

/// Run by the next test in a process of its own, which is killed.
#[test]
#[ignore = "it is the half of the next test that is killed"]
fn opens_a_staging_and_waits() {
    let Some(path) = std::env::var_os("HOLDFAST_TEST_STAGING") else { return };
    let root = Root::at(Path::new(&path), &World::system()).unwrap();
    let destroy_by = "2026-11-24T00:00:00Z".parse().unwrap();
    let mut stage = root.open("to be killed", destroy_by, &staging::settings()).unwrap();
    let site = write_site(&stage, &[("index.php", "x"), ("hangs.php", "<?php while (true) usleep(1000);")]);
    stage.show(&site, Path::new(SITE)).unwrap();
    stage.start_database(&[], &[]).unwrap();
    stage.start_web(&serving()).unwrap();
    page(&stage, "/");
    println!("\nready");
    ask(&stage, "/hangs.php", Duration::from_secs(600)).unwrap_err();
}

#[test]
fn a_staging_of_a_killed_process_has_no_process_and_is_found_and_destroyed() {
    let folder = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opens_a_staging_and_waits", "--ignored", "--nocapture"])
        .env("HOLDFAST_TEST_STAGING", folder.root.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"), "it did not come so far");
    let processes = family(child.id());
    assert!(processes.len() > 4, "its database, PHP, its web server and their first process: {processes:?}");
    assert_eq!(folder.root.left().unwrap(), Vec::new(), "it is held");
    child.kill().unwrap();
    child.wait().unwrap();
    let is_gone = |process: &(u32, String)| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.0)).unwrap_or_default();
        let start =
            stat.rsplit_once(')').and_then(|(_, after)| after.split_whitespace().nth(19).map(str::to_owned));
        start.as_ref() != Some(&process.1)
    };
    await_that("all that was started inside is gone", || processes.iter().all(is_gone));
    let left = folder.root.left().unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].name, "to be killed");
    assert_eq!(left[0].destroy_by, Some("2026-11-24T00:00:00Z".parse().unwrap()));
    let destroyed = folder.root.destroy(&left[0]).unwrap();
    assert!(destroyed.files > 10 && destroyed.bytes > 1_000_000, "{destroyed:?}");
    assert_eq!((folder.entries(), folder.root.left().unwrap()), (Vec::new(), Vec::new()));
    let error = folder.root.destroy(&left[0]).unwrap_err();
    assert_eq!(error.kind, StageErrorKind::Refused, "{error}");
}
