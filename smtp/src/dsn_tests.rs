//! Reports, read back by another parser.

use super::*;
use crate::codec::table;
use mail_parser::{MessageParser, MimeHeaders};

const MESSAGE: &[u8] = b"From: <an@a.vn>\r\nSubject: chao\r\n\r\nThan chao.\r\n";

struct Case {
    reverse_path: ReversePath,
    ret: Option<Ret>,
    message: Vec<u8>,
    fates: Vec<Fate>,
    bytes_max: usize,
    deliver_by: Option<Timestamp>,
}

impl Case {
    fn new(fates: Vec<Fate>) -> Self {
        let reverse_path = ReversePath::Mailbox("an@a.vn".parse().unwrap());
        Self { reverse_path, ret: None, message: MESSAGE.to_vec(), fates, bytes_max: 1_000, deliver_by: None }
    }

    fn report(&self) -> Option<Report> {
        let id = EnvelopeId::new("QQ 314159");
        build(&Facts {
            host: &"mx.a.vn".parse().unwrap(),
            id: "r1",
            now: Timestamp::from_secs(1_000_000_000),
            reverse_path: &self.reverse_path,
            envelope_id: id.as_ref(),
            ret: self.ret,
            received_at: Timestamp::from_secs(999_000_000),
            deliver_by: self.deliver_by,
            message: &self.message,
            fates: &self.fates,
            returned_bytes_max: self.bytes_max,
        })
    }

    /// The report's three parts: top header, status fields, what is given back with its type.
    fn parts(&self) -> (String, String, String, String) {
        let report = self.report().unwrap();
        let parsed = MessageParser::default().parse(&report.message).unwrap();
        let part = |n: usize| &parsed.parts[n];
        let raw = |n: usize| {
            let p = part(n);
            String::from_utf8_lossy(
                &report.message[p.raw_body_offset() as usize..p.raw_end_offset() as usize],
            )
            .into_owned()
        };
        let kind = part(3).content_type().unwrap();
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap());
        let text = parsed.body_text(0).unwrap().into_owned();
        (text, raw(2), kind, raw(3))
    }
}

fn fate(address: &str, action: Action, notify: Option<Notify>) -> Fate {
    let mut recipient = Recipient::new(ForwardPath::Mailbox(address.parse().unwrap()));
    recipient.notify = notify;
    Fate {
        recipient,
        action,
        reply: match action {
            Action::Failed => table::NO_SUCH_MAILBOX.reply(),
            Action::Delayed => table::MAILBOX_FULL.reply(),
            Action::Relayed | Action::Delivered => table::STORED.reply(),
        },
        remote: Some("mx.b.vn".parse().unwrap()),
        last_attempt: Timestamp::from_secs(999_999_000),
        retry_until: Some(Timestamp::from_secs(1_000_100_000)),
        is_demanded: false,
    }
}

#[test]
fn rfc_3464_section_2_a_failure() {
    let mut failed = fate("binh@b.vn", Action::Failed, None);
    failed.recipient.original = OriginalRecipient::new("rfc822", "vanthu@b.vn");
    let (text, status, kind, given_back) = Case::new(vec![failed]).parts();
    assert!(text.contains("Thư không gửi được tới người nhận sau"), "{text}");
    assert!(text.contains("<binh@b.vn>") && text.contains("Không có hộp thư này"), "{text}");
    assert!(text.contains("could not be delivered"), "{text}");
    assert_eq!(
        status.trim_end(),
        "Reporting-MTA: dns; mx.a.vn\r\n\
         Original-Envelope-Id: QQ 314159\r\n\
         Arrival-Date: Tue, 28 Aug 2001 19:00:00 +0700\r\n\
         \r\n\
         Original-Recipient: rfc822;vanthu@b.vn\r\n\
         Final-Recipient: rfc822;binh@b.vn\r\n\
         Action: failed\r\n\
         Status: 5.1.1\r\n\
         Remote-MTA: dns; mx.b.vn\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 Khong co hop thu nay No such mailbox here\r\n\
         Last-Attempt-Date: Sun, 9 Sep 2001 08:30:00 +0700"
    );
    assert_eq!(
        (kind.as_str(), given_back.trim_end()),
        ("text/rfc822-headers", "From: <an@a.vn>\r\nSubject: chao")
    );
}

