//! The servers that are measured, each with a data folder of its own, on loopback, behind TLS, and set to sync before it promises once it is
//! filled.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tests::{Engine, Imap, Program};

use crate::cost::Cost;
use crate::rivals::{run, stored, text};

/// Somebody's way into a mailbox.
#[derive(Clone)]
pub(crate) struct Account {
    /// What is said at the sign-in.
    pub(crate) user: String,
    /// The password. The rivals take any.
    pub(crate) password: String,
    /// What LMTP is told.
    pub(crate) address: String,
}

/// A server at work.
pub(crate) struct Server {
    /// Its name in the tables.
    pub(crate) name: String,
    /// IMAP over TLS.
    imaps: u16,
    /// The origin of its JMAP.
    pub(crate) jmap: Option<String>,
    /// LMTP.
    pub(crate) lmtp: u16,
    kind: Kind,
}

enum Kind {
    Ours(Box<Program>, Engine),
    Dovecot(Dovecot),
    Cyrus(Cyrus),
}

impl Server {
    /// Ours, as a demonstration, with room for many connections from one address.
    pub(crate) async fn ours(engine: Engine) -> Self {
        let changes = [("connections_per_address_max = 1000", "connections_per_address_max = 20000")];
        let program = Program::demo_of(engine, "H99", &changes).await;
        Self {
            name: format!("congvan, {engine:?}"),
            imaps: program.ports.imaps,
            jmap: Some(program.https("")),
            lmtp: program.ports.lmtp,
            kind: Kind::Ours(Box::new(program), engine),
        }
    }

    /// Dovecot.
    pub(crate) fn dovecot() -> Self {
        let (imaps, lmtp) = (tests::free_port(), tests::free_port());
        let kind = Kind::Dovecot(Dovecot::start(imaps, lmtp));
        Self { name: "Dovecot".to_owned(), imaps, jmap: None, lmtp, kind }
    }

    /// Cyrus, unpacked in a folder (`scripts/bench-tools`).
    pub(crate) fn cyrus(programs: &Path) -> Self {
        let (imaps, https, lmtp) = (tests::free_port(), tests::free_port(), tests::free_port());
        let kind = Kind::Cyrus(Cyrus::start(programs, [imaps, https, lmtp]));
        let jmap = Some(format!("https://localhost:{https}"));
        Self { name: "Cyrus".to_owned(), imaps, jmap, lmtp, kind }
    }

    /// From here on a rival syncs before it promises, as we always do. It was filled without, which is ten times as quick.
    pub(crate) fn keep_promises(&self) {
        match &self.kind {
            Kind::Ours(..) => {}
            Kind::Dovecot(dovecot) => {
                stop(&dovecot.pid_file());
                dovecot.open(true);
            }
            Kind::Cyrus(cyrus) => {
                stop(&cyrus.pid_file());
                cyrus.open(true);
            }
        }
    }

    /// Whether it is ours.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Ours(..))
    }

    /// The account with a number, from 0 on: there are four.
    pub(crate) fn account(&self, number: usize) -> Account {
        match &self.kind {
            Kind::Ours(program, _) => {
                let account = &program.demo.accounts[number];
                let (user, password) = (account.address.clone(), account.password.clone());
                Account { address: user.clone(), user, password }
            }
            Kind::Dovecot(_) | Kind::Cyrus(_) => {
                let user = format!("hop{number}");
                Account { address: user.clone(), user, password: "bench".to_owned() }
            }
        }
    }

    /// Signs in over IMAP.
    pub(crate) async fn imap(&self, account: &Account) -> Imap {
        Imap::login(self.imaps, &account.user, &account.password).await
    }

    /// Waits until it has nothing left to do of what was asked before: words of new messages are indexed after they were taken, and not at once.
    pub(crate) async fn rest(&self) {
        let (began, mut quiet) = (Instant::now(), 0);
        while quiet < 4 && began.elapsed() < Duration::from_secs(1_200) {
            let before = self.cpu();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let is_quiet = self.cpu().saturating_sub(before) < Duration::from_millis(30);
            quiet = if is_quiet { quiet + 1 } else { 0 };
        }
    }

    /// CPU time that it has used so far, with all who worked for it.
    pub(crate) fn cpu(&self) -> Duration {
        Cost::of_families(&self.masters()).cpu
    }

    /// Memory of all its processes; what several share counts once.
    pub(crate) fn memory_kib(&self) -> u64 {
        Cost::proportional_kib(&self.masters())
    }

    /// Octets on the disk; not known where another server keeps the rows.
    pub(crate) fn stored(&self) -> Option<u64> {
        match &self.kind {
            Kind::Ours(program, Engine::Sqlite) => Some(stored(&program.data)),
            Kind::Ours(_, Engine::Postgres) => None,
            Kind::Dovecot(dovecot) => Some(stored(&dovecot.directory.path().join("home"))),
            Kind::Cyrus(cyrus) => {
                let of = |name: &str| stored(&cyrus.directory.path().join(name));
                Some(of("spool") + of("conf"))
            }
        }
    }

    fn masters(&self) -> Vec<u32> {
        let told = |file: PathBuf| std::fs::read_to_string(file).ok()?.trim().parse().ok();
        match &self.kind {
            Kind::Ours(program, engine) => [program.pid()].into_iter().chain(engine.server_pid()).collect(),
            Kind::Dovecot(dovecot) => told(dovecot.pid_file()).into_iter().collect(),
            Kind::Cyrus(cyrus) => told(cyrus.pid_file()).into_iter().collect(),
        }
    }
}

