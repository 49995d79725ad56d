//! PHP and the web server, as a hosting company has them in front of one folder.
//!
//! Whether a restored site works is what it answers. So the real programs serve it, at the paths and under the names that it knows
//! itself by. What the website's `.htaccess` says is not heeded: nginx reads none, and everything that is no file goes to
//! `index.php`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_world::World;
use holdfast_world::process::{Finished, Running};

use super::failure::{StageError, StageErrorKind};
use super::inside::Inside;
use super::layout::{Folders, write};
use super::settings::Settings;

/// Longest wait for the first connection.
const START_MAX: Duration = Duration::from_secs(60);
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
const LOOK: Duration = Duration::from_millis(10);
/// The socket at which the database is, for PHP.
const DATABASE: &str = super::database::SOCKET;

/// What is served.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The folder of the documents, as it is called inside: `/var/www/vhosts/shop.example/httpdocs`.
    pub documents: PathBuf,
    /// Names and addresses under which the website knows itself, without ports: they lead to this web server.
    pub hosts: Vec<String>,
    /// Ports besides 80 and 443 at which it answers.
    pub ports: Vec<u16>,
}

/// The running servers.
#[derive(Debug)]
pub(super) struct Web {
    _fpm: Running,
    _nginx: Running,
}

impl Web {
    pub(super) fn start(
        inside: &Inside,
        folders: &Folders,
        settings: &Settings,
        serving: &Serving,
        world: &World,
    ) -> Result<Web, StageError> {
        let root = quotable(&serving.documents)?;
        write(&folders.ours("etc/php.ini"), &php_ini())?;
        write(&folders.ours("etc/fpm.conf"), FPM)?;
        let is_sealed = make_certificate(inside, settings);
        write(&folders.ours("etc/nginx.conf"), &nginx(root, serving, is_sealed))?;
        let user = settings.site_user;
        let fpm = inside.program(&settings.programs.php_fpm, user, LIFE_MAX).arguments([
            "--nodaemonize",
            "--fpm-config",
            "/holdfast/etc/fpm.conf",
            "-c",
            "/holdfast/etc/php.ini",
        ]);
        let fpm = start(
            inside,
            fpm,
            "PHP",
            &folders.run().join("fpm.sock"),
            &folders.log().join("fpm.log"),
            world,
        )?;
        let nginx = inside.program(&settings.programs.nginx, user, LIFE_MAX).arguments([
            "-c",
            "/holdfast/etc/nginx.conf",
            "-e",
            "/holdfast/log/nginx.log",
        ]);
        let (socket, log) = (folders.run().join("http.sock"), folders.log().join("nginx.log"));
        let nginx = start(inside, nginx, "the web server", &socket, &log, world)?;
        Ok(Web { _fpm: fpm, _nginx: nginx })
    }
}

/// Starts a server and waits until it listens.
fn start(
    inside: &Inside,
    program: holdfast_world::process::Invocation,
    what: &str,
    socket: &Path,
    log: &Path,
    world: &World,
) -> Result<Running, StageError> {
    let mut running = program
        .start(LIFE_MAX, inside.interrupted())
        .map_err(|error| StageError::process(&format!("start {what}"), &error))?;
    let started = world.clock.monotonic();
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        inside.go_on()?;
        let waited = world.clock.monotonic().saturating_sub(started);
        let has_ended = running.has_ended();
        if has_ended || waited > START_MAX {
            // What it said is there only once it ended, and this one may never.
            let ended = if has_ended { running.finish().ok() } else { None };
            let said = ended.map(|ended| String::from_utf8_lossy(&ended.stderr).trim().replace('\n', " | "));
            let (said, log) = (said.unwrap_or_default(), inside.end_of(log));
            let message = format!("{what} of the staging does not listen after {waited:?}: {said} {log}");
            return Err(StageError::new(StageErrorKind::Server, message));
        }
        world.clock.sleep(LOOK);
    }
    Ok(running)
}

