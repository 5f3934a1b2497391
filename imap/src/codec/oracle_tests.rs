//! A second opinion on what we write: `imap-codec`, a strict reader of responses, takes each whole and reads in it what we meant. It knows
//! IMAP4rev1 and some extensions; ESEARCH, PREVIEW, SAVEDATE, EMAILID and the like are beyond it and stand in the tables only. Its own
//! leniences ("quirks") are switched off.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::body::BodyStructure;
use imap_codec::imap_types::core::NString;
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::mailbox::Mailbox as Theirs;
use imap_codec::imap_types::response::{Data, Response};
use mail::message::{Facts, Limits as Reading, Mailbox, Part, read};
use mail::{Timestamp, UidSet};
use proptest::prelude::*;

use super::command::{Section, SectionText, StatusItem};
use super::response::{Code, Condition, ListAttribute, ListRow, StatusValue};
use super::*;
use crate::order::{Row, thread};

type Say = Box<dyn FnOnce(&mut Out)>;

/// Reads one response, all of it.
fn heard(say: impl FnOnce(&mut Out)) -> Response<'static> {
    let mut out = Out::new();
    say(&mut out);
    let bytes = out.take();
    match ResponseCodec::new().decode_static(&bytes) {
        Ok((rest, response)) => {
            assert!(rest.is_empty(), "{} is left over", String::from_utf8_lossy(rest));
            response
        }
        Err(error) => panic!("{error:?}: {}", String::from_utf8_lossy(&bytes)),
    }
}

#[test]
fn what_we_say_is_understood() {
    let set: UidSet = [(1, 3), (7, 7)].into_iter().collect();
    let rows: Vec<Row> = Vec::new();
    let says: Vec<Say> = vec![
        Box::new(|out| out.tagged("a1", Condition::Ok, Some(Code::ReadWrite), "SELECT completed")),
        Box::new(|out| out.tagged("a1", Condition::No, Some(Code::TooBig), "")),
        Box::new(|out| out.untagged(Condition::Bye, None, "Tạm biệt")),
        Box::new(|out| {
            out.untagged(Condition::Ok, Some(Code::PermanentFlags(&["$seen", "work"], true)), "x")
        }),
        Box::new(|out| out.untagged(Condition::Ok, Some(Code::Capability(&["IMAP4rev1", "IDLE"])), "x")),
        Box::new(|out| out.untagged(Condition::Ok, Some(Code::HighestModseq(5)), "x")),
        Box::new(|out| out.untagged(Condition::Ok, Some(Code::Unseen(5)), "x")),
        Box::new(|out| out.go_on("idling")),
        Box::new(|out| out.challenge(b"abc")),
        Box::new(|out| out.capability(&["IMAP4rev1", "AUTH=PLAIN"])),
        Box::new(|out| out.enabled(&["QRESYNC"])),
        Box::new(|out| out.id(&[("name", "congvan")])),
        Box::new(|out| out.id(&[])),
        Box::new(Out::namespace),
        Box::new(|out| out.flags(["$seen", "$forwarded"])),
        Box::new(|out| out.exists(5)),
        Box::new(|out| out.recent(0)),
        Box::new(|out| out.expunge(5)),
        Box::new(|out| out.search([1, 2], None)),
        Box::new(|out| out.search([], None)),
        Box::new(|out| out.search([1], Some(9))),
        Box::new(|out| out.sort([2, 1], Some(9))),
        Box::new(|out| out.quota("", &[("STORAGE", 1, 2)])),
        Box::new(|out| out.quota_root("INBOX", &[""])),
        Box::new(move |out| out.vanished(true, &set)),
        Box::new(move |out| out.thread(&thread(&rows, command::ThreadAlgorithm::References))),
        Box::new(|out| out.status_of("a", &[(StatusItem::UidNext, StatusValue::Number(7))])),
    ];
    for say in says {
        heard(say);
    }
    let copied: UidSet = [(1, 2)].into_iter().collect();
    heard(|out| out.tagged("a", Condition::Ok, Some(Code::CopyUid(7, &copied, &copied)), "x"));
    heard(|out| out.tagged("a", Condition::Ok, Some(Code::AppendUid(7, &copied)), "x"));
}

