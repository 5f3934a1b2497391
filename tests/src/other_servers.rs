//! Two more mail servers from Debian: Exim and OpenSMTPD. Their packages exclude Postfix's, so `scripts/test-tools` unpacks them beside the other
//! tools, and each runs where it alone sees the users and the folders it insists on (a mount namespace of its own).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Paperwork, free_port};

/// Anything such a server does takes less, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Exim 4: STARTTLS, DSN, SMTPUTF8 and CHUNKING in both directions.
    Exim,
    /// OpenSMTPD 6.8. As Debian has it, its side of STARTTLS as a server fails (OpenSMTPD/OpenSMTPD#1171): a peer whose TLS is broken.
    OpenSmtpd,
}

impl Make {
    /// The domain whose mail it keeps.
    pub fn domain(self) -> &'static str {
        match self {
            Self::Exim => "exim.test",
            Self::OpenSmtpd => "bsd.test",
        }
    }

    fn user(self) -> &'static str {
        match self {
            Self::Exim => "Debian-exim",
            Self::OpenSmtpd => "opensmtpd",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Exim => "exim/usr/sbin/exim4",
            Self::OpenSmtpd => "opensmtpd/usr/sbin/smtpd",
        }
    }
}

/// A running server: keeps mail for its own domain in a Maildir and sends everything else to the program.
pub struct OtherServer {
    /// Where it listens.
    pub port: u16,
    directory: tempfile::TempDir,
    child: Child,
}

/// Numbers of the users in the server's own view.
const UID: u32 = 61_001;

impl OtherServer {
    /// Starts it; what is not for its own domain goes to `next_port`.
    ///
    /// # Panics
    /// When the tests do not run as root, as mail servers have to.
    pub fn start(make: Make, next_port: u16) -> Self {
        Self::started(make, |at| match make {
            Make::Exim => exim_conf(at, next_port, &open_house(at)),
            Make::OpenSmtpd => opensmtpd_conf(at, next_port),
        })
    }

    /// An Exim that takes mail for anybody from whoever signs in so, inside TLS, and keeps all of it.
    ///
    /// # Panics
    /// As [`OtherServer::start`].
    pub fn smart_host(paper: &Paperwork, login: &str, password: &str) -> Self {
        let files = [paper.file("chain.pem"), paper.file("server.key")];
        Self::started(Make::Exim, |at| exim_conf(at, 9, &smart_house(&files, login, password)))
    }

