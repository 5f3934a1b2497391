//! What the server says, byte by byte: the RFCs' own examples and what clients could choke on.

use mail::message::{Facts, Limits as Reading, Mailbox, read};
use mail::{Timestamp, UidSet};
use proptest::prelude::*;

use super::command::{Rfc822, Section, SectionText, SpecialUse, StatusItem};
use super::response::{Code, Condition, Esearch, ListAttribute, ListRow, Numbers, StatusValue};
use super::*;

fn said(utf8: bool, say: impl FnOnce(&mut Out)) -> String {
    let mut out = Out::new();
    out.set_utf8(utf8);
    say(&mut out);
    String::from_utf8(out.take()).unwrap()
}

#[test]
fn rfc_9051_section_9_no_string_holds_nul() {
    for (text, expected) in [("f\0rmat", "\"frmat\""), ("\0", "\"\""), ("a\0\r\n", "{3}\r\na\r\n")] {
        assert_eq!(said(false, |out| out.string(text)), expected, "{text:?}");
    }
}

fn set(text: &str) -> UidSet {
    let number = |text: &str| text.parse::<u32>().unwrap();
    let run = |text: &str| match text.split_once(':') {
        Some((first, last)) => (number(first), number(last)),
        None => (number(text), number(text)),
    };
    text.split(',').filter(|run| !run.is_empty()).map(run).collect()
}

#[test]
fn rfc_9051_7_1_status_responses() {
    let (a, b) = (set("304,319:320"), set("3956:3958"));
    type Row<'r> = (Condition, Option<Code<'r>>, &'r str, &'r str);
    let rows: [Row<'_>; 12] = [
        (Condition::Ok, None, "done", "OK done"),
        (Condition::No, Some(Code::TryCreate), "no such mailbox", "NO [TRYCREATE] no such mailbox"),
        (Condition::Bad, None, "", "BAD ."),
        (Condition::Bye, None, "a\r\nb", "BYE a??b"),
        (
            Condition::Ok,
            Some(Code::CopyUid(38505, &a, &b)),
            "x",
            "OK [COPYUID 38505 304,319:320 3956:3958] x",
        ),
        (Condition::Ok, Some(Code::AppendUid(38505, &b)), "x", "OK [APPENDUID 38505 3956:3958] x"),
        (Condition::Ok, Some(Code::UidValidity(3857529045)), "x", "OK [UIDVALIDITY 3857529045] x"),
        (
            Condition::Ok,
            Some(Code::HighestModseq(90060115205545359)),
            "x",
            "OK [HIGHESTMODSEQ 90060115205545359] x",
        ),
        (Condition::Ok, Some(Code::Modified(&a)), "x", "OK [MODIFIED 304,319:320] x"),
        (
            Condition::Ok,
            Some(Code::PermanentFlags(&["$seen", "$forwarded", "việc"], true)),
            "x",
            "OK [PERMANENTFLAGS (\\Seen $Forwarded việc \\Deleted \\*)] x",
        ),
        (
            Condition::Preauth,
            Some(Code::Capability(&["IMAP4rev2", "IDLE"])),
            "x",
            "PREAUTH [CAPABILITY IMAP4rev2 IDLE] x",
        ),
        (Condition::No, Some(Code::BadCharset), "x", "NO [BADCHARSET (US-ASCII UTF-8)] x"),
    ];
    for (condition, code, words, expected) in rows {
        assert_eq!(
            said(true, |out| out.tagged("a1", condition, code.clone(), words)),
            format!("a1 {expected}\r\n")
        );
        if expected.is_ascii() {
            assert_eq!(said(false, |out| out.untagged(condition, code, words)), format!("* {expected}\r\n"));
        }
    }
    assert_eq!(said(false, |out| out.untagged(Condition::Ok, None, "Xin chào")), "* OK Xin chao\r\n");
    assert_eq!(said(true, |out| out.untagged(Condition::Ok, None, "Xin chào")), "* OK Xin chào\r\n");
    assert_eq!(said(false, |out| out.go_on("idling")), "+ idling\r\n");
    assert_eq!(said(false, |out| out.challenge(b"a\0b")), "+ YQBi\r\n");
}