/// A certificate that nobody trusts, for a website that calls itself by HTTPS. Without one, it cannot.
fn make_certificate(inside: &Inside, settings: &Settings) -> bool {
    let Some(openssl) = &settings.programs.openssl else { return false };
    let made = inside
        .program(openssl, settings.site_user, START_MAX)
        .arguments(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .arguments(["-days", "2", "-subj", "/CN=staging", "-keyout", "/holdfast/run/key.pem", "-out"])
        .arguments(["/holdfast/run/certificate.pem"]);
    made.run(None).is_ok_and(|finished| Finished::success(&finished))
}

/// nginx has no way to say some characters.
fn quotable(path: &Path) -> Result<&str, StageError> {
    let is_plain = |character: char| !character.is_control() && !"\"'\\$;{}".contains(character);
    path.to_str().filter(|text| path.is_absolute() && text.chars().all(is_plain)).ok_or_else(|| {
        let what = format!(
            "the web server cannot serve {:?}: its name holds what no setting can say",
            path.display().to_string()
        );
        StageError::refused(what)
    })
}

/// Sessions and uploads go to the staging's own folder. Errors go to a log, as on a website that is live.
fn php_ini() -> String {
    format!(
        "memory_limit=512M\ndate.timezone=UTC\ndisplay_errors=Off\nlog_errors=On\nhtml_errors=Off\n\
         error_log=/holdfast/log/php.log\nsendmail_path=/holdfast/bin/sendmail\n\
         mysqli.default_socket={DATABASE}\npdo_mysql.default_socket={DATABASE}\n\
         sys_temp_dir=/tmp\nupload_tmp_dir=/tmp\nsession.save_path=/tmp\nupload_max_filesize=64M\npost_max_size=64M\n"
    )
}

/// What stands here no website can change, with `.user.ini` or otherwise.
const FPM: &str = "[global]
error_log = /holdfast/log/fpm.log
[site]
listen = /holdfast/run/fpm.sock
listen.mode = 0600
pm = ondemand
pm.max_children = 8
clear_env = yes
env[PATH] = /usr/local/bin:/usr/bin:/bin
env[TMPDIR] = /tmp
php_admin_value[sendmail_path] = /holdfast/bin/sendmail
php_admin_value[mysqli.default_socket] = /holdfast/run/mysqld.sock
php_admin_value[pdo_mysql.default_socket] = /holdfast/run/mysqld.sock
php_admin_value[error_log] = /holdfast/log/php.log
php_admin_flag[log_errors] = on
";

/// One server for HTTP and one for what is to look like HTTPS, each at a socket for us and at ports for the website itself.
fn nginx(root: &str, serving: &Serving, is_sealed: bool) -> String {
    let kinds = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"];
    let temporary: String =
        kinds.iter().map(|kind| format!("  {kind}_temp_path /tmp/nginx-{kind};\n")).collect();
    let has_six = Path::new("/proc/sys/net/ipv6").exists();
    let listen = |port: u16, how: &str| {
        let six = if has_six { format!("    listen [::]:{port} ipv6only=on{how};\n") } else { String::new() };
        format!("    listen {port}{how};\n{six}")
    };
    let open: String = std::iter::once(80)
        .chain(serving.ports.iter().copied().filter(|port| !matches!(port, 80 | 443)))
        .map(|port| listen(port, ""))
        .collect();
    let sealed = if is_sealed {
        let (certificate, key) = ("/holdfast/run/certificate.pem", "/holdfast/run/key.pem");
        format!("{}    ssl_certificate {certificate};\n    ssl_certificate_key {key};\n", listen(443, " ssl"))
    } else {
        String::new()
    };
    let server = |socket: &str, listens: &str, https: &str, scheme: &str, port: &str| {
        format!(
            r#"  server {{
    listen unix:/holdfast/run/{socket};
{listens}    server_name _;
    root "{root}";
    index index.php index.html index.htm;
    location ~ /\.(?!well-known) {{ return 404; }}
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \.php$ {{
      try_files $uri =404;
      fastcgi_pass unix:/holdfast/run/fpm.sock;
      fastcgi_param HTTPS "{https}" if_not_empty;
      fastcgi_param REQUEST_SCHEME {scheme};
      fastcgi_param SERVER_PORT ${port};
{FASTCGI}    }}
  }}
"#
        )
    };
    format!(
        r#"daemon off;
worker_processes 1;
error_log /holdfast/log/nginx.log;
pid /holdfast/run/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
{temporary}{TYPES}  client_max_body_size 64m;
  server_tokens off;
  map $http_host $open_port {{ default 80; "~:(?<given>[0-9]+)$" $given; }}
  map $http_host $sealed_port {{ default 443; "~:(?<sealed>[0-9]+)$" $sealed; }}
{}{}}}
"#,
        server("http.sock", &open, "", "http", "open_port"),
        server("https.sock", &sealed, "on", "https", "sealed_port"),
    )
}

/// How long a page may take is for whoever asks.
const FASTCGI: &str = "      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param SCRIPT_NAME $fastcgi_script_name;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param DOCUMENT_URI $document_uri;
      fastcgi_param DOCUMENT_ROOT $document_root;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param SERVER_NAME $host;
      fastcgi_param SERVER_ADDR 127.0.0.1;
      fastcgi_param SERVER_SOFTWARE nginx;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param REMOTE_ADDR 127.0.0.1;
      fastcgi_param REMOTE_PORT 1;
      fastcgi_param REDIRECT_STATUS 200;
      fastcgi_buffer_size 64k;
      fastcgi_buffers 16 64k;
      fastcgi_read_timeout 1d;
";

const TYPES: &str = "  types {
    text/html html htm; text/css css; text/javascript js mjs; text/plain txt; text/xml xml; application/json json;
    image/jpeg jpg jpeg; image/png png; image/gif gif; image/webp webp; image/avif avif; image/svg+xml svg;
    image/x-icon ico; font/woff woff; font/woff2 woff2; application/pdf pdf; application/wasm wasm; video/mp4 mp4;
  }
  default_type application/octet-stream;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_cannot_say_more_than_its_name() {
        for path in ["/var/www/a b", "/srv/\u{e9}"] {
            quotable(Path::new(path)).unwrap();
        }
        for path in ["/a\"; include /etc/x", "/a$host", "/a\nb", "/a\\", "a", "/a;", "/a{"] {
            assert!(quotable(Path::new(path)).is_err(), "{path}");
        }
    }
}
