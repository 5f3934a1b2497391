//! Mail programs that are not ours hand mail in: in chunks, by curl, by Python's own library.

use std::process::Command;

use tests::{Account, Engine, Jmap, Postfix, Program};

use crate::on_both_engines;

on_both_engines! {
    rfc_3030_a_message_comes_in_chunks => a_message_in_chunks,
    curl_and_python_hand_mail_in => curl_and_python,
    rfc_8689_a_mail_that_requires_tls => a_mail_that_requires_tls,
    rfc_4865_a_mail_that_waits => a_mail_that_waits,
    a_relay_says_for_whom_it_stands => a_relay,
}

/// Speaks BDAT as a mail server would: two chunks in one packet with the hello's answer read first, a line that looks like the end
/// of DATA inside, and a NOOP right behind the last octet.
const CHUNKS: &str = r"
import socket, sys
port, to = int(sys.argv[1]), sys.argv[2]
s = socket.create_connection(('127.0.0.1', port), 20)
f = s.makefile('rb')
def reply():
    lines = []
    while True:
        line = f.readline().decode()
        lines.append(line)
        if line[3:4] != '-':
            return ''.join(lines)
def say(data):
    s.sendall(data)
assert reply().startswith('220 ')
say(b'EHLO python.outside.test\r\n')
hello = reply()
assert 'CHUNKING' in hello, hello
say(b'MAIL FROM:<an@outside.test> BODY=8BITMIME\r\nRCPT TO:<' + to.encode() + b'>\r\n')
assert reply().startswith('250 ') and reply().startswith('250 ')
head = 'From: <an@outside.test>\r\nSubject: Theo khuc\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'.encode()
body = 'Dòng đầu\r\n.\r\nsau dấu chấm\r\n'.encode()
say(b'BDAT %d\r\n' % len(head) + head + b'BDAT %d LAST\r\n' % len(body) + body + b'NOOP\r\n')
first, last, noop = reply(), reply(), reply()
assert first.startswith('250 ') and last.startswith('250 2.0.0') and noop.startswith('250 '), (first, last, noop)
say(b'QUIT\r\n')
assert reply().startswith('221 ')
";

/// `smtplib`, with the machine's own opinion of certificates: the demonstration's root is all it trusts.
const SMTPLIB: &str = r"
import smtplib, ssl, sys
port, root, user, password, to, options = int(sys.argv[1]), *sys.argv[2:6], sys.argv[6:]
tls = ssl.create_default_context(cafile=root)
tls.check_hostname = False
s = smtplib.SMTP('127.0.0.1', port, timeout=20)
s.starttls(context=tls)
s.login(user, password)
assert s.has_extn('requiretls') and s.has_extn('mt-priority'), s.esmtp_features
s.sendmail(user, [to], f'From: <{user}>\r\nTo: <{to}>\r\nSubject: Tu smtplib\r\n\r\nxin chao\r\n'.encode(), options)
s.quit()
";