#[test]
fn rfc_9051_7_3_mailboxes() {
    let row = |name, attributes| ListRow { name, attributes, subscribed_children: false, old_name: None };
    let drafts = [ListAttribute::HasNoChildren, ListAttribute::Use(SpecialUse::Drafts)];
    let cases = [
        (false, row("Thư nháp", &drafts), r#"* LIST (\HasNoChildren \Drafts) "/" "Th&AbA- nh&AOE-p""#),
        (true, row("Thư nháp", &drafts), r#"* LIST (\HasNoChildren \Drafts) "/" "Thư nháp""#),
        (true, row("a&b\"c\\", &[]), r#"* LIST () "/" "a&b\"c\\""#),
        (false, row("a&b", &[]), r#"* LIST () "/" "a&-b""#),
        (
            false,
            ListRow {
                subscribed_children: true,
                old_name: Some("b"),
                ..row("a", &[ListAttribute::NonExistent])
            },
            r#"* LIST (\NonExistent) "/" "a" ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("b"))"#,
        ),
    ];
    for (utf8, row, expected) in cases {
        assert_eq!(said(utf8, |out| out.list(&row)), format!("{expected}\r\n"));
    }
    assert_eq!(said(false, |out| out.lsub(&row("a", &[]))), "* LSUB () \"/\" \"a\"\r\n");
    assert_eq!(said(false, Out::namespace), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    let items = [
        (StatusItem::Messages, StatusValue::Number(231)),
        (StatusItem::AppendLimit, StatusValue::Nil),
        (StatusItem::MailboxId, StatusValue::Id(mail::MailboxId::from_bytes([0xab; 16]))),
    ];
    assert_eq!(
        said(false, |out| out.status_of("blurdybloop", &items)),
        format!(
            "* STATUS \"blurdybloop\" (MESSAGES 231 APPENDLIMIT NIL MAILBOXID ({}))\r\n",
            "ab".repeat(16)
        )
    );
    assert_eq!(
        said(false, |out| out.quota("", &[("STORAGE", 10, 512), ("MESSAGE", 1, 2)])),
        "* QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2)\r\n"
    );
    assert_eq!(said(false, |out| out.quota_root("INBOX", &[""])), "* QUOTAROOT \"INBOX\" \"\"\r\n");
    assert_eq!(said(false, |out| out.id(&[("name", "congvan")])), "* ID (\"name\" \"congvan\")\r\n");
    assert_eq!(said(false, |out| out.id(&[])), "* ID NIL\r\n");
    assert_eq!(said(false, |out| out.enabled(&["QRESYNC"])), "* ENABLED QRESYNC\r\n");
    assert_eq!(said(false, |out| out.capability(&["IMAP4rev1", "IDLE"])), "* CAPABILITY IMAP4rev1 IDLE\r\n");
}

#[test]
fn rfc_4731_3_1_numbers() {
    let found = set("2,10:15,21");
    let all = Esearch { tag: "A282", all: Some(Numbers::Set(&found)), count: Some(8), ..Esearch::default() };
    assert_eq!(said(false, |out| out.esearch(&all)), "* ESEARCH (TAG \"A282\") COUNT 8 ALL 2,10:15,21\r\n");
    let none = UidSet::new();
    let empty = Esearch { tag: "a", uid: true, all: Some(Numbers::Set(&none)), ..Esearch::default() };
    assert_eq!(said(false, |out| out.esearch(&empty)), "* ESEARCH (TAG \"a\") UID\r\n");
    let sorted = Esearch {
        tag: "a",
        uid: true,
        min: Some(2),
        max: Some(9),
        partial: Some(((-1, -5), Numbers::Sorted(&[5, 4, 7, 8, 9, 2, u32::MAX]))),
        modseq: Some(917162500),
        ..Esearch::default()
    };
    assert_eq!(
        said(false, |out| out.esearch(&sorted)),
        "* ESEARCH (TAG \"a\") UID MIN 2 MAX 9 PARTIAL (-1:-5 5,4,7:9,2,4294967295) MODSEQ 917162500\r\n"
    );
    let outside = Esearch { tag: "a", partial: Some(((1, 5), Numbers::Sorted(&[]))), ..Esearch::default() };
    assert_eq!(said(false, |out| out.esearch(&outside)), "* ESEARCH (TAG \"a\") PARTIAL (1:5 NIL)\r\n");
    assert_eq!(said(false, |out| out.search([2, 84, 882], None)), "* SEARCH 2 84 882\r\n");
    assert_eq!(said(false, |out| out.search([2, 5], Some(9))), "* SEARCH 2 5 (MODSEQ 9)\r\n");
    assert_eq!(said(false, |out| out.search([], Some(9))), "* SEARCH\r\n");
    assert_eq!(said(false, |out| out.sort([5, 3], None)), "* SORT 5 3\r\n");
    assert_eq!(
        said(false, |out| out.vanished(true, &set("41,43:116"))),
        "* VANISHED (EARLIER) 41,43:116\r\n"
    );
    assert_eq!(said(false, |out| out.vanished(false, &none)), "");
    assert_eq!(said(false, |out| out.exists(23)), "* 23 EXISTS\r\n");
    assert_eq!(said(false, |out| out.flags(["$seen"])), "* FLAGS (\\Seen \\Deleted)\r\n");
}

#[test]
fn rfc_9051_7_5_2_fetch() {
    let moment = Timestamp::parse_rfc3339("2026-02-01T08:05:09+07:00").unwrap();
    let written = said(false, |out| {
        let mut fetch = out.fetch(12);
        fetch.uid(7);
        fetch.flags(["$seen", "$mdnsent", "work"], true);
        fetch.internal_date(moment);
        fetch.save_date(None);
        fetch.rfc822_size(4286);
        fetch.modseq(65402);
        fetch.email_id(mail::EmailId::from_bytes([1; 16]));
        fetch.thread_id(mail::ThreadId::from_bytes([2; 16]));
        fetch.preview("Kính mời");
        fetch.rfc822(Rfc822::Header, b"a: b\r\n\r\n");
        fetch.end();
    });
    let expected = "* 12 FETCH (UID 7 FLAGS (\\Seen $MDNSent work \\Deleted) INTERNALDATE \" 1-Feb-2026 08:05:09 +0700\" SAVEDATE NIL \
        RFC822.SIZE 4286 MODSEQ (65402) EMAILID (01010101010101010101010101010101) THREADID (02020202020202020202020202020202) \
        PREVIEW {11}\r\nKính mời RFC822.HEADER {8}\r\na: b\r\n\r\n)\r\n";
    assert_eq!(written, expected);
    let fields = SectionText::HeaderFields(vec!["From".into(), "a b".into()]);
    let written = said(false, |out| {
        let mut fetch = out.fetch(1);
        fetch.section(&Section { part: vec![1, 2], text: fields }, Some((2, 3)), Some(b"0123456"));
        fetch.section(&Section::default(), None, None);
        fetch.binary(&[1], None, Some(b"a\0b"));
        fetch.binary(&[], Some((0, 1)), Some(b"ab"));
        fetch.binary_size(&[1, 2], 9);
        fetch.end();
    });
    let expected = "* 1 FETCH (BODY[1.2.HEADER.FIELDS (From \"a b\")]<2> {3}\r\n234 BODY[] NIL BINARY[1] ~{3}\r\na\0b \
        BINARY[]<0> {1}\r\na BINARY.SIZE[1.2] 9)\r\n";
    assert_eq!(written, expected);
}

#[test]
fn rfc_9051_7_5_2_envelope_as_in_its_example() {
    let raw = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n\
        Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n\
        cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
        Message-Id: <B27397-0100000@cac.washington.edu>\r\nMIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nx\r\n";
    let facts = read(raw.as_bytes(), &Reading::default());
    let expected = concat!(
        r#"("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" "#,
        r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) "#,
        r#"(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) "#,
        r#"((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "#,
        r#""<B27397-0100000@cac.washington.edu>")"#
    );
    assert_eq!(said(false, |out| fetch::envelope(out, &facts)), expected);
}

#[test]
fn rfc_2047_envelopes_for_seven_and_for_eight_bits() {
    let facts = Facts {
        subject: "Giấy mời họp".into(),
        from: vec![Mailbox { name: Some("Văn phòng".into()), email: "vp@a.vn".into() }],
        to: vec![Mailbox { name: None, email: "không-có-a-còng".into() }],
        sent_at: Some(Timestamp::parse_rfc3339("2026-11-02T08:00:00+07:00").unwrap()),
        in_reply_to: vec!["a@b".into(), "c@d".into()],
        ..Facts::default()
    };
    let from = r#"(("=?utf-8?B?VsSDbiBwaMOybmc=?=" NIL "vp" "a.vn"))"#;
    let seven = format!(
        "(\"Mon, 2 Nov 2026 08:00:00 +0700\" \"=?utf-8?B?R2nhuqV5IG3hu51pIGjhu41w?=\" {from} {from} {from} \
        ((NIL NIL {{18}}\r\nkhông-có-a-còng \"\")) NIL NIL \"<a@b> <c@d>\" NIL)"
    );
    assert_eq!(said(false, |out| fetch::envelope(out, &facts)), seven);
    let eight = said(true, |out| fetch::envelope(out, &facts));
    assert!(eight.contains("\"Giấy mời họp\" ((\"Văn phòng\" NIL \"vp\" \"a.vn\"))"), "{eight}");
    let odd = |subject: &str| Facts { subject: subject.into(), ..Facts::default() };
    let subjects = [
        ("=?utf-8?Q?x?=", "\"=?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\""),
        (
            "a long text with one \u{e1} in it",
            "\"=?utf-8?Q?a_long_text_with_one?= =?utf-8?Q?_=C3=A1_in_it?=\"",
        ),
        ("a \"b\" \\", "\"a \\\"b\\\" \\\\\""),
    ];
    for (subject, expected) in subjects {
        let written = said(false, |out| fetch::envelope(out, &odd(subject)));
        assert!(written.starts_with(&format!("(NIL {expected} NIL")), "{written}");
    }
}

proptest! {
    /// Whatever the text: what goes to a client of seven bits is ASCII or a literal, words stay short, and they say the text again.
    #[test]
    fn header_texts_come_back(text in "\\PC{0,80}", utf8: bool) {
        let facts = Facts { subject: format!("x{text}"), ..Facts::default() };
        let mut out = Out::new();
        out.set_utf8(utf8);
        fetch::envelope(&mut out, &facts);
        let written = String::from_utf8(out.take()).unwrap();
        prop_assert!(utf8 || written.is_ascii());
        let subject = written.strip_prefix("(NIL ").unwrap().strip_suffix(" NIL NIL NIL NIL NIL NIL NIL NIL)").unwrap();
        let plain = match subject.strip_prefix('{') {
            Some(literal) => literal.split_once("}\r\n").unwrap().1.to_owned(),
            None => subject[1..subject.len() - 1].replace("\\\"", "\"").replace("\\\\", "\\"),
        };
        prop_assert!(!plain.contains("=?utf-8?") || plain.split(' ').all(|word| word.len() <= 75));
        if plain.starts_with("=?utf-8?") {
            let raw = format!("Subject: {plain}\r\n\r\n");
            prop_assert_eq!(read(raw.as_bytes(), &Reading::default()).subject, mail::text::nfc(&facts.subject));
        } else {
            prop_assert_eq!(plain, facts.subject);
        }
    }

    /// A name that LIST gives is the name that SELECT takes.
    #[test]
    fn names_come_back(name in "[^\\x00]{1,30}", utf8: bool) {
        let listed = said(utf8, |out| out.lsub(&ListRow { name: &name, attributes: &[], subscribed_children: false, old_name: None }));
        let name_as_sent = listed.strip_prefix("* LSUB () \"/\" ").unwrap();
        let wire = format!("a SELECT {name_as_sent}");
        let read = super::command_tests::read_all(wire.as_bytes(), 1_000, &Limits::default(), utf8);
        match read.last() {
            Some(Read::Command(Command { body: Body::Select { mailbox, .. }, .. })) => {
                prop_assert_eq!(mailbox, &MailboxName::new(&name));
            }
            other => prop_assert!(false, "{:?}: {:?}", wire, other),
        }
    }
}
