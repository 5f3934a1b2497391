//! The commands of the RFCs' own examples and of clients, as tables: how each is read, and how what is none is refused.

use super::command::List;
use super::*;

/// Reads everything in `wire`, handed over in pieces of `size`; literals are asked for as they come.
pub(super) fn read_all(wire: &[u8], size: usize, limits: &Limits, utf8: bool) -> Vec<Read> {
    let mut input = Input::new(limits.clone());
    input.allow_messages(true);
    input.set_utf8(utf8);
    let mut found = Vec::new();
    for piece in wire.chunks(size.max(1)) {
        assert!(piece.len() <= input.room() || input.room() == 0, "room for a piece");
        input.push(piece);
        while let Some(read) = input.next() {
            found.push(read);
        }
    }
    found
}

fn read(wire: &str) -> Read {
    let whole = read_all(wire.as_bytes(), usize::MAX, &Limits::default(), false);
    let bytewise = read_all(wire.as_bytes(), 1, &Limits::default(), false);
    assert_eq!(whole, bytewise, "{wire:?} in pieces");
    let mut rest: Vec<Read> = whole.into_iter().filter(|read| *read != Read::Continue).collect();
    assert_eq!(rest.len(), 1, "{wire:?}: {rest:?}");
    rest.remove(0)
}

/// How a command is read, in the words of `Debug`, which are those of the types.
fn told(line: &str) -> String {
    match read(&format!("a {line}\r\n")) {
        Read::Command(command) => {
            assert_eq!(command.tag, "a");
            format!("{:?}", command.body)
        }
        Read::Bad { tag: Some(_), words } => format!("BAD {words}"),
        Read::No { why, .. } => format!("NO {why:?}"),
        other => format!("{other:?}"),
    }
}

