//! A PostgreSQL of a story's own, which may be killed without disturbing other stories.

use std::path::PathBuf;
use std::process::Command;

/// A cluster in a temporary directory, reached by a socket there. It syncs what it commits: a story kills it.
pub struct Cluster {
    bin: PathBuf,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// A new one, running.
    ///
    /// # Panics
    /// When PostgreSQL is not installed.
    pub fn new() -> Self {
        let told = Command::new("pg_config").arg("--bindir").output().expect("pg_config");
        let bin = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
        let directory =
            tempfile::Builder::new().prefix("congvan-pg.").tempdir().expect("a temporary directory");
        let cluster = Self { bin, directory };
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(cluster.directory.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "PostgreSQL needs a directory of its own");
        }
        cluster.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
        cluster.start();
        cluster
    }

    /// Where its database is.
    pub fn database(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.directory.path().display())
    }

    /// Starts it again; what was committed is there.
    pub fn start(&self) {
        let at = self.directory.path().display();
        let options = format!("-c listen_addresses='' -k {at} -c fsync=on -c max_connections=100");
        let log = format!("{at}/server.log");
        self.run("pg_ctl", &["-w", "-l", &log, "-o", &options, "start"]);
    }

    /// Every process of it ends at once and nothing is written any more, as when the power goes.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-m", "immediate", "-w", "stop"]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let mut command = match is_root() {
            // PostgreSQL refuses to run as root.
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        let data = self.directory.path().join("data");
        // Its output would be the server's too, which stays.
        let quiet = || std::process::Stdio::null();
        let command = command.arg("-D").arg(data).args(arguments).current_dir(self.directory.path());
        let ended = command.stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
        assert!(ended.is_ok_and(|status| status.success()), "{arguments:?}");
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout == b"0\n")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.directory.path().join("data");
        if data.join("postmaster.pid").exists() {
            self.crash();
        }
    }
}