#[test]
fn a_fetch_is_understood() {
    let heard = heard(|out| {
        let mut fetch = out.fetch(3);
        fetch.uid(9);
        fetch.flags(["$seen", "việc-gấp", "x"].into_iter().filter(|keyword| keyword.is_ascii()), true);
        fetch.internal_date(Timestamp::from_secs(0));
        fetch.rfc822_size(7);
        fetch.modseq(8);
        fetch.section(&Section { part: vec![1, 2], text: SectionText::Mime }, Some((3, 4)), Some(b"0123456"));
        fetch.section(
            &Section { part: vec![], text: SectionText::HeaderFields(vec!["From".into()]) },
            None,
            Some(b"\r\n"),
        );
        fetch.section(&Section::default(), None, None);
        fetch.binary(&[1], None, Some(b"a\0b"));
        fetch.binary_size(&[1], 7);
        fetch.end();
    });
    let Response::Data(Data::Fetch { seq, items }) = heard else { panic!("{heard:?}") };
    assert_eq!((seq.get(), items.as_ref().len()), (3, 10), "{items:?}");
}

fn text(string: &NString<'_>) -> Option<String> {
    string.0.as_ref().map(|string| String::from_utf8_lossy(string.as_ref()).into_owned())
}

/// The text of a header field as a client decodes it.
fn decoded(string: &NString<'_>) -> Option<String> {
    let text = text(string)?;
    let raw = format!("Subject: {text}\r\n\r\n");
    Some(if text.starts_with("=?utf-8?") { read(raw.as_bytes(), &Reading::default()).subject } else { text })
}

fn structure_of(raw: &[u8]) -> BodyStructure<'static> {
    let facts = read(raw, &Reading::default());
    let heard = heard(|out| {
        let mut fetch = out.fetch(1);
        fetch.body_structure(&facts, Some(raw), true);
        fetch.end();
    });
    let Response::Data(Data::Fetch { items, .. }) = heard else { panic!("{heard:?}") };
    match items.into_iter().next() {
        Some(MessageDataItem::BodyStructure(structure)) => structure,
        other => panic!("{other:?}"),
    }
}

/// As many parts, one in another as we know them.
fn same_shape(theirs: &BodyStructure<'_>, ours: &Part) -> bool {
    match theirs {
        BodyStructure::Single { .. } => ours.parts.is_empty(),
        BodyStructure::Multi { bodies, .. } => {
            let bodies = bodies.as_ref();
            bodies.len() == ours.parts.len() && bodies.iter().zip(&ours.parts).all(|(a, b)| same_shape(a, b))
        }
    }
}

const MESSAGE: &str = "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: =?utf-8?Q?V=C4=83n?= <a@b.vn>\r\nSubject: \"x\" \\\r\n\
    Content-Type: multipart/mixed; boundary=a\r\nContent-Language: vi\r\n\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\none\r\n\
    --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nthree one\r\n--b\r\nContent-Type: application/pdf; name=\"gi\u{1ea5}y.pdf\"\r\nContent-ID: <1@a>\r\n\
    Content-Disposition: attachment; filename*=utf-8''gi%E1%BA%A5y.pdf; size=7\r\n\r\nthree two\r\n--b--\r\n--a--\r\n";