/// A directory of a server's own, with a certificate; others have to get in.
fn directory(folders: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("congvan-rival.").tempdir().expect("a directory");
    let root = directory.path();
    run("chmod", &["755", text(root)]);
    for made in folders {
        std::fs::create_dir(root.join(made)).expect("a directory");
    }
    let (key, certificate) = (root.join("key.pem"), root.join("cert.pem"));
    let curve = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let files = ["-keyout", text(&key), "-out", text(&certificate), "-subj", "/CN=localhost", "-days", "3"];
    run("openssl", &[&curve[..], &files].concat());
    run("chmod", &["644", text(&key)]);
    directory
}

/// Waits until a door is open.
fn wait_for_door(port: u16) {
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "a rival's door stays closed");
        // A daemon that went to the background tells nobody when it listens.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks a daemon to stop and waits until it has, so that its folder can be removed.
fn stop(pid_file: &Path) {
    let Ok(pid) = std::fs::read_to_string(pid_file) else { return };
    let process = Path::new("/proc").join(pid.trim());
    let _ = std::process::Command::new("kill").args(["-TERM", pid.trim()]).status();
    let began = Instant::now();
    while process.exists() && began.elapsed() < Duration::from_secs(20) {
        // Nobody's child: it tells nobody when it has ended.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Dovecot with a process for each connection, its own way, and sign-in processes that serve many.
struct Dovecot {
    directory: tempfile::TempDir,
    imaps: u16,
    lmtp: u16,
}

impl Dovecot {
    fn start(imaps: u16, lmtp: u16) -> Self {
        let directory = directory(&["run", "state", "home"]);
        run("chown", &["-R", "postfix", text(&directory.path().join("home"))]);
        let dovecot = Self { directory, imaps, lmtp };
        dovecot.open(false);
        dovecot
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("dovecot.conf")
    }

    fn open(&self, is_durable: bool) {
        let fsync = if is_durable { "always" } else { "never" };
        let lines = dovecot_conf(self.directory.path(), fsync, self.imaps, self.lmtp);
        std::fs::write(self.config(), lines).expect("dovecot.conf");
        run("/usr/sbin/dovecot", &["-c", text(&self.config())]);
        [self.imaps, self.lmtp].into_iter().for_each(wait_for_door);
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("run/master.pid")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        stop(&self.pid_file());
    }
}

fn dovecot_conf(root: &Path, fsync: &str, imaps: u16, lmtp: u16) -> String {
    let root = text(root);
    format!(
        "protocols = imap lmtp\nbase_dir = {root}/run\nstate_dir = {root}/state\nlog_path = {root}/dovecot.log\n\
         ssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\nmail_location = sdbox:~/mail\nmail_fsync = {fsync}\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\nauth_username_format = %n\nmail_max_userip_connections = 0\n\
         default_client_limit = 30000\ndefault_process_limit = 20000\ndefault_vsz_limit = 2G\n\
         passdb {{\n driver = static\n args = nopassword=y\n}}\n\
         userdb {{\n driver = static\n args = uid=postfix gid=postfix home={root}/home/%n\n}}\n\
         service anvil {{\n client_limit = 60000\n}}\nservice auth {{\n client_limit = 60000\n}}\n\
         service imap-login {{\n service_count = 0\n process_min_avail = 2\n process_limit = 2\n\
          inet_listener imap {{\n  port = 0\n }}\n\
          inet_listener imaps {{\n  address = 127.0.0.1\n  port = {imaps}\n  ssl = yes\n }}\n}}\n\
         service lmtp {{\n inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {lmtp}\n }}\n process_limit = 50\n}}\n"
    )
}

/// Cyrus as Debian builds it, not installed: its package and Dovecot's exclude one another.
struct Cyrus {
    directory: tempfile::TempDir,
    programs: PathBuf,
    doors: [u16; 3],
}

/// What keeps a program from waiting for the disk (Debian's `libeatmydata1`).
const UNSYNCED: &str = "/usr/lib/x86_64-linux-gnu/libeatmydata.so";

impl Cyrus {
    fn start(programs: &Path, doors: [u16; 3]) -> Self {
        let directory = directory(&["conf", "conf/socket", "spool", "run", "sock", "lock", "proc"]);
        let root = directory.path();
        let config = root.join("imapd.conf");
        std::fs::write(&config, imapd_conf(root)).expect("imapd.conf");
        let services = cyrus_conf(&programs.join("usr/lib/cyrus/bin"), &config, doors);
        std::fs::write(root.join("cyrus.conf"), services).expect("cyrus.conf");
        run("chown", &["-R", "postfix", text(root)]);
        let cyrus = Self { directory, programs: programs.to_owned(), doors };
        cyrus.open(false);
        cyrus
    }

    fn open(&self, is_durable: bool) {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let libraries = self.programs.join("usr/lib/x86_64-linux-gnu").display().to_string();
        let mut master = std::process::Command::new(self.programs.join("usr/lib/cyrus/bin/master"));
        master.args(["-C", &at("imapd.conf"), "-M", &at("cyrus.conf"), "-p", text(&self.pid_file()), "-d"]);
        master.envs([("LD_LIBRARY_PATH", libraries.as_str()), ("CYRUS_USER", "postfix")]);
        if !is_durable {
            master.env("LD_PRELOAD", UNSYNCED);
        }
        assert!(master.status().expect("Cyrus is unpacked (make bench-mailboxes does)").success());
        self.doors.into_iter().for_each(wait_for_door);
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("run/master.pid")
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        stop(&self.pid_file());
    }
}

/// Mail is never sent on from here: whoever asks for the size limit of submissions finds a closed door at once.
fn imapd_conf(root: &Path) -> String {
    let root = text(root);
    format!(
        "configdirectory: {root}/conf\nproc_path: {root}/proc\nmboxname_lockpath: {root}/lock\ndefaultpartition: default\n\
         partition-default: {root}/spool\nsievedir: {root}/conf\ncyrus_user: postfix\naltnamespace: yes\nunixhierarchysep: yes\n\
         virtdomains: off\nsasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN\nautocreate_quota: 0\nautocreate_post: yes\n\
         httpmodules: jmap\nconversations: yes\nconversations_db: twoskip\nidlesocket: {root}/sock/idle\nlmtpsocket: {root}/sock/lmtp\n\
         notifysocket: {root}/sock/notify\ntls_server_cert: {root}/cert.pem\ntls_server_key: {root}/key.pem\n\
         maxlogins_per_user: 0\nmaxlogins_per_host: 0\nsmtp_backend: host\nsmtp_host: 127.0.0.1:1\n"
    )
}

fn cyrus_conf(bin: &Path, config: &Path, [imaps, https, lmtp]: [u16; 3]) -> String {
    let command = |name: &str, more: &str| format!("cmd=\"{}/{name} -C {}{more}\"", text(bin), text(config));
    let listen = |port: u16| format!("listen=\"127.0.0.1:{port}\" prefork=1 maxchild=-1 proto=\"tcp4\"");
    format!(
        "START {{\n recover {}\n idled {}\n}}\nSERVICES {{\n imaps {} {}\n https {} {}\n lmtp {} {}\n}}\nEVENTS {{\n checkpoint {} period=30\n}}\n",
        command("ctl_cyrusdb", " -r"),
        command("idled", ""),
        command("imapd", " -s"),
        listen(imaps),
        command("httpd", " -s"),
        listen(https),
        command("lmtpd", " -a"),
        listen(lmtp),
        command("ctl_cyrusdb", " -c"),
    )
}
