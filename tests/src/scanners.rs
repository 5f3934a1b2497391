//! Scanners from Debian: ClamAV with a signature made here, and rspamd without its network.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::free_port;

/// A scanner reads its rules when it starts.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, is_there: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < deadline, "{what} does not answer");
        // Neither program tells anybody when its socket is open.
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A `clamd` whose only signature is that of the EICAR test file.
pub struct Clamd {
    directory: tempfile::TempDir,
    child: Child,
}

impl Clamd {
    /// Starts it and waits until it answers.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-clamd.").tempdir().expect("a directory");
        let root = directory.path();
        std::fs::create_dir_all(root.join("db")).expect("a directory");
        // Hexadecimal of the part of the test file that no text has by chance.
        let pattern: String = ["EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE"]
            .concat()
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        std::fs::write(root.join("db/test.ndb"), format!("Test.Eicar:0:*:{pattern}\n")).expect("a signature");
        let config = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nForeground yes\nLogFile {}\nMaxThreads 4\n",
            root.join("clamd.ctl").display(),
            root.join("db").display(),
            root.display(),
            root.join("clamd.log").display()
        );
        std::fs::write(root.join("clamd.conf"), config).expect("a configuration");
        let child = Self::spawn(&directory);
        let clamd = Self { directory, child };
        clamd.wait();
        clamd
    }

    fn spawn(directory: &tempfile::TempDir) -> Child {
        Command::new("/usr/sbin/clamd")
            .arg("--config-file")
            .arg(directory.path().join("clamd.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("clamd is installed (make test does)")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("clamd.ctl")
    }

    fn wait(&self) {
        let socket = self.socket();
        wait_until("clamd", || {
            let Ok(mut stream) = UnixStream::connect(&socket) else { return false };
            let mut answer = String::new();
            stream.write_all(b"nPING\n").is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.starts_with("PONG")
        });
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.child = Self::spawn(&self.directory);
        self.wait();
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// An `rspamd` with a normal worker on loopback; all it knows is the GTUBE pattern.
pub struct Rspamd {
    /// Where its normal worker listens.
    pub port: u16,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Rspamd {
    /// Starts it and waits until it answers.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-rspamd.").tempdir().expect("a directory");
        let root = directory.path().display();
        let port = free_port();
        let config = format!(
            "options {{ filters = \"\"; pidfile = \"{root}/pid\"; tempdir = \"{root}\"; control_socket = \"{root}/ctl mode=0600\";\n\
             hs_cache_dir = \"{root}\"; rrd = \"{root}/rrd\"; stats_file = \"{root}/stats\"; history_file = \"{root}/history\";\n\
             gtube_patterns = \"all\"; url_tld = \"{root}/tld\"; disable_hyperscan = true; dns {{ nameserver = [\"127.0.0.1:1\"]; timeout = 0.1s; }} }}\n\
             logging {{ type = \"file\"; filename = \"{root}/log\"; level = \"info\"; }}\n\
             metric {{ name = \"default\"; actions {{ reject = 15; add_header = 6; }} }}\n\
             worker \"normal\" {{ bind_socket = \"127.0.0.1:{port}\"; count = 1; }}\n"
        );
        std::fs::write(directory.path().join("tld"), "test\nvn\n").expect("a file");
        let file = directory.path().join("rspamd.conf");
        std::fs::write(&file, config).expect("a configuration");
        let child = Command::new("/usr/bin/rspamd")
            .args(["--no-fork", "--insecure", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rspamd is installed (make test does)");
        let rspamd = Self { port, child, _directory: directory };
        wait_until("rspamd", || {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
            let mut answer = String::new();
            stream.write_all(b"GET /ping HTTP/1.0\r\n\r\n").is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.contains("pong")
        });
        rspamd
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        // The main process ends its workers when it is asked to.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
