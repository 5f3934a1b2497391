//! The outside world: another mail server, from Debian.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A port of this process alone, below those the kernel gives to outgoing connections: one of those could be taken meanwhile.
///
/// Each process claims a block of ports by a lock on a file, for as long as it lives: two that look for a free port at the same moment would find
/// the same one.
pub fn free_port() -> u16 {
    let (_lock, first) = BLOCK.get_or_init(claimed_block);
    (0..PORTS)
        .map(|_| first + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// The first of so many ports in a row of this process alone, for who looks himself which of them are free.
pub(crate) fn free_ports(wanted: u16) -> u16 {
    let (_lock, first) = BLOCK.get_or_init(claimed_block);
    let at = NEXT.fetch_add(wanted, Ordering::Relaxed) % PORTS;
    first + if at + wanted > PORTS { 0 } else { at }
}

static BLOCK: OnceLock<(File, u16)> = OnceLock::new();
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Ports of a block.
const PORTS: u16 = 200;
/// Blocks, from port 10,000 on.
const BLOCKS: u16 = 110;

/// The first block that nobody holds, from one on that differs from process to process.
fn claimed_block() -> (File, u16) {
    let directory = std::env::temp_dir().join("congvan-ports");
    std::fs::create_dir_all(&directory).expect("a directory for locks");
    let start = (std::process::id() % u32::from(BLOCKS)) as u16;
    (0..BLOCKS)
        .map(|n| (start + n) % BLOCKS)
        .find_map(|block| {
            let file = File::create(directory.join(block.to_string())).ok()?;
            file.try_lock().ok()?;
            Some((file, 10_000 + block * PORTS))
        })
        .expect("a block of ports")
}

/// A Postfix of its own, in a directory of its own: takes mail for its domain into Maildirs, and sends the rest to
/// the program.
pub struct Postfix {
    /// Where it listens.
    pub port: u16,
    directory: tempfile::TempDir,
    config: PathBuf,
}

impl Postfix {
    /// Starts it. `domain` is its own; everything else goes to `next_port`. Mail for `full@domain` is refused.
    pub fn start(domain: &str, next_port: u16) -> Self {
        Self::start_at(domain, next_port, ("127.0.0.1", free_port()), "")
    }

    /// The same at an address of the machine, with more lines for its configuration; a line there counts before one of ours.
    pub fn start_at(domain: &str, next_port: u16, (address, port): (&str, u16), more: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-postfix.").tempdir().expect("a directory");
        let root = directory.path();
        let (config, queue, data, mail) =
            (root.join("etc"), root.join("queue"), root.join("data"), root.join("mail"));
        for made in [&config, &queue, &data, &mail] {
            std::fs::create_dir_all(made).expect("a directory");
        }
        let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\ncommand_directory = /usr/sbin\n\
             daemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
             mail_spool_directory = {}\nmyhostname = mx.{domain}\nmydestination =\nmynetworks = 127.0.0.0/8\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nalias_maps =\nalias_database =\n\
             virtual_mailbox_domains = {domain}\nvirtual_mailbox_base = {}\nvirtual_mailbox_maps = static:inbox/\n\
             virtual_uid_maps = static:{}\nvirtual_gid_maps = static:{}\nvirtual_minimum_uid = 1\n\
             default_transport = smtp:[127.0.0.1]:{next_port}\nrelay_domains =\nsmtp_tls_security_level = may\n\
             smtpd_recipient_restrictions = check_recipient_access inline:{{{{ full@{domain} = 552 5.2.2 mailbox is full }}}}, \
             permit_mynetworks, reject\nsmtpd_client_connection_count_limit = 0\nmaillog_file = {}\n\
             maillog_file_prefixes = /\nlocal_transport = error:none here\n{more}\n",
            plain(&queue),
            plain(&data),
            plain(&mail),
            plain(&mail),
            id("-u"),
            id("-g"),
            plain(&root.join("mail.log")),
        );
        std::fs::write(config.join("main.cf"), main).expect("main.cf");
        let services = postfix_services(port).replacen("127.0.0.1", address, 1);
        std::fs::write(config.join("master.cf"), services).expect("master.cf");
        let chown = Command::new("chown").arg("-R").arg("postfix").arg(&queue).arg(&data).status();
        assert!(chown.is_ok_and(|status| status.success()), "the story runs as root, as Postfix has to");
        chmod(root, "755");
        let mail_owner = Command::new("chown").arg("-R").arg("postfix").arg(&mail).status();
        assert!(mail_owner.is_ok_and(|status| status.success()));
        let postfix = Self { port, directory, config };
        postfix.control("start");
        postfix
    }

    fn control(&self, what: &str) {
        let output = Command::new("/usr/sbin/postfix").arg("-c").arg(&self.config).arg(what).output();
        let output = output.expect("Postfix is installed (make test does)");
        let log = std::fs::read_to_string(self.directory.path().join("mail.log")).unwrap_or_default();
        assert!(
            output.status.success(),
            "postfix {what}: {}\n{log}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Sends a message as any local program would, with Postfix's own `sendmail`.
    pub fn send(&self, from: &str, to: &str, message: &str) {
        use std::io::Write;
        let mut child = Command::new("/usr/sbin/sendmail")
            .arg("-C")
            .arg(&self.config)
            .args(["-i", "-f", from, to])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sendmail runs");
        child.stdin.take().expect("a pipe").write_all(message.as_bytes()).expect("a message");
        assert!(child.wait().is_ok_and(|status| status.success()));
    }

    /// The messages it has taken for its domain.
    pub fn inbox(&self) -> Vec<String> {
        let new = self.directory.path().join("mail/inbox/new");
        let Ok(entries) = std::fs::read_dir(new) else { return Vec::new() };
        entries
            .flatten()
            .map(|entry| {
                String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned()
            })
            .collect()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("mail.log")).unwrap_or_default()
    }

    /// Waits until a message with `words` has arrived there.
    pub fn wait_for(&self, words: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = self.inbox().into_iter().find(|message| message.contains(words)) {
                return found;
            }
            let log = std::fs::read_to_string(self.directory.path().join("mail.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "no message with {words:?} reached Postfix\n{log}");
            // Another program's Maildir tells nobody when something arrives.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/postfix").arg("-c").arg(&self.config).arg("abort").output();
    }
}

fn id(which: &str) -> String {
    let output = Command::new("id").args([which, "postfix"]).output().expect("a user postfix");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn chmod(path: &Path, mode: &str) {
    let changed = Command::new("chmod").arg(mode).arg(path).status();
    assert!(changed.is_ok_and(|status| status.success()));
}

/// `master.cf` of a Postfix that needs nothing but its own directory. Nothing is chrooted: that directory has no libraries.
pub fn postfix_services(port: u16) -> String {
    let mut services = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for (name, kind, private, wakeup, limit, program) in [
        ("pickup", "unix", "n", "60", "1", "pickup"),
        ("cleanup", "unix", "n", "-", "0", "cleanup"),
        ("qmgr", "unix", "n", "300", "1", "qmgr"),
        ("tlsmgr", "unix", "-", "1000?", "1", "tlsmgr"),
        ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "-", "0", "bounce"),
        ("defer", "unix", "-", "-", "0", "bounce"),
        ("trace", "unix", "-", "-", "0", "bounce"),
        ("verify", "unix", "-", "-", "1", "verify"),
        ("flush", "unix", "n", "1000?", "0", "flush"),
        ("proxymap", "unix", "-", "-", "-", "proxymap"),
        ("smtp", "unix", "-", "-", "-", "smtp"),
        ("relay", "unix", "-", "-", "-", "smtp"),
        ("error", "unix", "-", "-", "-", "error"),
        ("retry", "unix", "-", "-", "-", "error"),
        ("discard", "unix", "-", "-", "-", "discard"),
        ("virtual", "unix", "-", "-", "-", "virtual"),
        ("lmtp", "unix", "-", "-", "-", "lmtp"),
        ("anvil", "unix", "-", "-", "1", "anvil"),
        ("scache", "unix", "-", "-", "1", "scache"),
        ("postlog", "unix-dgram", "n", "-", "1", "postlogd"),
    ] {
        // Who writes Maildirs of others has to keep its privileges.
        let unprivileged = if name == "virtual" { "n" } else { "-" };
        services.push_str(&format!("{name} {kind} {private} {unprivileged} n {wakeup} {limit} {program}\n"));
    }
    services
}
