//! nginx and PHP-FPM in front of one folder, as a hosting company serves a website.
//!
//! Whether a restored site works is what it answers, not what its files are. Nothing is taken from `/etc`: a machine's own
//! php.ini could forbid a function, or send mail. Everything runs as the user of the tests, because temporary folders
//! are nobody else's, and so do the files that PHP writes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, below, folder, free_port, run};
use crate::lab;

/// What an application of our tests needs, in the order in which PHP must load it.
const EXTENSIONS: [&str; 9] =
    ["mysqlnd", "mysqli", "ctype", "exif", "fileinfo", "gd", "iconv", "posix", "tokenizer"];

/// A running website.
pub struct Php {
    nginx: Process,
    fpm: Process,
    port: u16,
    folder: tempfile::TempDir,
}

/// What a website answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The headers, one a line, as they came.
    pub headers: String,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
}

impl Php {
    /// Serves a folder, which may still be empty, at a free port. `localhost` as the name of a database server leads to
    /// `socket`, as it does for the customers of a hosting company.
    pub fn start(docroot: &Path, socket: &Path) -> Php {
        Php::start_at(docroot, socket, free_port(0))
    }

    /// Serves a folder at the port of a site that ended: applications know their own address.
    pub fn start_at(docroot: &Path, socket: &Path, port: u16) -> Php {
        let folder = folder();
        let fpm_port = free_port(0);
        let ini = write_ini(folder.path(), socket);
        let fpm_conf = folder.path().join("fpm.conf");
        fs::write(&fpm_conf, fpm_configuration(fpm_port)).unwrap();
        let nginx_conf = folder.path().join("nginx.conf");
        fs::write(&nginx_conf, nginx_configuration(folder.path(), docroot, port, fpm_port)).unwrap();
        let program = fpm_program();
        let at = folder.path().to_owned();
        let fpm = Process::start(folder.path().join("fpm.log"), fpm_port, move || {
            let mut command = Command::new(&program);
            // -R: it may run as root, which is who tests often are.
            command.args(["--nodaemonize", "--allow-to-run-as-root", "--prefix"]).arg(&at);
            command.arg("--fpm-config").arg(&fpm_conf).arg("-c").arg(&ini).env("PHP_INI_SCAN_DIR", "");
            command
        });
        let program = lab::program("nginx");
        let at = folder.path().to_owned();
        let nginx = Process::start(folder.path().join("nginx.log"), port, move || {
            let mut command = Command::new(&program);
            command.arg("-p").arg(&at).arg("-c").arg(&nginx_conf).args(["-e", "stderr"]);
            command
        });
        Php { nginx, fpm, port, folder }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks for a path, such as `/index.php`; redirections are not followed.
    pub fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no HTTP: {first:?}\n{}", self.log()));
        Answer { status, headers: headers.replace("\r\n", "\n"), body: body.to_owned() }
    }

    /// kill -9, for the web server and PHP.
    pub fn kill(&mut self) {
        self.nginx.kill();
        self.fpm.kill();
    }

    /// Starts both again at the same port.
    pub fn restart(&mut self) {
        self.fpm.restart();
        self.nginx.restart();
    }

    /// The end of what both complained of.
    pub fn log(&self) -> String {
        format!("{}{}", self.nginx.said(), self.fpm.said())
    }

    /// Its own folder, with its configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Runs a script of ours as a customer does in a shell, and gives what it prints.
///
/// # Panics
/// When it fails.
pub(crate) fn run_script(script: &str, socket: &Path, arguments: &[&str]) -> String {
    let folder = folder();
    let file = folder.path().join("script.php");
    fs::write(&file, script).unwrap();
    run_file(&file, socket, arguments)
}

/// Runs a script that lies somewhere, and gives what it prints.
///
/// # Panics
/// When it fails.
pub(crate) fn run_file(script: &Path, socket: &Path, arguments: &[&str]) -> String {
    let folder = folder();
    let ini = write_ini(folder.path(), socket);
    let mut command = Command::new(lab::program("php"));
    command.arg("-c").arg(ini).env("PHP_INI_SCAN_DIR", "").arg(script).args(arguments);
    let printed = run(&mut command);
    String::from_utf8(printed).unwrap()
}

/// The FPM that belongs to `php`: Debian names it by its version.
fn fpm_program() -> PathBuf {
    let mut ask = Command::new(lab::program("php"));
    let version = run(ask.args(["-n", "-r", "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;"]));
    lab::program(&format!("php-fpm{}", String::from_utf8(version).unwrap()))
}

fn write_ini(folder: &Path, socket: &Path) -> PathBuf {
    let (temporary, sessions) = (below(folder, "tmp"), below(folder, "sessions"));
    let (temporary, sessions, socket) = (temporary.display(), sessions.display(), socket.display());
    let extensions: String = EXTENSIONS.iter().map(|name| format!("extension={name}\n")).collect();
    // Nothing leaves this machine by mail(): a test counts what an application sends, and it must be told where to.
    let text = format!(
        "{extensions}memory_limit=256M\ndate.timezone=UTC\ndisplay_errors=stderr\nlog_errors=On\n\
         html_errors=Off\nsendmail_path=/bin/false\nmysqli.default_socket={socket}\n\
         sys_temp_dir={temporary}\nupload_tmp_dir={temporary}\nsession.save_path={sessions}\n"
    );
    let path = folder.join("php.ini");
    fs::write(&path, text).unwrap();
    path
}

fn fpm_configuration(port: u16) -> String {
    format!(
        "[global]\nerror_log = /proc/self/fd/2\n[site]\n{}listen = 127.0.0.1:{port}\n\
         listen.allowed_clients = 127.0.0.1\npm = ondemand\npm.max_children = 4\ncatch_workers_output = yes\n",
        if is_root() { "user = root\ngroup = root\n" } else { "" }
    )
}

fn nginx_configuration(folder: &Path, docroot: &Path, port: u16, fpm_port: u16) -> String {
    let user = if is_root() { "user root root;\n" } else { "" };
    let (at, root) = (folder.display(), docroot.display());
    let kinds = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"];
    let temporary: String = kinds.iter().map(|kind| format!("  {kind}_temp_path {at}/{kind};\n")).collect();
    format!(
        r#"{user}daemon off;
worker_processes 1;
pid {at}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
{temporary}  types {{ text/html html; text/css css; text/javascript js; image/jpeg jpg jpeg; image/png png; }}
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    root "{root}";
    index index.php;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \.php$ {{
      try_files $uri =404;
      fastcgi_pass 127.0.0.1:{fpm_port};
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param SCRIPT_NAME $fastcgi_script_name;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param DOCUMENT_ROOT $document_root;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param SERVER_NAME $server_name;
      fastcgi_param SERVER_PORT $server_port;
      fastcgi_param SERVER_SOFTWARE nginx;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REDIRECT_STATUS 200;
    }}
  }}
}}
"#
    )
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
