//! Dovecot from Debian, beside us: the same messages have the same envelopes, structures and sections (RFC 9051 §6.4.5, §7.5.2).

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use imap::codec::command::{Section, SectionText};
use imap::codec::{Out, fetch};
use mail::message::{Limits, read};

/// Well-formed messages. Where MIME is broken, readers differ, and each may.
const MESSAGES: [&str; 9] = [
    "Subject: nothing else\n\n",
    "Date: Tue,  5 Oct 2021 17:37:02 +1300 (NZDT)\nFrom: A B <a@b.vn>\nSender: \"C, D\" <c@d.vn>\nReply-To: e@f.vn, g@h.vn\nTo: i@j.vn\n\
        Cc: k@l.vn\nBcc: m@n.vn\nSubject: a \"quoted\" \\ word\nIn-Reply-To: <1@a.vn>\nMessage-ID: <2@a.vn>\n\nbody\n\nwithout an end",
    "Subject: eight\nMIME-Version: 1.0\nContent-Type: TEXT/HTML; CHARSET=\"UTF-8\"; format=flowed\nContent-Transfer-Encoding: 8BIT\n\n<p>kính mời</p>\n",
    "Subject: file\nMIME-Version: 1.0\nContent-Type: application/pdf; name=\"a b.pdf\"\nContent-Transfer-Encoding: base64\nContent-ID: <3@a>\n\
        Content-Description: a file\nContent-Disposition: attachment; filename=\"a b.pdf\"; size=4\nContent-Language: vi\n\
        Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Location: http://a.vn/b\n\nAAEC\nAw==\n",
    "Subject: mixed\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"a b\"\n\npreamble\n--a b\n\nplain\n\n\
        --a b\nContent-Type: image/png; name=x.png\nContent-Transfer-Encoding: base64\nContent-Disposition: inline\n\niVBO\n--a b--\nepilogue\n",
    "Subject: alternative\nContent-Type: multipart/mixed; boundary=1\n\n--1\nContent-Type: multipart/alternative; boundary=x2\n\n\
        --x2\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\na=3Db\n\
        --x2\nContent-Type: multipart/related; boundary=y3\n\n--y3\nContent-Type: text/html\n\n<p>\n--y3\nContent-Type: image/gif\n\nGIF\n--y3--\n\n--x2--\n\n\
        --1\nContent-Type: text/csv; charset=us-ascii\n\na,b\n--1--\n",
    "Subject: forwarded\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nsee below\n--o\nContent-Type: message/rfc822\n\
        Content-Disposition: attachment; filename=m.eml\n\nFrom: in@a.vn\nSubject: inside\nContent-Type: multipart/mixed; boundary=i\n\n\
        --i\nContent-Type: text/plain\n\none\n--i\nContent-Type: text/html\n\n<b>\n--i--\n\n--o--\n",
    "Subject: a message\nContent-Type: message/rfc822\n\nFrom: in@a.vn\nSubject: inside\n\ntext\nof it\n",
    "Subject: digest\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n\nSubject: two\nContent-Type: text/html\n\n2\n--d--\n",
];

/// Sections asked of every message, whether it has such parts or not.
fn sections() -> Vec<(&'static str, Section)> {
    let section = |part: &[u32], text| Section { part: part.to_vec(), text };
    let names = || vec!["Subject".to_owned(), "From".to_owned()];
    vec![
        ("HEADER", section(&[], SectionText::Header)),
        ("TEXT", section(&[], SectionText::Text)),
        ("HEADER.FIELDS (Subject From)", section(&[], SectionText::HeaderFields(names()))),
        ("HEADER.FIELDS.NOT (Subject From)", section(&[], SectionText::HeaderFieldsNot(names()))),
        ("1", section(&[1], SectionText::Whole)),
        ("1.MIME", section(&[1], SectionText::Mime)),
        ("2", section(&[2], SectionText::Whole)),
        ("2.MIME", section(&[2], SectionText::Mime)),
        ("2.HEADER", section(&[2], SectionText::Header)),
        ("2.TEXT", section(&[2], SectionText::Text)),
        ("2.1", section(&[2, 1], SectionText::Whole)),
        ("2.1.MIME", section(&[2, 1], SectionText::Mime)),
        ("2.2", section(&[2, 2], SectionText::Whole)),
        ("1.1", section(&[1, 1], SectionText::Whole)),
        ("1.2", section(&[1, 2], SectionText::Whole)),
        ("1.2.1", section(&[1, 2, 1], SectionText::Whole)),
        ("1.2.2.MIME", section(&[1, 2, 2], SectionText::Mime)),
        ("3", section(&[3], SectionText::Whole)),
    ]
}

/// A value of a response. Words and strings are told without regard to case, for types and parameters have none; NIL and "" are alike.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Word(String),
    List(Vec<Value>),
}

