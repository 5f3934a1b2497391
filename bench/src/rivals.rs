//! Who mail is held against: Postfix taking it in and Dovecot keeping it, from Debian, set up to keep their promise as we keep ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cost::Cost;

/// Postfix in front of Dovecot, over LMTP.
pub(crate) struct Rival {
    /// Where Postfix takes mail.
    pub(crate) port: u16,
    postfix: PathBuf,
    dovecot: PathBuf,
    directory: tempfile::TempDir,
}

impl Rival {
    /// Starts both. Mail for anybody at `load.test` ends in a mailbox of that name; every message is synced by Postfix before its 250 and by Dovecot
    /// before its own.
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-rival.").tempdir().expect("a directory");
        let root = directory.path();
        // Others have to get in.
        run("chmod", &["755", text(root)]);
        for made in ["postfix", "queue", "data", "dovecot", "run", "state", "home"] {
            std::fs::create_dir(root.join(made)).expect("a directory");
        }
        let (port, lmtp) = (tests::free_port(), tests::free_port());
        let postfix = root.join("postfix");
        std::fs::write(postfix.join("main.cf"), main_cf(root, lmtp)).expect("main.cf");
        std::fs::write(postfix.join("master.cf"), tests::postfix_services(port)).expect("master.cf");
        let dovecot = root.join("dovecot/dovecot.conf");
        std::fs::write(&dovecot, dovecot_conf(root, lmtp)).expect("dovecot.conf");
        run(
            "chown",
            &["-R", "postfix", text(&root.join("queue")), text(&root.join("data")), text(&root.join("home"))],
        );
        run("/usr/sbin/dovecot", &["-c", text(&dovecot)]);
        run("/usr/sbin/postfix", &["-c", text(&postfix), "start"]);
        Self { port, postfix, dovecot, directory }
    }

    /// What both have used so far, with all who worked for them.
    pub(crate) fn cost(&self) -> Cost {
        let root = self.directory.path();
        let masters = [root.join("queue/pid/master.pid"), root.join("run/master.pid")];
        let pids = masters.iter().filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
        Cost::of_families(&pids.collect::<Vec<u32>>())
    }

    /// Waits until Dovecot has what Postfix took; answers how long that was.
    pub(crate) fn drain(&self) -> Duration {
        let began = Instant::now();
        let is_empty = |folder: &str| {
            let listed = Command::new("find")
                .arg(self.directory.path().join("queue").join(folder))
                .args(["-type", "f"])
                .output();
            listed.expect("find runs").stdout.is_empty()
        };
        while !["maildrop", "incoming", "active", "deferred"].into_iter().all(is_empty) {
            assert!(began.elapsed() < Duration::from_secs(600), "Postfix does not deliver");
            // Its queue tells nobody when it is empty.
            std::thread::sleep(Duration::from_millis(20));
        }
        began.elapsed()
    }

    /// Bytes that lie in mailboxes.
    pub(crate) fn stored(&self) -> u64 {
        stored(&self.directory.path().join("home"))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/postfix").arg("-c").arg(&self.postfix).arg("abort").output();
        let _ = Command::new("/usr/bin/doveadm").arg("-c").arg(&self.dovecot).arg("stop").output();
    }
}

/// Bytes on the disk below a folder.
pub(crate) fn stored(folder: &Path) -> u64 {
    let output = Command::new("du").args(["-s", "-B1", text(folder)]).output().expect("du runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// A path that has only plain letters.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Runs something to its end. What it leaves running keeps no pipe of ours open: what goes wrong there is in its log.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("the rivals are installed (make bench does)");
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

fn main_cf(root: &Path, lmtp: u16) -> String {
    let at = |name: &str| root.join(name).display().to_string();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\ncommand_directory = /usr/sbin\n\
         daemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
         myhostname = mx.load.test\nmydestination =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\nalias_maps =\nalias_database =\nvirtual_mailbox_domains = load.test\n\
         virtual_mailbox_maps = static:all\nvirtual_transport = lmtp:inet:127.0.0.1:{lmtp}\n\
         smtpd_client_connection_count_limit = 0\ndefault_process_limit = 300\nin_flow_delay = 0\n\
         default_destination_concurrency_limit = 20\nmessage_size_limit = 26214400\nmailbox_size_limit = 0\n\
         virtual_mailbox_limit = 0\nmaillog_file = {}\nmaillog_file_prefixes = /\nlocal_transport = error:none here\n",
        at("queue"),
        at("data"),
        at("mail.log")
    )
}

fn dovecot_conf(root: &Path, lmtp: u16) -> String {
    let at = |name: &str| root.join(name).display().to_string();
    format!(
        "protocols = lmtp\nbase_dir = {run}\nstate_dir = {state}\nlog_path = {log}\nssl = no\n\
         mail_location = sdbox:~/mail\nmail_fsync = always\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         auth_username_format = %n\npassdb {{\n driver = static\n args = nopassword=y\n}}\n\
         userdb {{\n driver = static\n args = uid=postfix gid=postfix home={home}/%n\n}}\n\
         service lmtp {{\n inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {lmtp}\n }}\n process_limit = 50\n}}\n",
        run = at("run"),
        state = at("state"),
        log = at("dovecot.log"),
        home = at("home"),
    )
}