#[test]
fn rfc_3461_section_4_3_ret_says_what_comes_back() {
    let long = [MESSAGE, &b"x\r\n".repeat(1_000)].concat();
    #[rustfmt::skip]
    let rows = [
        (Some(Ret::Full),    Action::Failed,  MESSAGE,   "message/rfc822"),
        (Some(Ret::Headers), Action::Failed,  MESSAGE,   "text/rfc822-headers"),
        (None,               Action::Failed,  MESSAGE,   "text/rfc822-headers"),
        (Some(Ret::Full),    Action::Delayed, MESSAGE,   "text/rfc822-headers"), // RET is about failures
        (Some(Ret::Full),    Action::Failed,  &*long,    "text/rfc822-headers"), // too large to give back
    ];
    for (ret, action, message, kind) in rows {
        let fates = vec![fate("b@b.vn", action, None)];
        let case = Case { ret, message: message.to_vec(), ..Case::new(fates) };
        assert_eq!(case.parts().2, kind, "{ret:?} {action:?}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_3461_section_4_1_notify_says_what_is_told() {
    let on = |success, failure, delay| Some(Notify::On { success, failure, delay });
    let rows = [
        (None,                       Action::Failed,    true),
        (None,                       Action::Delayed,   true),
        (None,                       Action::Delivered, false),
        (Some(Notify::Never),        Action::Failed,    false),
        (on(true, false, false),     Action::Relayed,   true),
        (on(true, false, false),     Action::Failed,    false),
        (on(false, true, false),     Action::Delayed,   false),
    ];
    for (notify, action, told) in rows {
        let case = Case::new(vec![fate("b@b.vn", action, notify)]);
        assert_eq!(case.report().is_some(), told, "{notify:?} {action:?}");
    }
}

#[test]
fn rfc_5321_section_4_5_5_nothing_is_reported_about_a_report() {
    let fates = vec![fate("b@b.vn", Action::Failed, None)];
    let case = Case { reverse_path: ReversePath::Null, ..Case::new(fates.clone()) };
    assert_eq!(case.report(), None);
    assert_eq!(Case::new(fates).report().unwrap().reverse_path(), ReversePath::Null);
}

#[test]
fn a_delay_says_until_when_and_a_late_failure_is_final() {
    let (text, status, ..) = Case::new(vec![fate("b@b.vn", Action::Delayed, None)]).parts();
    assert!(text.contains("Thử lại đến: Mon, 10 Sep 2001 12:33:20 +0700"), "{text}");
    assert!(status.contains("Status: 4.2.2") && status.contains("Will-Retry-Until:"), "{status}");
    let gave_up = Fate { action: Action::Failed, ..fate("b@b.vn", Action::Delayed, None) };
    let (_, status, ..) = Case::new(vec![gave_up]).parts();
    assert!(status.contains("Status: 5.2.2") && status.contains("smtp; 452 4.2.2"), "{status}");
    assert!(!status.contains("Will-Retry-Until"), "{status}");
}

#[test]
fn what_others_wrote_stays_in_its_place() {
    // A peer's words, an address, and a message that holds the boundary: none of them may begin a field or a part.
    let mut hostile = fate("\"x y\"@b.vn", Action::Failed, None);
    hostile.reply = Reply::new(550, None, ["no\r\nAction: delivered", "--dsn-r1-0--"]);
    let message = b"Subject: --dsn-r1-0\r\n\r\n--dsn-r1-0\r\n".to_vec();
    let case = Case {
        ret: Some(Ret::Full),
        message,
        ..Case::new(vec![hostile, fate("nguyễn@b.vn", Action::Failed, None)])
    };
    let (_, status, kind, given_back) = case.parts();
    assert!(!status.contains("\nAction: delivered"), "{status}");
    assert!(status.contains("Final-Recipient: utf-8;nguy\\x{1EC5}n@b.vn\r\n"), "{status}");
    assert_eq!(
        (kind.as_str(), given_back.trim_end()),
        ("message/rfc822", "Subject: --dsn-r1-0\r\n\r\n--dsn-r1-0")
    );
    let report = case.report().unwrap().message;
    assert!(report.is_ascii());
    assert!(report.split(|b| *b == b'\n').all(|line| line.len() <= 999));
}

#[test]
fn eight_bit_originals_are_declared() {
    let message = "Subject: chào\r\n\r\nchào\r\n".as_bytes().to_vec();
    let fates = vec![fate("b@b.vn", Action::Failed, None)];
    let full = Case { ret: Some(Ret::Full), message: message.clone(), ..Case::new(fates.clone()) };
    let text = String::from_utf8(full.report().unwrap().message).unwrap();
    assert!(text.contains("message/rfc822\r\nContent-Transfer-Encoding: 8bit"), "{text}");
    let headers = Case { message, ..Case::new(fates) }.report().unwrap();
    assert!(headers.message.is_ascii());
}

#[test]
fn a_long_header_is_cut_between_lines() {
    let message = [&b"X: 1\r\n".repeat(10)[..], b"\r\nbody"].concat();
    assert_eq!(header(&message, 1_000).len(), 60);
    assert_eq!(header(&message, 20), b"X: 1\r\nX: 1\r\nX: 1\r\n");
    assert_eq!(header(b"no end", 3), b"");
}

#[test]
fn rfc_2852_section_4_what_the_time_to_deliver_by_brings_is_told_unless_nothing_is_wanted() {
    let on = |success, failure, delay| Some(Notify::On { success, failure, delay });
    for (action, notify, is_demanded, is_told) in [
        (Action::Relayed, None, false, false),
        (Action::Relayed, None, true, true),
        (Action::Relayed, on(false, true, false), true, true),
        (Action::Delayed, on(false, true, false), false, false),
        (Action::Delayed, on(false, true, false), true, true),
        (Action::Delayed, Some(Notify::Never), true, false),
        (Action::Relayed, Some(Notify::Never), true, false),
    ] {
        let fate = Fate { is_demanded, ..fate("binh@b.vn", action, notify) };
        let mut case = Case::new(vec![fate]);
        case.deliver_by = Some(Timestamp::from_secs(0));
        assert_eq!(case.report().is_some(), is_told, "{action:?} {notify:?} {is_demanded}");
        if is_told {
            let (_, status, ..) = case.parts();
            assert!(status.contains("Deliver-By-Date: Thu, 1 Jan 1970 07:00:00 +0700\r\n"), "{status}");
        }
    }
}