/// The value at the front, and what is left.
fn value(text: &[u8]) -> (Value, &[u8]) {
    let word = |bytes: &[u8]| Value::Word(String::from_utf8_lossy(bytes).to_lowercase());
    match text.first().expect("a value") {
        b' ' => value(&text[1..]),
        b'(' => {
            let (mut list, mut rest) = (Vec::new(), &text[1..]);
            loop {
                match rest[0] {
                    b')' => return (Value::List(list), &rest[1..]),
                    b' ' => rest = &rest[1..],
                    _ => {
                        let (one, after) = value(rest);
                        list.push(one);
                        rest = after;
                    }
                }
            }
        }
        b'"' => {
            let (mut string, mut at) = (Vec::new(), 1);
            while text[at] != b'"' {
                at += usize::from(text[at] == b'\\');
                string.push(text[at]);
                at += 1;
            }
            (word(&string), &text[at + 1..])
        }
        b'{' => {
            let end = text.iter().position(|byte| *byte == b'}').expect("a literal");
            let count: usize = std::str::from_utf8(&text[1..end]).unwrap().parse().unwrap();
            (word(&text[end + 3..][..count]), &text[end + 3 + count..])
        }
        _ => {
            let mut depth = 0;
            let ends = |byte: &u8| {
                depth += i32::from(*byte == b'[') - i32::from(*byte == b']');
                depth == 0 && matches!(byte, b' ' | b'(' | b')')
            };
            let end = text.iter().position(ends).unwrap_or(text.len());
            let atom = &text[..end];
            (word(if atom == b"NIL" { b"" } else { atom }), &text[end..])
        }
    }
}

/// The items of each FETCH response in a transcript.
fn items(transcript: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = transcript;
    while let Some(at) = rest.windows(7).position(|window| window == b"FETCH (") {
        let (items, after) = value(&rest[at + 6..]);
        found.push(items);
        rest = after;
    }
    found
}

/// What Dovecot says of the messages, without a network and without signing in.
fn dovecot(home: &Path, commands: &str) -> Vec<u8> {
    // Dovecot serves nobody who is root.
    let owner = match fs::metadata(home).unwrap().uid() {
        0 => 65_534,
        uid => uid,
    };
    let cur = home.join("mails/cur");
    for name in ["cur", "new", "tmp"] {
        fs::create_dir_all(home.join("mails").join(name)).unwrap();
    }
    for (number, message) in MESSAGES.iter().enumerate() {
        fs::write(cur.join(format!("{}.x.h:2,S", 1_000_000 + number)), message.replace('\n', "\r\n"))
            .unwrap();
    }
    let root = home.display();
    let config = format!(
        "base_dir = {root}/run\nlog_path = {root}/log\nssl = no\nprotocols = imap\nmail_location = maildir:{root}/mails\n\
         mail_uid = {owner}\nmail_gid = {owner}\nfirst_valid_uid = 1\nnamespace inbox {{\n inbox = yes\n}}\n"
    );
    fs::write(home.join("conf"), config).unwrap();
    fs::set_permissions(home, Permissions::from_mode(0o755)).unwrap();
    for path in
        [home.to_owned(), home.join("mails"), cur.clone(), home.join("mails/new"), home.join("mails/tmp")]
    {
        chown(&path, Some(owner), Some(owner)).unwrap();
    }
    let mut imap = Command::new("/usr/lib/dovecot/imap")
        .arg("-c")
        .arg(home.join("conf"))
        .env("USER", "an")
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dovecot-imapd is installed: scripts/install-packages tests");
    imap.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    imap.wait_with_output().unwrap().stdout
}

fn ours(sections: &[(&str, Section)]) -> Vec<u8> {
    let mut out = Out::new();
    for (number, message) in MESSAGES.iter().enumerate() {
        let raw = message.replace('\n', "\r\n").into_bytes();
        let facts = read(&raw, &Limits::default());
        let mut fetch = out.fetch(number as u32 + 1);
        fetch.envelope(&facts);
        fetch.body_structure(&facts, fetch::needs_bytes(&facts).then_some(&raw[..]), true);
        for (_, section) in sections {
            fetch.section(section, None, fetch::section(&raw, &facts, section).as_deref());
        }
        fetch.end();
    }
    out.take()
}

/// To Dovecot a part without parts has a part 1, as messages have; to us and to the RFC it has none. The body of the part whose part 1
/// an item's name is.
fn body_of_whole<'v>(items: &'v [Value], name: &Value) -> Option<&'v Value> {
    let Value::Word(name) = name else { return None };
    let (part, what) = name.rsplit_once(".1")?;
    let whole = Value::Word(format!("{part}{what}"));
    items.chunks(2).find(|pair| pair[0] == whole).map(|pair| &pair[1])
}

#[test]
fn rfc_9051_7_5_2_dovecot_says_the_same_of_the_same_messages() {
    let sections = sections();
    let home = tempfile::tempdir().unwrap();
    let asked: Vec<String> = sections.iter().map(|(name, _)| format!("BODY.PEEK[{name}]")).collect();
    let commands =
        format!("a SELECT INBOX\r\nb FETCH 1:* (ENVELOPE BODYSTRUCTURE {})\r\nc LOGOUT\r\n", asked.join(" "));
    let transcript = dovecot(home.path(), &commands);
    let (theirs, ours) = (items(&transcript), items(&ours(&sections)));
    assert_eq!(theirs.len(), MESSAGES.len(), "{}", String::from_utf8_lossy(&transcript));
    for ((message, theirs), ours) in MESSAGES.iter().zip(theirs).zip(ours) {
        let (Value::List(theirs), Value::List(ours)) = (theirs, ours) else { panic!("lists") };
        assert_eq!(theirs.len(), ours.len(), "{message}");
        for (pair, ours) in theirs.chunks(2).zip(ours.chunks(2)) {
            if ours != pair {
                assert_eq!(Some(&pair[1]), body_of_whole(&theirs, &pair[0]), "{message}: {pair:?}, {ours:?}");
                assert_eq!(ours, [&pair[0], &Value::Word(String::new())].map(Value::clone), "{message}");
            }
        }
    }
}