#[test]
fn a_structure_is_understood() {
    let facts = read(MESSAGE.as_bytes(), &Reading::default());
    let structure = structure_of(MESSAGE.as_bytes());
    assert!(same_shape(&structure, &facts.body), "{structure:?}");
    let told = format!("{structure:?}");
    for word in ["filename*", "utf-8''gi%E1%BA%A5y.pdf", "<1@a>", "flowed", "three"] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

proptest! {
    #[test]
    fn any_envelope_is_understood(
        subject in "\\PC{0,60}",
        name in prop::option::of("[^\\x00]{0,30}"),
        email in "[^\\x00]{0,20}",
        ids in prop::collection::vec("[^\\x00]{1,20}", 0..3),
        date in prop::option::of("[ -~]{1,30}"),
    ) {
        let mailbox = Mailbox { name: name.clone(), email: email.clone() };
        let facts = Facts { subject: subject.clone(), from: vec![mailbox], in_reply_to: ids.clone(), date: date.clone(), ..Facts::default() };
        let heard = heard(|out| {
            let mut fetch = out.fetch(1);
            fetch.envelope(&facts);
            fetch.end();
        });
        let Response::Data(Data::Fetch { items, .. }) = heard else { panic!("{heard:?}") };
        let Some(MessageDataItem::Envelope(envelope)) = items.into_iter().next() else { panic!() };
        prop_assert_eq!(text(&envelope.date), date);
        prop_assert_eq!(decoded(&envelope.subject).unwrap_or_default(), mail::text::nfc(&subject));
        prop_assert_eq!(envelope.from.len(), 1);
        let (local, host) = email.rsplit_once('@').unwrap_or((&email, ""));
        prop_assert_eq!(text(&envelope.from[0].mailbox), Some(local.to_owned()));
        prop_assert_eq!(text(&envelope.from[0].host), Some(host.to_owned()));
        prop_assert_eq!(envelope.from[0].name.0.is_some(), name.is_some());
        prop_assert_eq!(envelope.sender, envelope.from);
        prop_assert_eq!(text(&envelope.in_reply_to).is_some(), !ids.is_empty());
    }

    #[test]
    fn the_structure_of_a_damaged_message_is_understood(at in 0..MESSAGE.len(), byte: u8, cut in 0..MESSAGE.len()) {
        let mut raw = MESSAGE.as_bytes().to_vec();
        raw[at] = byte;
        raw.truncate(MESSAGE.len() - cut / 2);
        let facts = read(&raw, &Reading::default());
        prop_assert!(same_shape(&structure_of(&raw), &facts.body));
    }

    #[test]
    fn names_of_mailboxes_are_understood(name in "\\PC{1,30}", has_children: bool) {
        let attributes = [if has_children { ListAttribute::HasChildren } else { ListAttribute::NoInferiors }];
        let row = ListRow { name: &name, attributes: &attributes, subscribed_children: false, old_name: None };
        let heard = heard(|out| out.list(&row));
        let Response::Data(Data::List { mailbox, .. }) = heard else { panic!("{heard:?}") };
        let theirs = match &mailbox {
            Theirs::Inbox => "INBOX".to_owned(),
            Theirs::Other(other) => String::from_utf8_lossy(other.as_ref()).into_owned(),
        };
        let decoded = utf7::decode(&theirs);
        prop_assert_eq!(decoded.map(|name| MailboxName::new(&name)), Some(MailboxName::new(&name)));
    }

    #[test]
    fn threads_are_understood(parents in prop::collection::vec(0u32..12, 1..12)) {
        let row = |(index, parent): (usize, &u32)| Row {
            number: index as u32 + 1,
            received_at: Timestamp::from_secs(0),
            sent_at: None,
            size: 0,
            subject: String::new(),
            from: None,
            to: None,
            cc: None,
            message_id: Some(index.to_string()),
            references: vec![parent.to_string()],
        };
        let rows: Vec<Row> = parents.iter().enumerate().map(row).collect();
        let heard = heard(|out| out.thread(&thread(&rows, command::ThreadAlgorithm::References)));
        let Response::Data(Data::Thread(threads)) = heard else { panic!("{heard:?}") };
        let told: String = threads.iter().map(ToString::to_string).collect();
        let mut numbers: Vec<u32> =
            told.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=rows.len() as u32).collect::<Vec<_>>());
    }
}