/// Runs a mail program to its end; what it says when it fails.
fn runs(program: &mut Command) {
    let output = program.output().expect("the program is installed (make test does)");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn clerks(program: &Program) -> (Account, Account) {
    let (first, second) = program.systems();
    (program.account(&first.agency, "clerk").clone(), program.account(&second.agency, "clerk").clone())
}

async fn a_message_in_chunks(engine: Engine) {
    let program = Program::demo(engine).await;
    let (clerk, _) = clerks(&program);
    runs(Command::new("python3").args(["-c", CHUNKS, &program.ports.smtp.to_string(), &clerk.address]));
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let letter = jmap.wait_for("Theo khuc").await;
    let whole = jmap.download(letter["blobId"].as_str().unwrap()).await;
    let whole = String::from_utf8(whole).unwrap();
    // What DATA would have ended at is text here, and nothing was unstuffed.
    assert!(whole.ends_with("\r\n\r\nDòng đầu\r\n.\r\nsau dấu chấm\r\n"), "{whole}");
    program.doctor().await;
}

async fn curl_and_python(engine: Engine) {
    let program = Program::demo(engine).await;
    let (clerk, other) = clerks(&program);
    let letter = program.data.join("letter.eml");
    let text = format!(
        "From: <{0}>\r\nTo: <{1}>\r\nSubject: Tu curl\r\n\r\n.xin chao\r\n",
        clerk.address, other.address
    );
    std::fs::write(&letter, text).unwrap();
    runs(
        Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--ssl-reqd", "--insecure"])
            .args(["--url", &format!("smtp://127.0.0.1:{}/may-tinh.test", program.ports.submission)])
            .args(["--user", &format!("{}:{}", clerk.address, clerk.password)])
            .args(["--mail-from", &clerk.address, "--mail-rcpt", &other.address, "--upload-file"])
            .arg(&letter),
    );
    by_smtplib(&program, &clerk, &other.address, &["MT-PRIORITY=4"]);
    let jmap = Jmap::sign_in(&program, &other).await;
    let letter = jmap.wait_for("Tu curl").await;
    let whole = String::from_utf8(jmap.download(letter["blobId"].as_str().unwrap()).await).unwrap();
    assert!(whole.contains("\r\n\r\n.xin chao\r\n") && whole.contains("with ESMTPSA"), "{whole}");
    let letter = jmap.wait_for("Tu smtplib").await;
    let whole = String::from_utf8(jmap.download(letter["blobId"].as_str().unwrap()).await).unwrap();
    assert!(whole.contains("\r\n\tPRIORITY 4;"), "{whole}");
    program.doctor().await;
}

fn by_smtplib(program: &Program, clerk: &Account, to: &str, options: &[&str]) {
    let root = program.data.join("root.pem");
    std::fs::write(&root, program.root_pem()).unwrap();
    runs(
        Command::new("python3")
            .args(["-c", SMTPLIB, &program.ports.submission.to_string()])
            .arg(&root)
            .args([&clerk.address, &clerk.password, to])
            .args(options),
    );
}

/// Handed in now, to arrive three seconds later.
async fn a_mail_that_waits(engine: Engine) {
    let program = Program::demo(engine).await;
    let (clerk, other) = clerks(&program);
    let handed_in = std::time::Instant::now();
    by_smtplib(&program, &clerk, &other.address, &["HOLDFOR=3"]);
    Jmap::sign_in(&program, &other).await.wait_for("Tu smtplib").await;
    assert!(handed_in.elapsed() >= std::time::Duration::from_secs(3), "{:?}", handed_in.elapsed());
    program.doctor().await;
}

/// Speaks for a client at 192.0.2.77, by a line and by octets; then without saying for whom.
const RELAY: &str = r"
import socket, struct, sys
port, to = int(sys.argv[1]), sys.argv[2]
four = socket.inet_aton('192.0.2.77') + socket.inet_aton('127.0.0.1') + struct.pack('!HH', 40000, 25)
octets = b'\r\n\r\n\0\r\nQUIT\n' + bytes([0x21, 0x11]) + struct.pack('!H', len(four)) + four
for n, header in enumerate([b'PROXY TCP4 192.0.2.77 127.0.0.1 40000 25\r\n', octets]):
    s = socket.create_connection(('127.0.0.1', port), 20)
    s.sendall(header)
    f = s.makefile('rb')
    assert f.readline().startswith(b'220 ')
    for line in ['HELO relay.outside.test', 'MAIL FROM:<an@outside.test>', f'RCPT TO:<{to}>']:
        s.sendall(line.encode() + b'\r\n')
        assert f.readline().startswith(b'250 '), line
    s.sendall(b'DATA\r\n')
    assert f.readline().startswith(b'354 ')
    s.sendall(b'From: <an@outside.test>\r\nSubject: Qua cong truoc %d\r\n\r\nx\r\n.\r\n' % n)
    assert f.readline().startswith(b'250 ')
s = socket.create_connection(('127.0.0.1', port), 20)
s.sendall(b'EHLO relay.outside.test\r\n')
try:
    assert s.recv(1) == b''
except ConnectionResetError:
    pass
";

async fn a_relay(engine: Engine) {
    let relays = ("proxy_from = []", "proxy_from = [\"127.0.0.1\"]");
    let program = Program::demo_of(engine, "H99", &[relays]).await;
    let (clerk, _) = clerks(&program);
    runs(Command::new("python3").args(["-c", RELAY, &program.ports.smtp.to_string(), &clerk.address]));
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for words in ["Qua cong truoc 0", "Qua cong truoc 1"] {
        let letter = jmap.wait_for(words).await;
        let whole = String::from_utf8(jmap.download(letter["blobId"].as_str().unwrap()).await).unwrap();
        assert!(whole.contains("[192.0.2.77])") && !whole.contains("[127.0.0.1]"), "{whole}");
    }
    program.doctor().await;
}

/// Inside the house it arrives; a Postfix, which promises nothing, never sees it, and its sender is told at once and why.
async fn a_mail_that_requires_tls(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let (clerk, other) = clerks(&program);
    by_smtplib(&program, &clerk, &other.address, &["REQUIRETLS"]);
    Jmap::sign_in(&program, &other).await.wait_for("Tu smtplib").await;
    by_smtplib(&program, &clerk, "an@outside.test", &["REQUIRETLS"]);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let report = jmap.wait_for("").await;
    let whole = String::from_utf8(jmap.download(report["blobId"].as_str().unwrap()).await).unwrap();
    for words in ["Final-Recipient: rfc822;an@outside.test", "Action: failed", "Status: 5.7.30"] {
        assert!(whole.contains(words), "{words} is missing:\n{whole}");
    }
    assert!(postfix.inbox().is_empty());
    // The same without the demand arrives there: it was the demand that kept it back.
    by_smtplib(&program, &clerk, "an@outside.test", &[]);
    postfix.wait_for("Tu smtplib");
    program.doctor().await;
}
