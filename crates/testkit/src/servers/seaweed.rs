//! SeaweedFS: an S3 server that keeps its word about "only if it is not there".

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::process::{Process, below, folder, free_port};
use super::{ACCESS_KEY, SECRET_KEY};
use crate::lab;

/// SeaweedFS listens for its own kind this far above each port.
const GRPC_ABOVE: u16 = 10_000;

/// A running SeaweedFS with its S3 gateway.
pub struct Seaweed {
    /// The port of the S3 gateway on 127.0.0.1.
    pub port: u16,
    master: u16,
    filer: u16,
    process: Process,
    _folder: tempfile::TempDir,
}

impl Seaweed {
    /// Starts a server and makes the bucket `bucket`.
    pub fn start(bucket: &str) -> Seaweed {
        let folder = folder();
        let config = folder.path().join("s3.json");
        fs::write(
            &config,
            format!(
                r#"{{"identities":[
                {{"name":"admin","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
                  "actions":["Admin","Read","Write","List","Tagging"]}},
                {{"name":"operator","credentials":[{{"accessKey":"O{ACCESS_KEY}","secretKey":"O{SECRET_KEY}"}}],
                  "actions":["Read","Write","List"]}},
                {{"name":"keeper","credentials":[{{"accessKey":"K{ACCESS_KEY}","secretKey":"K{SECRET_KEY}"}}],
                  "actions":["Read","Write","List","GetObjectRetention","PutObjectRetention"]}},
                {{"name":"reader","credentials":[{{"accessKey":"R{ACCESS_KEY}","secretKey":"R{SECRET_KEY}"}}],
                  "actions":["Read","List"]}}]}}"#
            ),
        )
        .unwrap();
        let data = below(folder.path(), "data");
        let ports: [u16; 4] = std::array::from_fn(|_| free_port(GRPC_ABOVE));
        let [port, master, volume, filer] = ports;
        let (program, at) = (lab::program("weed"), folder.path().to_owned());
        let process = Process::start(folder.path().join("log"), port, move || {
            let mut command = Command::new(&program);
            command
                .arg(format!("-logdir={}", at.display()))
                .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0"])
                .args(["-s3.port.lance=0", "-volume.max=0", "-master.volumeSizeLimitMB=64"])
                .arg(format!("-dir={}", data.display()))
                .arg(format!("-s3.config={}", config.display()))
                .arg(format!("-s3.port={port}"))
                .arg(format!("-master.port={master}"))
                .arg(format!("-volume.port={volume}"))
                .arg(format!("-filer.port={filer}"))
                .arg(format!("-filer.localSocket={}/f.sock", at.display()))
                .arg(format!("-s3.localSocket={}/s.sock", at.display()))
                .current_dir(&at);
            command
        });
        let seaweed = Seaweed { port, master, filer, process, _folder: folder };
        seaweed.make_bucket(bucket);
        seaweed
    }

    /// The URL of a folder in a bucket.
    pub fn url(&self, bucket: &str, prefix: &str) -> String {
        format!("s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{}", self.port)
    }

    /// Credentials that may do everything.
    pub fn credentials_toml(&self) -> String {
        format!("access_key = \"{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n")
    }

    /// Credentials that may read and list.
    pub fn reader_credentials_toml(&self) -> String {
        format!("access_key = \"R{ACCESS_KEY}\"\nsecret_key = \"R{SECRET_KEY}\"\n")
    }

    /// Credentials that may do what the bucket's policy lets them.
    pub fn operator_credentials_toml(&self) -> String {
        format!("access_key = \"O{ACCESS_KEY}\"\nsecret_key = \"O{SECRET_KEY}\"\n")
    }

    /// Credentials that may lock objects, and bypass no lock.
    pub fn keeper_credentials_toml(&self) -> String {
        format!("access_key = \"K{ACCESS_KEY}\"\nsecret_key = \"K{SECRET_KEY}\"\n")
    }

    /// Makes a bucket, waiting until the server has settled.
    pub fn make_bucket(&self, bucket: &str) {
        let mut said = String::new();
        for _ in 0..100 {
            let mut shell = Command::new(lab::program("weed"))
                .arg("shell")
                .arg(format!("-master=127.0.0.1:{}", self.master))
                .arg(format!("-filer=127.0.0.1:{}", self.filer))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut orders = shell.stdin.take().expect("it is piped");
            // It may end before it reads everything; what it says is looked at below.
            let _ = write!(orders, "s3.bucket.create -name {bucket}\ns3.bucket.list\n");
            drop(orders);
            let output = shell.wait_with_output().unwrap();
            said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            if said.lines().any(|line| line.trim_start_matches(['>', ' ']).starts_with(bucket)) {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("the bucket was not made:\n{said}\n{}", self.process.said());
    }

    /// Every object of a bucket with its size, as a client that is not ours lists them.
    pub fn objects(&self, bucket: &str) -> Vec<(String, u64)> {
        let listed = self.client(&["lsf", "-R", "--files-only", "--format", "sp"], bucket, b"");
        let listed = String::from_utf8(listed).unwrap();
        let mut objects: Vec<(String, u64)> = listed
            .lines()
            .map(|line| {
                let (size, path) = line.split_once(';').expect("rclone prints size;path");
                (path.to_owned(), size.parse().unwrap())
            })
            .collect();
        objects.sort();
        objects
    }

    /// Makes the bucket keep every older version of its objects.
    pub fn keep_versions(&self, bucket: &str) {
        self.client_with(&["backend", "versioning"], bucket, &["Enabled"], b"");
    }

    /// Every object of a bucket with every older version, as a client that is not ours lists them.
    pub fn versions(&self, bucket: &str) -> Vec<String> {
        let options = ["lsf", "-R", "--files-only", "--s3-versions", "--s3-version-deleted"];
        let listed = String::from_utf8(self.client(&options, bucket, b"")).unwrap();
        listed.lines().map(str::to_owned).collect()
    }

    /// Begins an upload of several parts and leaves it, as a program does whose machine dies.
    pub fn begin_upload(&self, bucket: &str, path: &str) {
        self.signed("POST", &format!("{bucket}/{path}?uploads="), "");
    }

    /// Lets nobody delete an older version.
    pub fn forbid_deleting_versions(&self, bucket: &str) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*",
            "Action":["s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::{bucket}/*"}}]}}"#
        );
        self.signed("PUT", &format!("{bucket}?policy="), &policy);
    }

    /// Takes the bucket's policy away.
    pub fn allow_everything(&self, bucket: &str) {
        self.signed("DELETE", &format!("{bucket}?policy="), "");
    }

    /// Makes a bucket in which objects can be locked.
    pub fn make_locked_bucket(&self, bucket: &str) {
        let (status, said) = self.ask("PUT", bucket, &["x-amz-bucket-object-lock-enabled: true"], "");
        assert_eq!(status, 200, "{said}");
    }

    /// Makes a bucket lock by itself whatever is stored there.
    pub fn lock_by_default(&self, bucket: &str, days: u32) {
        let rule = format!(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
             <Mode>GOVERNANCE</Mode><Days>{days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
        );
        self.signed("PUT", &format!("{bucket}?object-lock="), &rule);
    }

    /// Until when an object is locked, as a client that is not ours reads it; none where it is not.
    pub fn locked_until(&self, bucket: &str, path: &str) -> Option<String> {
        let (status, said) = self.ask("GET", &format!("{bucket}/{path}?retention="), &[], "");
        let until = between(&said, "<RetainUntilDate>", "</RetainUntilDate>").next().map(str::to_owned);
        assert!(status == 200 || status == 404, "{said}");
        until
    }

    /// Locks an object until an instant, as its owner may by other means.
    pub fn lock_object(&self, bucket: &str, path: &str, until: &str) {
        let body = format!(
            "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        self.signed("PUT", &format!("{bucket}/{path}?retention="), &body);
    }

    /// Lets the locks below a prefix end at other instants, as whoever may bypass governance can. Each must be still to come
    /// when the server hears of it.
    pub fn end_locks(&self, bucket: &str, prefix: &str, soon: &dyn Fn() -> String) {
        let query = format!("{bucket}?prefix={}&versions=", prefix.replace('/', "%2F"));
        let (_, said) = self.ask("GET", &query, &[], "");
        for version in between(&said, "<Version>", "</Version>") {
            let word = |begin, end| between(version, begin, end).next().unwrap_or_default();
            let (path, id) = (word("<Key>", "</Key>"), word("<VersionId>", "</VersionId>"));
            let object = format!("{bucket}/{path}?retention=&versionId={id}");
            let (status, retention) = self.ask("GET", &object, &[], "");
            if status != 200 {
                continue;
            }
            let until =
                between(&retention, "<RetainUntilDate>", "</RetainUntilDate>").next().unwrap_or_default();
            let (status, said) = self.ask(
                "PUT",
                &object,
                &["x-amz-bypass-governance-retention: true"],
                &retention.replace(until, &soon()),
            );
            assert_eq!(status, 200, "{said}");
        }
    }

    /// The versions of an object, as a client that is not ours lists them.
    pub fn version_ids(&self, bucket: &str, path: &str) -> Vec<String> {
        let (status, said) =
            self.ask("GET", &format!("{bucket}?prefix={}&versions=", path.replace('/', "%2F")), &[], "");
        assert_eq!(status, 200, "{said}");
        between(&said, "<VersionId>", "</VersionId>").map(str::to_owned).collect()
    }

    /// Deletes a version as whoever may do everything; returns the status that the server answers.
    pub fn delete_version(&self, bucket: &str, path: &str, version: &str) -> u16 {
        self.ask("DELETE", &format!("{bucket}/{path}?versionId={version}"), &[], "").0
    }

    /// A request that rclone has no word for.
    fn signed(&self, method: &str, path_and_query: &str, body: &str) {
        let (status, said) = self.ask(method, path_and_query, &[], body);
        assert!((200..300).contains(&status), "{status}: {said}");
    }

    /// The same with headers, and with whatever the server answers.
    fn ask(&self, method: &str, path_and_query: &str, headers: &[&str], body: &str) -> (u16, String) {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--request", method, "--write-out", "\n%{http_code}"])
            .args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &format!("{ACCESS_KEY}:{SECRET_KEY}")])
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
            .args(headers.iter().flat_map(|header| ["--header", header]));
        if !body.is_empty() || method == "POST" {
            command.args(["--data-binary", body]);
        }
        let output = command.arg(format!("http://127.0.0.1:{}/{path_and_query}", self.port)).output().expect(
            "curl is missing: run `cargo xtask test`, which installs it, or install the package curl",
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (said, status) = said.rsplit_once('\n').unwrap_or_default();
        let status = status.parse().unwrap_or_else(|_| {
            panic!("{method} {path_and_query}: {}", String::from_utf8_lossy(&output.stderr))
        });
        (status, said.to_owned())
    }

    /// Uploads that were begun and not completed, as a client that is not ours lists them.
    pub fn uploads(&self, bucket: &str) -> String {
        String::from_utf8(self.client(&["backend", "list-multipart-uploads"], bucket, b"")).unwrap()
    }

    /// The bytes of an object, as a client that is not ours reads them.
    pub fn object(&self, bucket: &str, path: &str) -> Vec<u8> {
        self.client(&["cat"], &format!("{bucket}/{path}"), b"")
    }

    /// Puts other bytes in the place of an object, whoever it belongs to.
    pub fn replace_object(&self, bucket: &str, path: &str, bytes: &[u8]) {
        self.client(&["rcat"], &format!("{bucket}/{path}"), bytes);
    }

    /// Makes an object whose name ends in a slash, as other programs do to have a folder.
    pub fn mark_folder(&self, bucket: &str, path: &str) {
        self.client_with(&["mkdir"], &format!("{bucket}/{path}"), &["--s3-directory-markers"], b"");
    }

    /// Deletes an object as another program does.
    pub fn delete_object(&self, bucket: &str, path: &str) {
        self.client(&["deletefile"], &format!("{bucket}/{path}"), b"");
    }

    /// Runs rclone on a path of this server.
    fn client(&self, arguments: &[&str], path: &str, input: &[u8]) -> Vec<u8> {
        self.client_with(arguments, path, &[], input)
    }

    fn client_with(&self, arguments: &[&str], path: &str, after: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(lab::program("rclone"));
        command
            .args(["--config", "/dev/null"])
            .args(arguments)
            .arg(format!("lab:{path}"))
            .args(after)
            .env("RCLONE_CONFIG_LAB_TYPE", "s3")
            .env("RCLONE_CONFIG_LAB_PROVIDER", "SeaweedFS")
            .env("RCLONE_CONFIG_LAB_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env("RCLONE_CONFIG_LAB_ACCESS_KEY_ID", ACCESS_KEY)
            .env("RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY", SECRET_KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("rclone does not start: {error}"));
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "rclone: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again on the same ports and data.
    pub fn restart(&mut self) {
        self.process.restart();
    }

    /// Stops answering without closing anything.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Ends a freeze.
    pub fn thaw(&self) {
        self.process.thaw();
    }
}

/// What stands between two words of a text, each time.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(word, _)| word)
}
