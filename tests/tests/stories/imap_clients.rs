//! Mail programs that are not ours read mailboxes and carry them away: offlineimap, fetchmail, getmail, Python's imapclient. What arrives is
//! compared octet by octet with what lies here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tests::{Account, Engine, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    offlineimap_syncs_both_ways => offlineimap,
    fetchmail_carries_a_mailbox_away => fetchmail,
    getmail_carries_a_mailbox_away => getmail,
    imapclient_does_what_a_mail_program_does => imapclient,
}

/// Messages that programs have got wrong before: names, accents, dots and `From` at the beginning of a line, no body, no last line end,
/// a large one.
fn messages() -> Vec<Vec<u8>> {
    let head = |number: u32, subject: &str, more: &str| {
        format!(
            "From: =?utf-8?Q?B=C3=ACnh?= <binh@ngoai.test>\r\nTo: van-thu@mau.test\r\nSubject: {subject}\r\n\
             Date: Sun, 22 Nov 2026 08:0{number}:00 +0700\r\nMessage-ID: <{number}@ngoai.test>\r\n{more}"
        )
    };
    let utf8 = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    let mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"ranh gioi\"\r\n\r\n\
                 mở đầu\r\n--ranh gioi\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nCó phụ lục.\r\n\
                 --ranh gioi\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment;\r\n\x20filename*=utf-8''ph%E1%BB%A5%20l%E1%BB%A5c.pdf\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcKJcOkw7zDtsOf\r\n--ranh gioi--\r\nlời cuối\r\n";
    let large =
        format!("{utf8}{}", "Một dòng của một thư dài, dài đến mức phải đi nhiều chuyến.\r\n".repeat(4_000));
    vec![
        head(0, "thu thuong", "\r\nxin chao\r\n").into_bytes(),
        head(
            1,
            "=?utf-8?B?xJDhu4EgbmdoaSBob+G6oXQgxJHhu5luZw==?=",
            &format!("{utf8}Đề nghị đồng chí xem.\r\n"),
        )
        .into_bytes(),
        head(2, "dau cham", "\r\n.\r\n..\r\n.cham\r\nFrom nguoi khac\r\n>From nua\r\n").into_bytes(),
        head(3, "khong co than", "\r\n").into_bytes(),
        head(4, "hai phan", mixed).into_bytes(),
        head(5, "dong cuoi khong het", "\r\nhet").into_bytes(),
        head(6, "thu lon", &large).into_bytes(),
    ]
}

struct Desk {
    program: Program,
    clerk: Account,
    jmap: Jmap,
    directory: tempfile::TempDir,
}

impl Desk {
    /// A demonstration whose clerk has these messages and no others.
    async fn with_messages(engine: Engine) -> Self {
        let program = Program::demo(engine).await;
        let clerk = program.account(&program.systems().0.agency, "clerk").clone();
        let jmap = Jmap::sign_in(&program, &clerk).await;
        for old in jmap.messages("inbox").await {
            jmap.call("Email/set", json!({ "destroy": [old["id"]] })).await;
        }
        let directory = tempfile::Builder::new().prefix("congvan-client.").tempdir().expect("a directory");
        let desk = Self { program, clerk, jmap, directory };
        for message in messages() {
            desk.jmap.import("inbox", message).await;
        }
        desk
    }

    /// What lies in the inbox, octet by octet, in order of octets.
    async fn inbox(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for message in self.jmap.messages("inbox").await {
            all.push(self.jmap.download(message["blobId"].as_str().expect("a blob")).await);
        }
        all.sort();
        all
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn root(&self) -> String {
        self.program.data.join("pki/root.pem").display().to_string()
    }

    /// Writes a program's settings, where nobody else reads them: they hold a password.
    fn settings(&self, name: &str, lines: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.directory.path().join(name);
        std::fs::write(&path, lines).expect("settings");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("settings");
        path.display().to_string()
    }

    /// Runs a mail program to its end, in a home of its own.
    fn runs(&self, program: &mut Command) -> String {
        program.env("HOME", self.directory.path());
        let output = program.output().expect("the program is installed (make test does)");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}\n{}", self.program.log());
        said
    }
}

/// As it lies in a Maildir: with line ends of one octet.
fn unix(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).expect("these messages are UTF-8");
    text.replace("\r\n", "\n").into_bytes()
}

/// The messages of a folder by file name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("a message"))
    };
    std::fs::read_dir(folder).expect("a folder").flatten().map(read).collect()
}

/// The messages of a Maildir.
fn maildir(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    ["new", "cur"].into_iter().flat_map(|place| files(&folder.join(place))).collect()
}