    fn started(make: Make, config: impl FnOnce(&At<'_>) -> String) -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-peer.").tempdir().expect("a directory");
        let (root, port) = (directory.path(), free_port());
        run("chmod", &["755", text(root)]);
        for made in ["spool", "log", "mail"] {
            std::fs::create_dir(root.join(made)).expect("a directory");
        }
        users(root);
        certificate(root, make);
        let program = root.join("server");
        std::fs::copy(tools().join(make.program()), &program).expect("scripts/test-tools has unpacked it");
        let config = config(&At { root, port });
        std::fs::write(root.join("conf"), config).expect("a configuration");
        let owner = format!("{UID}:{UID}");
        let owned: Vec<PathBuf> = ["spool", "log", "mail"].iter().map(|name| root.join(name)).collect();
        owned.iter().for_each(|folder| run("chown", &[&owner, text(folder)]));
        if make == Make::Exim {
            run("chown", &[&owner, text(&root.join("key.pem"))]);
        }
        let log = std::fs::File::create(root.join("output")).expect("a log");
        let errors = log.try_clone().expect("a log");
        let child = Command::new("unshare")
            // Processes of a world of their own: they end with the first of them.
            .args(["--mount", "--pid", "--fork", "sh", "-ec", &inside(make, root)])
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("unshare runs");
        let mut server = Self { port, directory, child };
        server.wait_until_it_listens();
        server
    }

    fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "it does not start:\n{}", self.log());
            // It tells nobody when it listens.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let root = self.directory.path();
        let read = |name: &str| std::fs::read(root.join(name)).unwrap_or_default();
        // The first two have everything: what it refuses it logs once more elsewhere.
        String::from_utf8_lossy(&[read("output"), read("log/mainlog")].concat()).into_owned()
    }

    /// Hands it a message as a client of its own would, with Python's smtplib: a mail for the program is relayed there.
    pub fn hand_in(&self, from: &str, to: &str, message: &str, mail: &[&str], rcpt: &[&str]) {
        let script = "import sys, smtplib, json\nport, sender, to, mail, rcpt = json.loads(sys.argv[1])\n\
            s = smtplib.SMTP('127.0.0.1', port, local_hostname='client.test', timeout=30)\ns.ehlo()\n\
            s.sendmail(sender, [to], sys.stdin.buffer.read(), mail, rcpt)\ns.quit()\n";
        let input = serde_json::json!([self.port, from, to, mail, rcpt]).to_string();
        let mut child = Command::new("python3")
            .args(["-c", script, &input])
            .stdin(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let bytes = message.replace('\n', "\r\n");
        child.stdin.take().expect("a pipe").write_all(bytes.as_bytes()).expect("a message");
        assert!(child.wait().is_ok_and(|status| status.success()), "{}", self.log());
    }

    /// Waits until a message with `words` has arrived in its mailbox.
    pub fn wait_for(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.inbox().into_iter().find(|message| message.contains(words)) {
                return found;
            }
            assert!(Instant::now() < deadline, "no message with {words:?} arrived\n{}", self.log());
            // Another program's Maildir tells nobody when something arrives.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until its log has `words`.
    pub fn wait_for_log(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "the log never says {words:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The messages in its mailbox.
    pub fn inbox(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.directory.path().join("mail/new")) else {
            return Vec::new();
        };
        let read = |entry: std::fs::DirEntry| std::fs::read(entry.path()).unwrap_or_default();
        entries.flatten().map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        // The first process of that world, by who its parent is; with it all others end, and then `unshare` itself.
        let parent = self.child.id().to_string();
        let _ = Command::new("pkill").args(["-KILL", "-P", &parent]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/test-tools` has put other people's programs.
fn tools() -> PathBuf {
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools says where the tools are (make test does)");
    Path::new(&bin).parent().expect("a folder above").to_owned()
}

/// The machine's users and those of these servers: seen by the server alone.
fn users(root: &Path) {
    let (mut users, mut groups) = (read("/etc/passwd"), read("/etc/group"));
    for (n, name) in ["Debian-exim", "opensmtpd", "opensmtpq"].iter().enumerate() {
        // One account for both: which of them runs is the only one that is there.
        let id = if n == 2 { UID + 1 } else { UID };
        users += &format!("{name}:x:{id}:{id}::{}:/usr/sbin/nologin\n", root.join("spool").display());
        groups += &format!("{name}:x:{id}:\n");
    }
    std::fs::write(root.join("passwd"), users).expect("a file");
    std::fs::write(root.join("group"), groups).expect("a file");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).expect("a file of every machine")
}

fn certificate(root: &Path, make: Make) {
    let (key, cert) = (root.join("key.pem"), root.join("cert.pem"));
    let subject = format!("/CN=mx.{}", make.domain());
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &subject,
            "-keyout",
            text(&key),
            "-out",
            text(&cert),
        ],
    );
    run("chmod", &["600", text(&key)]);
}

/// What is done where the server alone sees it, and then the server.
fn inside(make: Make, root: &Path) -> String {
    let at = root.display();
    let users = format!("mount --bind {at}/passwd /etc/passwd\nmount --bind {at}/group /etc/group\n");
    match make {
        Make::Exim => format!("{users}exec {at}/server -C {at}/conf -bdf -q1s\n"),
        Make::OpenSmtpd => format!(
            "{users}mount -t tmpfs -o mode=755 tmpfs /var/spool\nmount -t tmpfs -o mode=755 tmpfs /run\n\
             mount -t tmpfs -o mode=755 tmpfs /var/lib\nmount -t tmpfs -o mode=755 tmpfs /usr/libexec\n\
             mkdir -p -m 711 /var/lib/opensmtpd/empty /var/spool/smtpd\nmkdir /var/spool/smtpd/offline\n\
             chgrp opensmtpq /var/spool/smtpd/offline\nchmod 770 /var/spool/smtpd/offline\n\
             cp -r {tools}/opensmtpd/usr/libexec/opensmtpd /usr/libexec/\nexec {at}/server -d -f {at}/conf\n",
            tools = tools().display(),
        ),
    }
}

/// Where a server is.
struct At<'a> {
    root: &'a Path,
    port: u16,
}

/// How Exim receives: anybody may hand in anything.
fn open_house(at: &At<'_>) -> [String; 2] {
    let root = at.root.display();
    let main = format!(
        "domainlist local = exim.test\ntls_certificate = {root}/cert.pem\ntls_privatekey = {root}/key.pem\n\
         acl_smtp_rcpt = accept\n"
    );
    [main, String::new()]
}

/// How Exim receives as a smart host: whoever has signed in may hand in anything, and nobody else.
fn smart_house([chain, key]: &[PathBuf; 2], login: &str, password: &str) -> [String; 2] {
    let main = format!(
        "domainlist local = *\ntls_certificate = {}\ntls_privatekey = {}\nacl_smtp_rcpt = rcpt\n\
         auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}\n",
        chain.display(),
        key.display()
    );
    let is = |name: &str, word: &str| {
        format!("${{if and{{{{eq{{$auth{name}}}{{{login}}}}}{{eq{{$auth{word}}}{{{password}}}}}}}}}")
    };
    let rest = format!(
        "begin acl\nrcpt:\n  accept authenticated = *\n  deny message = 5.7.0 Authentication required\n\
         begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n\
         \x20 server_condition = {}\n  server_set_id = $auth2\n\
         login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = \"Username:: : Password::\"\n\
         \x20 server_condition = {}\n  server_set_id = $auth1\n",
        is("2", "3"),
        is("1", "2"),
    );
    [main, rest]
}

fn exim_conf(at: &At<'_>, next_port: u16, [main, rest]: &[String; 2]) -> String {
    let (root, port, user) = (at.root.display(), at.port, Make::Exim.user());
    format!(
        "exim_path = {root}/server\nprimary_hostname = mx.exim.test\n{main}\
         spool_directory = {root}/spool\nlog_file_path = {root}/log/%slog\npid_file_path = {root}/spool/pid\n\
         daemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\ntls_advertise_hosts = *\n\
         smtputf8_advertise_hosts = *\ndsn_advertise_hosts = *\nchunking_advertise_hosts = *\nacl_smtp_data = accept\n\
         log_selector = +all\nhost_lookup =\nrfc1413_query_timeout = 0s\nkeep_environment =\nnever_users =\n\
         smtp_accept_max_per_connection = 5\n\
         begin routers\nours:\n  driver = accept\n  domains = +local\n  transport = maildir\n\
         others:\n  driver = manualroute\n  route_list = * 127.0.0.1\n  self = send\n  transport = away\n\
         begin transports\nmaildir:\n  driver = appendfile\n  maildir_format\n  directory = {root}/mail\n\
         \x20 envelope_to_add\n  return_path_add\n  user = {user}\n\
         away:\n  driver = smtp\n  port = {next_port}\n  allow_localhost\n  hosts_try_chunking = *\n\
         \x20 tls_verify_certificates =\n  tls_verify_hosts =\n\
         begin retry\n* * F,10m,2s\n{rest}"
    )
}

fn opensmtpd_conf(at: &At<'_>, next_port: u16) -> String {
    let (root, port, user) = (at.root.display(), at.port, Make::OpenSmtpd.user());
    format!(
        "pki mx.bsd.test cert \"{root}/cert.pem\"\npki mx.bsd.test key \"{root}/key.pem\"\n\
         table people {{ \"@\" = \"{user}\" }}\n\
         listen on 127.0.0.1 port {port} tls pki mx.bsd.test hostname mx.bsd.test\n\
         action \"in\" maildir \"{root}/mail\" virtual <people>\n\
         action \"out\" relay host \"smtp://127.0.0.1:{next_port}\"\n\
         match from any for domain \"bsd.test\" action \"in\"\nmatch from any for any action \"out\"\n"
    )
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