fn check(rows: &[(&str, &str)]) {
    for (line, expected) in rows {
        assert_eq!(told(line), *expected, "{line}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_9051_6_1_and_6_2_sessions() {
    check(&[
        ("CAPABILITY",                            "Capability"),
        ("noop",                                  "Noop"),
        ("NOOP  ",                                "Noop"),
        ("LOGOUT",                                "Logout"),
        ("STARTTLS",                              "StartTls"),
        ("UNAUTHENTICATE",                        "Unauthenticate"),
        ("COMPRESS DEFLATE",                      "Compress"),
        ("COMPRESS LZ4",                          "BAD No such compression"),
        ("IDLE",                                  "Idle"),
        ("NAMESPACE",                             "Namespace"),
        ("NOOP x",                                "BAD Unexpected argument"),
        ("FOO",                                   "BAD Unknown command"),
        ("UID NOOP",                              "BAD Unknown command"),
        ("",                                      "BAD Unknown command"),
        ("ENABLE condstore QRESYNC",              r#"Enable(["CONDSTORE", "QRESYNC"])"#),
        ("ENABLE",                                "BAD Missing argument"),
        ("LOGIN SMITH SESAME",                    r#"Login { user: "SMITH", password: … }"#),
        (r#"LOGIN "HUYEN\an" "a\"b\\c""#,         r#"Login { user: "HUYEN\\an", password: … }"#),
        ("LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man", r#"Login { user: "FRED FOOBAR", password: … }"#),
        ("LOGIN {11+}\r\nFRED FOOBAR {7+}\r\nfat man", r#"Login { user: "FRED FOOBAR", password: … }"#),
        ("LOGIN {3}\r\na\0b c",                   "BAD NUL in a string"),
        ("LOGIN SMITH",                           "BAD Missing argument"),
        ("LOGIN \"SMITH x",                       "BAD Unfinished quoted string"),
        ("AUTHENTICATE plain",                    r#"Authenticate { mechanism: "PLAIN", initial: None }"#),
        ("AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", r#"Authenticate { mechanism: "PLAIN", initial: Some(…) }"#),
        ("AUTHENTICATE EXTERNAL =",               r#"Authenticate { mechanism: "EXTERNAL", initial: Some(…) }"#),
        ("AUTHENTICATE PLAIN ***",                "BAD Wrong base64"),
        ("ID NIL",                                "Id([])"),
        (r#"ID ("name" "sodr" "version" NIL)"#,   r#"Id([("name", Some("sodr")), ("version", None)])"#),
        (r#"ID ("name")"#,                        "BAD Wrong ID"),
    ]);
    let login = read("a LOGIN x {5}\r\nmật\r\n");
    let Read::Command(Command { body: Body::Login { password, .. }, .. }) = login else { panic!("{login:?}") };
    assert_eq!(password.expose_secret(), "mật");
}

#[test]
#[rustfmt::skip]
fn rfc_9051_6_3_mailboxes() {
    check(&[
        ("SELECT INBOX", r#"Select { mailbox: MailboxName("INBOX"), is_read_only: false, condstore: false, qresync: None }"#),
        ("EXAMINE inbox", r#"Select { mailbox: MailboxName("INBOX"), is_read_only: true, condstore: false, qresync: None }"#),
        ("SELECT INBOX (CONDSTORE)", r#"Select { mailbox: MailboxName("INBOX"), is_read_only: false, condstore: true, qresync: None }"#),
        ("SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
            r#"Select { mailbox: MailboxName("INBOX"), is_read_only: false, condstore: false, qresync: Some(Qresync { uid_validity: 67890007, modseq: 20050715194045000, known_uids: Some(SequenceSet([(Number(41), Number(41)), (Number(43), Number(211)), (Number(214), Number(541))])), matches: None }) }"#),
        ("SELECT INBOX (QRESYNC (1 2 (1,3 4,6)))",
            r#"Select { mailbox: MailboxName("INBOX"), is_read_only: false, condstore: false, qresync: Some(Qresync { uid_validity: 1, modseq: 2, known_uids: None, matches: Some((SequenceSet([(Number(1), Number(1)), (Number(3), Number(3))]), SequenceSet([(Number(4), Number(4)), (Number(6), Number(6))]))) }) }"#),
        ("SELECT INBOX (QRESYNC (1 2 1:*))", "BAD Wrong set"),
        ("SELECT INBOX (FOO)", "BAD No such parameter"),
        ("CREATE &U,BTFw-/&ZeVnLIqe-", r#"Create { mailbox: MailboxName("台北/日本語"), special_use: [] }"#),
        ("CREATE \"Họp\"", r#"Create { mailbox: MailboxName("Họp"), special_use: [] }"#),
        ("CREATE R&D", r#"Create { mailbox: MailboxName("R&D"), special_use: [] }"#),
        ("CREATE MySpecial (USE (\\Drafts \\sent))", r#"Create { mailbox: MailboxName("MySpecial"), special_use: [Drafts, Sent] }"#),
        ("CREATE X (USE (\\Important))", "NO Use"),
        ("DELETE a]b", r#"Delete(MailboxName("a]b"))"#),
        ("RENAME blurdybloop {7}\r\nsarasop", r#"Rename { from: MailboxName("blurdybloop"), to: MailboxName("sarasop") }"#),
        ("SUBSCRIBE #news.comp.mail.mime", r##"Subscribe(MailboxName("#news.comp.mail.mime"))"##),
        ("UNSUBSCRIBE \"\"", r#"Unsubscribe(MailboxName(""))"#),
        ("LSUB \"#news.\" comp.mail.*", r##"Lsub { reference: "#news.", pattern: "comp.mail.*" }"##),
        ("STATUS blurdybloop (UIDNEXT MESSAGES SIZE)", r#"Status { mailbox: MailboxName("blurdybloop"), items: [UidNext, Messages, Size] }"#),
        ("STATUS a (HIGHESTMODSEQ MAILBOXID APPENDLIMIT DELETED DELETED-STORAGE recent unseen uidvalidity)",
            r#"Status { mailbox: MailboxName("a"), items: [HighestModseq, MailboxId, AppendLimit, Deleted, DeletedStorage, Recent, Unseen, UidValidity] }"#),
        ("STATUS a ()", "BAD Missing status item"),
        ("STATUS a (FOO)", "BAD No such status item"),
        ("GETQUOTA \"\"", r#"GetQuota("")"#),
        ("GETQUOTAROOT INBOX", r#"GetQuotaRoot(MailboxName("INBOX"))"#),
        ("UNSELECT", "Unselect"), ("CLOSE", "Close"), ("CHECK", "Check"),
    ]);
}

fn list(line: &str) -> List {
    match read(&format!("a {line}\r\n")) {
        Read::Command(Command { body: Body::List(list), .. }) => list,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn rfc_9051_6_3_9_list() {
    let plain = List { patterns: vec!["%".into()], ..List::default() };
    assert_eq!(list("LIST \"\" %"), plain);
    assert_eq!(list("LIST \"\" \"%\""), plain);
    assert_eq!(list("LIST ~/Mail/ %"), List { reference: "~/Mail/".into(), ..plain.clone() });
    assert_eq!(list("LIST \"\" \"\""), List { patterns: vec![String::new()], ..List::default() });
    assert_eq!(list("LIST \"\" &AOE-*"), List { patterns: vec!["á*".into()], ..List::default() });
    let selected = List {
        is_extended: true,
        select_subscribed: true,
        recursive_match: true,
        return_subscribed: true,
        patterns: vec!["*".into(), "a/%".into()],
        ..List::default()
    };
    assert_eq!(list("LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"*\" a/%)"), selected);
    let returned = List {
        is_extended: true,
        return_children: true,
        return_special_use: true,
        return_status: vec![command::StatusItem::Messages, command::StatusItem::Unseen],
        patterns: vec!["%".into()],
        ..List::default()
    };
    assert_eq!(list("LIST \"\" % RETURN (CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN))"), returned);
    assert!(list("LIST () \"\" % RETURN ()").is_extended);
    check(&[
        ("LIST (RECURSIVEMATCH) \"\" *", "BAD RECURSIVEMATCH alone"),
        ("LIST (FOO) \"\" *", "BAD No such selection option"),
        ("LIST \"\" () ", "BAD Missing pattern"),
        ("LIST \"\" * RETURN (FOO)", "BAD No such return option"),
        ("LIST \"\" * FOO", "BAD Unexpected argument"),
        ("LIST \"\"", "BAD Missing argument"),
    ]);
}

#[test]
#[rustfmt::skip]
fn rfc_9051_6_4_fetch_store_copy() {
    check(&[
        ("FETCH 2:4 ALL", "Fetch { uid: false, set: SequenceSet([(Number(2), Number(4))]), items: [Flags, InternalDate, Rfc822Size, Envelope], changed_since: None, vanished: false, partial: None }"),
        ("FETCH 1 FULL", "Fetch { uid: false, set: SequenceSet([(Number(1), Number(1))]), items: [Flags, InternalDate, Rfc822Size, Envelope, Body], changed_since: None, vanished: false, partial: None }"),
        ("UID FETCH *:4,7 fast", "Fetch { uid: true, set: SequenceSet([(Last, Number(4)), (Number(7), Number(7))]), items: [Flags, InternalDate, Rfc822Size], changed_since: None, vanished: false, partial: None }"),
        ("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)", "Fetch { uid: true, set: SequenceSet([(Number(1), Last)]), items: [Flags], changed_since: Some(12345), vanished: true, partial: None }"),
        ("UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30)", "Fetch { uid: true, set: SequenceSet([(Number(25900), Number(26600))]), items: [Uid, Flags], changed_since: None, vanished: false, partial: Some((-1, -30)) }"),
        ("FETCH $ UID", "Fetch { uid: false, set: SequenceSet([]), items: [Uid], changed_since: None, vanished: false, partial: None }"),
        ("FETCH 1 (PREVIEW (LAZY) PREVIEW SAVEDATE EMAILID THREADID MODSEQ BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
            "Fetch { uid: false, set: SequenceSet([(Number(1), Number(1))]), items: [Preview, Preview, SaveDate, EmailId, ThreadId, Modseq, Body, BodyStructure, Rfc822(Whole), Rfc822(Header), Rfc822(Text), Rfc822Size], changed_since: None, vanished: false, partial: None }"),
        ("FETCH 1:* (FLAGS) (VANISHED)", "BAD VANISHED wants UID FETCH and CHANGEDSINCE"),
        ("FETCH 0 FLAGS", "BAD Wrong set"),
        ("FETCH 4294967296 FLAGS", "BAD Wrong set"),
        ("FETCH 1: FLAGS", "BAD Wrong set"),
        ("FETCH 1 ()", "BAD Missing item"),
        ("FETCH 1 FOO", "BAD No such item"),
        ("FETCH 1 (FLAGS(", "BAD Syntax error in a list"),
        ("STORE 2:4 +FLAGS (\\Deleted)", "Store { uid: false, set: SequenceSet([(Number(2), Number(4))]), unchanged_since: None, change: Add, silent: false, flags: [Deleted] }"),
        ("UID STORE 7 (UNCHANGEDSINCE 320162338) -flags.silent \\Seen $MDNSent", "Store { uid: true, set: SequenceSet([(Number(7), Number(7))]), unchanged_since: Some(320162338), change: Remove, silent: true, flags: [Seen, Keyword(\"$mdnsent\")] }"),
        ("STORE 1 FLAGS ()", "Store { uid: false, set: SequenceSet([(Number(1), Number(1))]), unchanged_since: None, change: Replace, silent: false, flags: [] }"),
        ("STORE 1 FLAGS (\\Recent \\Answered \\Draft \\Flagged)", "Store { uid: false, set: SequenceSet([(Number(1), Number(1))]), unchanged_since: None, change: Replace, silent: false, flags: [Answered, Draft, Flagged] }"),
        ("STORE 1 FLAGS \\Foo", "BAD No such flag"),
        ("COPY 2:4 MEETING", "Copy { uid: false, set: SequenceSet([(Number(2), Number(4))]), mailbox: MailboxName(\"MEETING\"), moves: false }"),
        ("UID MOVE 42:69 foo", "Copy { uid: true, set: SequenceSet([(Number(42), Number(69))]), mailbox: MailboxName(\"foo\"), moves: true }"),
        ("EXPUNGE", "Expunge(None)"),
        ("UID EXPUNGE 3000:3002", "Expunge(Some(SequenceSet([(Number(3000), Number(3002))])))"),
    ]);
}

#[test]
#[rustfmt::skip]
fn rfc_9051_6_4_5_sections() {
    let rows = [
        ("BODY[]",                 r#"Section { section: Section { part: [], text: Whole }, partial: None, peek: false }"#),
        ("BODY.PEEK[]<0.2048>",    r#"Section { section: Section { part: [], text: Whole }, partial: Some((0, 2048)), peek: true }"#),
        ("body[1.2.MIME]",         r#"Section { section: Section { part: [1, 2], text: Mime }, partial: None, peek: false }"#),
        ("BODY[3]",                r#"Section { section: Section { part: [3], text: Whole }, partial: None, peek: false }"#),
        ("BODY[4.2.HEADER]",       r#"Section { section: Section { part: [4, 2], text: Header }, partial: None, peek: false }"#),
        ("BODY[TEXT]",             r#"Section { section: Section { part: [], text: Text }, partial: None, peek: false }"#),
        ("BODY.PEEK[HEADER.FIELDS (From \"To\" {2}\r\nCC )]",
            r#"Section { section: Section { part: [], text: HeaderFields(["From", "To", "CC"]) }, partial: None, peek: true }"#),
        ("BODY[1.HEADER.FIELDS.NOT (DATE)]", r#"Section { section: Section { part: [1], text: HeaderFieldsNot(["DATE"]) }, partial: None, peek: false }"#),
        ("BINARY[1.2]<5.7>",       "Binary { part: [1, 2], partial: Some((5, 7)), peek: false }"),
        ("BINARY.PEEK[]",          "Binary { part: [], partial: None, peek: true }"),
        ("BINARY.SIZE[1]",         "BinarySize([1])"),
    ];
    for (item, expected) in rows {
        let read = told(&format!("FETCH 1 {item}"));
        assert!(read.contains(&format!("items: [{expected}]")), "{item}: {read}");
    }
    for wrong in ["BODY[MIME]", "BODY[0]", "BODY[1.]", "BODY[.1]", "BODY[FOO]", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]",
        "BODY[1.2", "BODY[]<1>", "BODY[]<1.0>", "BINARY[1.MIME]", "BINARY.SIZE[1]<0.1>", "BODY[1]x"] {
        assert!(told(&format!("FETCH 1 {wrong}")).starts_with("BAD"), "{wrong}");
    }
}

#[test]
fn rfc_3502_append() {
    let append = |line: &str| match read(&format!("a {line}\r\n")) {
        Read::Command(Command { body: Body::Append { mailbox, messages }, .. }) => (mailbox, messages),
        other => panic!("{line:?}: {other:?}"),
    };
    let (mailbox, messages) = append(
        "APPEND saved-messages (\\Seen $Work) \" 7-Feb-1994 21:52:25 -0800\" {5}\r\na\r\nb\n (\\Draft) ~{3+}\r\nx\0y",
    );
    assert_eq!(mailbox.as_str(), "saved-messages");
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].flags, [command::Flag::Seen, command::Flag::Keyword("$work".into())]);
    assert_eq!(messages[0].date.unwrap().to_rfc3339_utc(), "1994-02-08T05:52:25Z");
    assert_eq!(messages[0].message, b"a\r\nb\n");
    assert_eq!(messages[1].message, b"x\0y");
    let (mailbox, messages) = append("APPEND {5}\r\nh&h-p UTF8 (~{2}\r\nxy)");
    assert_eq!((mailbox.as_str(), &messages[0].message[..]), ("h&h-p", &b"xy"[..]));
    check(&[
        ("APPEND x", "BAD Missing argument"),
        ("APPEND x \"y\"", "BAD Wrong date"),
        ("APPEND x y", "BAD Missing literal"),
        ("APPEND x (\\Seen) {1}\r\na y", "BAD Missing literal"),
        ("APPEND x UTF8 ({1}\r\na", "BAD Wrong UTF8"),
    ]);
}

#[test]
#[rustfmt::skip]
fn rfc_9051_6_4_4_search() {
    let key = |keys: &str| format!("Search {{ uid: false, search: Search {{ keys: [{keys}] }}, returns: None }}");
    let day = |text: &str| format!("Timestamp({})", mail::Timestamp::parse_rfc3339(text).unwrap().millis());
    let (first, next) = (day("1994-02-01T00:00:00+07:00"), day("1994-02-02T00:00:00+07:00"));
    let rows = [
        ("FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"", format!("Flag(Flagged), Received(Some({first}), None), Not(Header(\"from\", \"Smith\"))")),
        ("BEFORE 1-Feb-1994", format!("Received(None, Some({first}))")),
        ("SENTON \"1-Feb-1994\"", format!("Sent(Some({first}), Some({next}))")),
        ("SAVEDSINCE 1-Feb-1994", format!("Saved8514(Some({first}), None)")),
        ("TEXT \"string not in mailbox\"", r#"Text("string not in mailbox")"#.into()),
        ("CHARSET UTF-8 TEXT {12}\r\nмать", r#"Text("мать")"#.into()),
        ("BODY \"họp\"", r#"Body("họp")"#.into()),
        ("OR (1:3 UNSEEN) (NOT LARGER 4096 $)", "Or(And([Sequence(SequenceSet([(Number(1), Number(3))])), Not(Flag(Seen))]), And([Not(Larger(4096)), Saved]))".into()),
        ("UID 3,5:* KEYWORD $Forwarded UNKEYWORD work", r#"Uid(SequenceSet([(Number(3), Number(3)), (Number(5), Last)])), Flag(Keyword("$forwarded")), Not(Flag(Keyword("work")))"#.into()),
        ("HEADER Message-ID <1@a.vn> SUBJECT x", r#"Header("message-id", "<1@a.vn>"), Header("subject", "x")"#.into()),
        ("NEW OLD RECENT ALL SAVEDATESUPPORTED", "Recent, Not(Recent), Recent, All, SaveDateSupported".into()),
        ("OLDER 60 YOUNGER 3600 SMALLER 7", "Older(60), Younger(3600), Smaller(7)".into()),
        ("MODSEQ \"/flags/\\\\draft\" all 620162338 MODSEQ 7", "Modseq(620162338), Modseq(7)".into()),
        ("EMAILID M6d99ac3275bb4e THREADID T64b478a75b7ea9", r#"EmailId("M6d99ac3275bb4e"), ThreadId("T64b478a75b7ea9")"#.into()),
    ];
    for (line, keys) in rows {
        let line = match line.contains("{12}") { true => line.replace("{12}", "{8}"), false => line.to_owned() };
        assert_eq!(told(&format!("SEARCH {line}")), key(&keys), "{line}");
    }
    check(&[
        ("SEARCH CHARSET KOI8-X ALL", "NO Charset"),
        ("SEARCH", "BAD Missing argument"),
        ("SEARCH FOO 1", "BAD No such search key"),
        ("SEARCH ()", "BAD Missing search key"),
        ("SEARCH ON 31-Feb-1994", "BAD Wrong date"),
        ("SEARCH OLDER 0", "BAD Wrong number"),
        ("SEARCH RETURN (PARTIAL 1:-1) ALL", "BAD Wrong range"),
        ("SEARCH RETURN (PARTIAL 1:10 ALL) ALL", "BAD PARTIAL stands alone"),
        ("SEARCH RETURN () ALL", "Search { uid: false, search: Search { keys: [All] }, returns: Some([]) }"),
        ("UID SEARCH RETURN (MIN MAX COUNT SAVE PARTIAL -1:-100) 1:*", "Search { uid: true, search: Search { keys: [Sequence(SequenceSet([(Number(1), Last)]))] }, returns: Some([Min, Max, Count, Save, Partial(-1, -100)]) }"),
    ]);
    let latin = [&b"a SEARCH CHARSET windows-1258 TEXT {3}\r\nv\xf4i\r\n"[..]].concat();
    let found = read_all(&latin, 7, &Limits::default(), false);
    assert!(format!("{found:?}").contains(r#"Text("vôi")"#), "{found:?}");
    let wrong = read_all(b"a SEARCH TEXT {2}\r\n\xff\xfe\r\n", 7, &Limits::default(), false);
    assert!(matches!(wrong.last(), Some(Read::Bad { .. })), "{wrong:?}");
}

#[test]
#[rustfmt::skip]
fn rfc_5256_sort_and_thread() {
    check(&[
        ("SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "Sort { uid: false, order: [SortKey { reverse: false, by: Subject }, SortKey { reverse: true, by: Date }], search: Search { keys: [All] }, returns: None }"),
        ("UID SORT RETURN (COUNT) (ARRIVAL DISPLAYFROM) US-ASCII TO a", "Sort { uid: true, order: [SortKey { reverse: false, by: Arrival }, SortKey { reverse: false, by: DisplayFrom }], search: Search { keys: [Header(\"to\", \"a\")] }, returns: Some([Count]) }"),
        ("UID THREAD REFERENCES UTF-8 SINCE 5-MAR-2000", "Thread { uid: true, algorithm: References, search: Search { keys: [Received(Some(Timestamp(952189200000)), None)] } }"),
        ("THREAD ORDEREDSUBJECT UTF-8 ALL", "Thread { uid: false, algorithm: OrderedSubject, search: Search { keys: [All] } }"),
        ("THREAD REFS UTF-8 ALL", "BAD No such algorithm"),
        ("SORT () UTF-8 ALL", "BAD Missing sort key"),
        ("SORT (FOO) UTF-8 ALL", "BAD No such sort key"),
        ("SORT (DATE) X-FOO ALL", "NO Charset"),
    ]);
}

#[test]
#[rustfmt::skip]
fn rfc_5465_notify() {
    check(&[
        ("NOTIFY NONE", "Notify(None)"),
        ("NOTIFY SET STATUS (SELECTED (MessageNew (UID BODY.PEEK[]<0.1>) MessageExpunge)) (SUBTREE (INBOX a/b) (MessageNew FlagChange)) (PERSONAL NONE)",
            r#"Notify(Some(Notify { status: true, groups: [NotifyGroup { which: Selected, events: [MessageNew([Uid, Section { section: Section { part: [], text: Whole }, partial: Some((0, 1)), peek: true }]), MessageExpunge] }, NotifyGroup { which: Subtree([MailboxName("INBOX"), MailboxName("a/b")]), events: [MessageNew([]), FlagChange] }, NotifyGroup { which: Personal, events: [] }] }))"#),
        ("NOTIFY SET (mailboxes INBOX (MailboxName SubscriptionChange))", r#"Notify(Some(Notify { status: false, groups: [NotifyGroup { which: Mailboxes([MailboxName("INBOX")]), events: [MailboxName, SubscriptionChange] }] }))"#),
        ("NOTIFY SET (SELECTED (AnnotationChange))", "NO Event"),
        ("NOTIFY SET", "BAD Missing argument"),
        ("NOTIFY SET (FOO NONE)", "BAD No such mailboxes"),
    ]);
}

#[test]
fn rfc_6855_names_are_utf_8_once_enabled() {
    let read = read_all("a SELECT \"Họp & b&AOE-\"\r\n".as_bytes(), 3, &Limits::default(), true);
    assert!(format!("{read:?}").contains("Họp & b&AOE-"), "{read:?}");
}