/// A program's files and the mailbox hold the same messages.
fn assert_same(theirs: &BTreeMap<String, Vec<u8>>, inbox: &[Vec<u8>]) {
    let mut theirs: Vec<Vec<u8>> = theirs.values().map(|message| unix(message)).collect();
    theirs.sort();
    let mut ours: Vec<Vec<u8>> = inbox.iter().map(|message| unix(message)).collect();
    ours.sort();
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert!(
            theirs == ours,
            "{}\n---\n{}",
            String::from_utf8_lossy(theirs),
            String::from_utf8_lossy(ours)
        );
    }
}

async fn offlineimap(engine: Engine) {
    let desk = Desk::with_messages(engine).await;
    let settings = desk.settings(
        "offlineimaprc",
        &format!(
            "[general]\naccounts = a\nmetadata = {}\nsocktimeout = 60\n[Account a]\nlocalrepository = local\nremoterepository = remote\n\
             [Repository local]\ntype = Maildir\nlocalfolders = {}\n[Repository remote]\ntype = IMAP\nremotehost = localhost\n\
             remoteport = {}\nssl = yes\nsslcacertfile = {}\nremoteuser = {}\nremotepass = {}\nfolderfilter = lambda name: name == 'INBOX'\n",
            desk.path("metadata"),
            desk.path("mail"),
            desk.program.ports.imaps,
            desk.root(),
            desk.clerk.address,
            desk.clerk.password.replace('%', "%%"),
        ),
    );
    let sync = || desk.runs(Command::new("offlineimap").args(["-c", &settings, "-o", "-u", "basic"]));
    sync();
    let inbox = desk.directory.path().join("mail/INBOX");
    assert_same(&maildir(&inbox), &desk.inbox().await);
    // Read one, delete one, write one there; flag one here.
    let named = |words: &str| {
        let files = maildir(&inbox);
        let found = files.into_iter().find(|(_, message)| String::from_utf8_lossy(message).contains(words));
        found.expect("a message").0
    };
    let at = |name: &str| {
        let places = ["new", "cur"].map(|place| inbox.join(place).join(name));
        places.into_iter().find(|path| path.exists()).expect("a file")
    };
    let read = named("Subject: dau cham");
    let (base, _) = read.split_once(":2,").unwrap_or((&read, ""));
    std::fs::rename(at(&read), inbox.join("cur").join(format!("{base}:2,S"))).expect("read");
    std::fs::remove_file(at(&named("Subject: thu thuong"))).expect("deleted");
    let written =
        "From: toi@mau.test\nSubject: viet o ngoai\nMessage-ID: <viet@ngoai.test>\n\nchào từ ngoài\n";
    std::fs::write(inbox.join("new/1.viet.ngoai"), written).expect("written");
    let flagged = desk.jmap.messages("inbox").await;
    let flagged = flagged.iter().find(|message| message["subject"] == "hai phan").expect("a message");
    let id = flagged["id"].as_str().expect("an id");
    desk.jmap.call("Email/set", json!({ "update": { id: { "keywords/$flagged": true } } })).await;
    sync();
    let here = desk.jmap.messages("inbox").await;
    let subjects: Vec<&str> = here.iter().filter_map(|message| message["subject"].as_str()).collect();
    assert!(!subjects.contains(&"thu thuong") && subjects.contains(&"viet o ngoai"), "{subjects:?}");
    let seen = here.iter().find(|message| message["subject"] == "dau cham").expect("a message");
    assert_eq!(seen["keywords"]["$seen"], true);
    assert!(named("Subject: hai phan").ends_with(":2,F"), "{}", named("Subject: hai phan"));
    assert_same(&maildir(&inbox), &desk.inbox().await);
    desk.program.doctor().await;
}

async fn fetchmail(engine: Engine) {
    let desk = Desk::with_messages(engine).await;
    let arrived = desk.path("arrived");
    std::fs::create_dir(&arrived).expect("a directory");
    let settings = desk.settings(
        "fetchmailrc",
        &format!(
            "poll localhost protocol IMAP port {} auth password\n user \"{}\" password \"{}\" ssl sslcertck sslcertfile \"{}\"\n \
             fetchall no rewrite keep mda \"cat > $(mktemp -p {arrived})\"\n",
            desk.program.ports.imaps,
            desk.clerk.address,
            desk.clerk.password,
            desk.root()
        ),
    );
    let pid_file = desk.path("fetchmail.pid");
    let options = ["-f", &settings, "--invisible", "--nosyslog", "--pidfile", &pid_file];
    desk.runs(Command::new("fetchmail").args(options));
    // It ends every message with a line end, as its mail server would want it.
    let whole = |message: Vec<u8>| {
        if message.ends_with(b"\n") { message } else { [message, b"\r\n".to_vec()].concat() }
    };
    let here: Vec<Vec<u8>> = desk.inbox().await.into_iter().map(whole).collect();
    assert_same(&files(Path::new(&arrived)), &here);
    // It has read them, and says so.
    for message in desk.jmap.messages("inbox").await {
        assert_eq!(message["keywords"]["$seen"], true, "{message}");
    }
    desk.program.doctor().await;
}

