//! Names that can be proven: an authoritative server with a signed zone (bind9), a resolver that validates (unbound), certificates
//! (OpenSSL), and a web site that hands out MTA-STS policies (Python).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

/// Another program, ended with its story.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &str, arguments: &[&str], log: &Path) -> Running {
    let log = std::fs::File::create(log).expect("a log");
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is not installed (make test does): {error}"));
    Running(child)
}

fn must(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program} is not installed (make test does): {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Two zones, one signed (`ky.test`) and one not (`tran.test`), and a resolver that validates.
pub struct SignedNames {
    /// The resolver: `127.0.0.1:PORT`.
    pub resolver: String,
    directory: tempfile::TempDir,
    _servers: [Running; 2],
}

impl SignedNames {
    /// Serves these records; each is a line of a zone file with a whole name.
    pub fn start(signed: &str, unsigned: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-names.").tempdir().expect("a directory");
        let root = directory.path();
        let authority = free_port();
        let resolver = loop {
            let port = free_port();
            if port != authority {
                break port;
            }
        };
        for (zone, records) in [("ky.test", signed), ("tran.test", unsigned)] {
            let top = format!(
                "$TTL 60\n{zone}. SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60\n{zone}. NS ns.{zone}.\n\
                 ns.{zone}. A 127.0.0.1\n"
            );
            std::fs::write(root.join(zone), top + records + "\n").expect("a zone");
        }
        let key = must("dnssec-keygen", root, &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "ky.test"]);
        must(
            "dnssec-signzone",
            root,
            &["-q", "-S", "-z", "-o", "ky.test", "-f", "ky.test.signed", "ky.test"],
        );
        let named = format!(
            "options {{ directory \"{0}\"; listen-on port {authority} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
             recursion no; pid-file none; session-keyfile none; dnssec-validation no; allow-transfer {{ none; }}; }};\n\
             controls {{ }};\nzone \"ky.test\" {{ type primary; file \"ky.test.signed\"; }};\n\
             zone \"tran.test\" {{ type primary; file \"tran.test\"; }};\n",
            text(root)
        );
        std::fs::write(root.join("named.conf"), named).expect("named.conf");
        let anchor = std::fs::read_to_string(root.join(format!("{key}.key"))).expect("a key");
        std::fs::write(root.join("anchor"), anchor).expect("an anchor");
        std::fs::write(root.join("unbound.conf"), unbound(root, resolver, authority)).expect("unbound.conf");
        let servers = [
            start("/usr/sbin/named", &["-g", "-c", text(&root.join("named.conf"))], &root.join("named.log")),
            start(
                "/usr/sbin/unbound",
                &["-d", "-c", text(&root.join("unbound.conf"))],
                &root.join("unbound.log"),
            ),
        ];
        let names = Self { resolver: format!("127.0.0.1:{resolver}"), directory, _servers: servers };
        names.wait(resolver);
        names
    }

    /// Until the resolver gives a validated answer and one that cannot be.
    fn wait(&self, port: u16) {
        let deadline = Instant::now() + PATIENCE;
        let port = port.to_string();
        loop {
            let ask = |zone: &str| {
                let output = Command::new("dig")
                    .args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=1", "+dnssec", "SOA", zone])
                    .output()
                    .expect("dig is installed (make test does)");
                String::from_utf8_lossy(&output.stdout).into_owned()
            };
            let (signed, unsigned) = (ask("ky.test"), ask("tran.test"));
            if signed.contains(" ad;") && unsigned.contains("hostmaster.tran.test") {
                assert!(!unsigned.contains(" ad;"), "{unsigned}");
                return;
            }
            let log =
                |name: &str| std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "no names\n{signed}\n{unsigned}\n{}\n{}",
                log("named.log"),
                log("unbound.log")
            );
            // Another program tells nobody when it is ready.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn unbound(root: &Path, port: u16, authority: u16) -> String {
    let mut text = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  directory: \"{0}\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  do-daemonize: no\n  do-not-query-localhost: no\n  do-ip6: no\n  \
         local-zone: \"test.\" nodefault\n  domain-insecure: \"tran.test\"\n  trust-anchor-file: \"{0}/anchor\"\n  \
         module-config: \"validator iterator\"\n",
        text(root)
    );
    for zone in ["ky.test", "tran.test"] {
        let _ = write!(text, "stub-zone:\n  name: \"{zone}\"\n  stub-addr: 127.0.0.1@{authority}\n");
    }
    text + "remote-control:\n  control-enable: no\n"
}

/// An authority and one server's certificate, made with OpenSSL.
pub struct Paperwork {
    directory: tempfile::TempDir,
}

impl Paperwork {
    /// For a server of these names.
    pub fn new(names: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("congvan-paper.").tempdir().expect("a directory");
        let root = directory.path();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let ca = ["req", "-x509", "-days", "30", "-subj", "/CN=Goc thu nghiem"];
        let keyed = ["-keyout", "root.key", "-out", "root.pem"];
        must("openssl", root, &[&ca[..], &key, &keyed].concat());
        let listed: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        std::fs::write(root.join("names"), format!("subjectAltName={}\n", listed.join(","))).expect("names");
        let request = ["req", "-subj", "/CN=may chu", "-keyout", "server.key", "-out", "server.csr"];
        must("openssl", root, &[&request[..], &key].concat());
        let sign = ["x509", "-req", "-in", "server.csr", "-CA", "root.pem", "-CAkey", "root.key"];
        let more = ["-CAcreateserial", "-days", "30", "-extfile", "names", "-out", "server.pem"];
        must("openssl", root, &[&sign[..], &more].concat());
        let chain = ["server.pem", "root.pem"]
            .map(|name| std::fs::read_to_string(root.join(name)).expect("a certificate"));
        std::fs::write(root.join("chain.pem"), chain.concat()).expect("a chain");
        // Postfix reads them as another user.
        must("chmod", root, &["755", "."]);
        must("chmod", root, &["644", "server.key"]);
        Self { directory }
    }

    /// `root.pem`, `server.key`, `server.pem` or `chain.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// SHA-256 in hexadecimal of the server's key, as a TLSA record `3 1 1` has it.
    pub fn key_digest(&self) -> String {
        let script =
            "openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum";
        self.digest(script)
    }

    /// SHA-256 of the authority's certificate, as in `2 0 1`.
    pub fn root_digest(&self) -> String {
        self.digest("openssl x509 -in root.pem -outform DER | sha256sum")
    }

    fn digest(&self, script: &str) -> String {
        let told = must("sh", self.directory.path(), &["-c", script]);
        told.split_whitespace().next().expect("a digest").to_owned()
    }
}

/// A web site that gives each host its own policy, on port 443 of an address of this machine.
pub struct PolicySite {
    _server: Running,
}

const SITE: &str = r#"
import http.server, json, ssl, sys
address, certificate, key, policies = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = policies.get(self.headers.get("Host", ""))
        found = text is not None and self.path == "/.well-known/mta-sts.txt"
        self.send_response(200 if found else 404)
        body = (text if found else "none").encode()
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((address, 443), Site)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

impl PolicySite {
    /// Serves these policies, by host.
    pub fn start(address: &str, paper: &Paperwork, policies: &serde_json::Value) -> Self {
        let (chain, key) = (paper.file("chain.pem"), paper.file("server.key"));
        let arguments = ["-c", SITE, address, text(&chain), text(&key), &policies.to_string()];
        let server = start("python3", &arguments, &paper.file("site.log"));
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect((address, 443)).is_err() {
            let log = std::fs::read_to_string(paper.file("site.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "no site at {address}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { _server: server }
    }
}