async fn getmail(engine: Engine) {
    let desk = Desk::with_messages(engine).await;
    let arrived = desk.path("arrived");
    std::fs::create_dir(&arrived).expect("a directory");
    let settings = desk.settings(
        "getmailrc",
        &format!(
            "[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = localhost\nport = {}\nusername = {}\npassword = {}\nca_certs = {}\n\
             [destination]\ntype = MDA_external\npath = /bin/sh\narguments = (\"-c\", \"cat > $(mktemp -p {arrived})\")\n\
             allow_root_commands = true\n[options]\nread_all = true\ndelivered_to = false\nreceived = false\ndelete = true\n",
            desk.program.ports.imaps,
            desk.clerk.address,
            desk.clerk.password.replace('%', "%%"),
            desk.root()
        ),
    );
    let before = desk.inbox().await;
    desk.runs(Command::new("getmail").args(["--getmaildir", &desk.path(""), "--rcfile", &settings]));
    // It says where it had them from, in two fields of its own.
    let is_not_its_own = |line: &&str| {
        !line.starts_with("Return-Path: ") && !line.starts_with("X-getmail-retrieved-from-mailbox: ")
    };
    let carried = files(Path::new(&arrived)).into_iter().map(|(name, message)| {
        let text = String::from_utf8(message).expect("these messages are UTF-8");
        (name, text.split_inclusive('\n').filter(is_not_its_own).collect::<String>().into_bytes())
    });
    assert_same(&carried.collect(), &before);
    // It was told to leave nothing behind.
    assert_eq!(desk.inbox().await, Vec::<Vec<u8>>::new());
    desk.program.doctor().await;
}

/// Folders, flags, searches and waiting, with what imapclient makes of the answers.
const IMAPCLIENT: &str = r#"
import imapclient, ssl, sys
port, root, user, password = int(sys.argv[1]), *sys.argv[2:5]
tls = ssl.create_default_context(cafile=root)
c = imapclient.IMAPClient('localhost', port=port, ssl_context=tls, timeout=60)
c.login(user, password)
folder = 'Công văn đến/Năm 2026'
c.create_folder('Công văn đến')
c.create_folder(folder)
assert folder in [name for _, _, name in c.list_folders()], c.list_folders()
message = 'From: an@ngoai.test\r\nSubject: tu imapclient\r\n\r\nNội dung\r\n'.encode()
c.append(folder, message, flags=[b'\\Flagged'])
status = c.folder_status(folder, ['MESSAGES', 'UNSEEN', 'UIDNEXT'])
assert (status[b'MESSAGES'], status[b'UNSEEN']) == (1, 1), status
c.select_folder(folder)
uids = c.search(['TEXT', 'Nội'], charset='UTF-8')
assert len(uids) == 1, uids
got = c.fetch(uids, ['BODY.PEEK[]', 'FLAGS', 'ENVELOPE', 'BODYSTRUCTURE'])[uids[0]]
assert got[b'BODY[]'] == message, got
assert got[b'ENVELOPE'].subject == b'tu imapclient', got
assert b'\\Flagged' in got[b'FLAGS'], got
assert c.add_flags(uids, [b'\\Seen', b'tam-xem'])[uids[0]], 'flags'
c.move(uids, 'INBOX')
assert c.folder_status(folder, ['MESSAGES'])[b'MESSAGES'] == 0
c.select_folder('INBOX')
uids = c.search(['SUBJECT', 'tu imapclient'])
assert set(c.get_flags(uids)[uids[0]]) >= {b'\\Seen', b'\\Flagged', b'tam-xem'}, c.get_flags(uids)
c.idle()
other = imapclient.IMAPClient('localhost', port=port, ssl_context=tls, timeout=60)
other.login(user, password)
other.append('INBOX', message)
heard = c.idle_check(timeout=60)
assert any(word == b'EXISTS' for _, word, *_ in heard), heard
c.idle_done()
other.logout()
c.delete_folder(folder)
c.logout()
"#;

async fn imapclient(engine: Engine) {
    let desk = Desk::with_messages(engine).await;
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools (make test does)");
    let port = desk.program.ports.imaps.to_string();
    let arguments = ["-c", IMAPCLIENT, &port, &desk.root(), &desk.clerk.address, &desk.clerk.password];
    desk.runs(Command::new(format!("{bin}/python3")).args(arguments));
    let here = desk.jmap.messages("inbox").await;
    let moved: Vec<_> = here.iter().filter(|message| message["subject"] == "tu imapclient").collect();
    assert_eq!(moved.len(), 2, "{here:?}");
    let keywords = json!({ "$seen": true, "$flagged": true, "tam-xem": true });
    assert!(moved.iter().any(|message| message["keywords"] == keywords), "{moved:?}");
    desk.program.doctor().await;
}
