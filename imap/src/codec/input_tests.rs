//! How bytes become commands: pieces, literals, limits, what cannot be read.

use proptest::prelude::*;

use super::command_tests::read_all;
use super::*;
use crate::codec::memory::Memory;

fn small() -> Limits {
    Limits {
        text_bytes_max: 70,
        literal_bytes_max: 10,
        append_bytes_max: 40,
        append_total_bytes_max: 50,
        literals_max: 3,
        list_max: 9,
        depth_max: 3,
        pending_bytes_max: 1_000,
        memory: Memory::new(100),
    }
}

/// What is read, in short.
fn told(wire: &str) -> Vec<String> {
    let reads = read_all(wire.as_bytes(), usize::MAX, &small(), false);
    assert_eq!(reads, read_all(wire.as_bytes(), 1, &small(), false), "{wire:?} in pieces");
    let in_short = |read: Read| match read {
        Read::Command(command) => command.tag,
        Read::Continue => "+".to_owned(),
        Read::Bad { tag, words } => format!("{} BAD {words}", tag.as_deref().unwrap_or("*")),
        Read::No { tag, .. } => format!("{tag} NO"),
        Read::TooBig { tag, is_fatal } => {
            format!("{} {}", tag.as_deref().unwrap_or("*"), if is_fatal { "BYE" } else { "TOOBIG" })
        }
        Read::NoRoom { tag } => format!("{} NO ROOM", tag.as_deref().unwrap_or("*")),
        Read::Line(line) => format!("{:?}", String::from_utf8_lossy(&line)),
    };
    reads.into_iter().map(in_short).collect()
}

#[test]
#[rustfmt::skip]
fn rfc_9051_2_2_1_commands_and_literals() {
    let long = "x".repeat(80);
    let rows: &[(&str, &[&str])] = &[
        ("a NOOP\r\nb NOOP\r\n",                               &["a", "b"]),
        ("a NOOP\nb NOOP\n",                                   &["a", "b"]),
        ("\r\n \r\na NOOP\r\n",                                &["a"]),
        ("a LOGIN {1}\r\nx {1}\r\ny\r\nb NOOP\r\n",            &["+", "+", "a", "b"]),
        ("a LOGIN {1+}\r\nx {1+}\r\ny\r\nb NOOP\r\n",          &["a", "b"]),
        ("a LOGIN {0}\r\n {0+}\r\n\r\n",                       &["+", "a"]),
        ("a SELECT {11}\r\nb NOOP\r\n",                        &["a TOOBIG", "b"]),
        ("a SELECT {11+}\r\nb NOOP\r\n",                       &["a BYE"]),
        ("a SELECT {99999999999999999999999}\r\nb NOOP\r\n",   &["a TOOBIG", "b"]),
        ("a APPEND x {40}\r\n0123456789012345678901234567890123456789\r\n", &["+", "a"]),
        ("a APPEND x {41}\r\nb NOOP\r\n",                      &["a TOOBIG", "b"]),
        ("a APPEND {11}\r\nb NOOP\r\n",                        &["a TOOBIG", "b"]),
        ("a APPEND {1}\r\nx {40}\r\n0123456789012345678901234567890123456789 {11}\r\nb NOOP\r\n", &["+", "+", "a TOOBIG", "b"]),
        ("a NOOPAPPEND x {11}\r\nb NOOP\r\n",                  &["a TOOBIG", "b"]),
        ("a SELECT x{1}\r\ny\r\n",                             &["+", "a BAD Unexpected argument"]),
        ("a SELECT \"x{1}\r\ny\r\n",                           &["+", "a BAD Unfinished quoted string"]),
        ("a SELECT {1}x\r\n",                                  &["a BAD Wrong literal"]),
        ("a SELECT {}\r\n",                                    &["a BAD Wrong literal"]),
        ("a X {1+}\r\na {1+}\r\nb {1+}\r\nc {1+}\r\nd {1}\r\nb NOOP\r\n", &["a BAD Too many literals", "b"]),
        ("a X {1+}\r\na {1+}\r\nb {1+}\r\nc {1+}\r\nd x\r\nb NOOP\r\n",   &["a BAD Too many literals", "b"]),
        ("a FETCH 1 (UID UID UID UID UID UID UID UID UID UID)\r\n",            &["a BAD Too many arguments"]),
        ("a FETCH 1,2,3,4,5,6,7,8,9,10 UID\r\n",                        &["a BAD Too many arguments"]),
        ("a SEARCH NOT NOT NOT NOT ALL\r\n",                   &["a BAD Search keys too deep"]),
        ("a SEARCH ((((ALL))))\r\n",                           &["a BAD Search keys too deep"]),
        ("a SEARCH NOT NOT NOT ALL\r\n",                       &["a"]),
        ("NOOP\r\n",                                           &["NOOP BAD Missing argument"]),
        ("+ NOOP\r\n",                                         &["* BAD Missing tag"]),
        ("\u{e1} NOOP\r\n",                                    &["* BAD Missing tag"]),
        ("a NO\0OP\r\n",                                       &["a BAD Unknown command"]),
        (&format!("a {long}\r\nb NOOP\r\n"),                   &["a BAD Command too long", "b"]),
        (&format!("{long}{long}\r\nb NOOP\r\n"),               &["* BAD Command too long", "b"]),
        // Its literals are no commands.
        (&format!("a {long}{{4+}}\r\nx x\n{long}{{2}}\r\nb NOOP\r\n"), &["a BAD Command too long", "b"]),
        (&format!("a x {{4+}}\r\nx x\n {long}{{4+}}\r\nx x\n\r\nb NOOP\r\n"), &["a BAD Command too long", "b"]),
    ];
    for (wire, expected) in rows {
        let found = told(wire);
        assert_eq!(found, *expected, "{wire:?}");
    }
}

#[test]
fn messages_are_taken_from_those_who_may_send_them() {
    let mut input = Input::new(small());
    input.push(b"a APPEND x {40}\r\n");
    assert!(matches!(input.next(), Some(Read::TooBig { is_fatal: false, .. })));
    input.allow_messages(true);
    input.push(b"a APPEND x {40}\r\n");
    assert_eq!(input.next(), Some(Read::Continue));
}

#[test]
fn bare_lines_are_read_when_they_are_expected() {
    let mut input = Input::new(small());
    input.push(b"a IDLE\r\nDONE\r\nb NOOP\r\n");
    assert!(matches!(input.next(), Some(Read::Command(_))));
    input.expect_line(10);
    assert_eq!(input.next(), Some(Read::Line(b"DONE".to_vec())));
    assert!(matches!(input.next(), Some(Read::Command(_))));
    input.expect_line(10);
    input.push(b"01234567890123456789\r\n0123456789\r\n");
    assert!(matches!(input.next(), Some(Read::Bad { tag: None, .. })));
    input.expect_line(10);
    assert_eq!(input.next(), Some(Read::Line(b"0123456789".to_vec())));
    assert!(input.is_empty());
}

#[test]
fn rfc_9051_6_2_1_nothing_before_tls_is_read_after_it() {
    let mut input = Input::new(small());
    input.push(b"a STARTTLS\r\nb LOGIN x {5");
    assert!(matches!(input.next(), Some(Read::Command(_))));
    assert_eq!(input.next(), None);
    input.forget();
    input.push(b"c NOOP\r\n");
    assert!(matches!(input.next(), Some(Read::Command(Command { tag, .. })) if tag == "c"));
}

/// However it is fed: it asks for more whenever it has nothing to say, and keeps no more than its limits.
fn feed(wire: &[u8], size: usize) {
    let mut input = Input::new(small());
    input.allow_messages(true);
    let mut rest = wire;
    while !rest.is_empty() {
        let room = input.room();
        if room == 0 {
            assert_eq!(input.next(), None, "without room it is over");
            return;
        }
        let (piece, after) = rest.split_at(size.min(room).min(rest.len()));
        input.push(piece);
        rest = after;
        while input.next().is_some() {}
    }
}

#[test]
fn endless_lines_and_literals_are_passed_over() {
    feed(&b"x".repeat(10_000), 100);
    feed(&b"a X {1+}\r\nx".repeat(1_000), 7);
    feed(&b"{1+}\r\n\r\n".repeat(1_000), 7);
}

proptest! {
    #[test]
    fn any_bytes_are_read(wire in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..50) {
        feed(&wire, size);
        let whole = read_all(&wire, usize::MAX, &Limits::default(), false);
        prop_assert_eq!(whole, read_all(&wire, size, &Limits::default(), false));
    }

    #[test]
    fn almost_commands_are_read(
        words in prop::collection::vec(prop::sample::select(vec![
            "a ", "FETCH ", "SEARCH ", "UID ", "LIST ", "APPEND ", "1:*", "(", ")", " ", "BODY[", "HEADER.FIELDS", "]", "<1.2>", "\"", "\\",
            "{3}\r\nabc", "~{2+}\r\nxy", "\r\n", "NOT ", "OR ", "$", "RETURN ", "SORT ", "NOTIFY SET ", "SELECTED ", "*", "%", "NIL", "1.2",
        ]), 0..25),
        size in 1usize..50,
    ) {
        let wire = words.concat();
        feed(wire.as_bytes(), size);
        let whole = read_all(wire.as_bytes(), usize::MAX, &Limits::default(), true);
        prop_assert_eq!(whole, read_all(wire.as_bytes(), size, &Limits::default(), true));
    }

    #[test]
    fn any_string_comes_through(text in "[^\\x00]{0,40}") {
        let wire = format!("a GETQUOTA {{{}+}}\r\n{text}\r\n", text.len());
        let read = read_all(wire.as_bytes(), 9, &Limits::default(), false);
        prop_assert_eq!(&read, &[Read::Command(Command { tag: "a".into(), body: Body::GetQuota(text.clone()) })]);
        if !text.contains(['\r', '\n']) {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(read_all(format!("a GETQUOTA \"{quoted}\"\r\n").as_bytes(), 9, &Limits::default(), false), read);
        }
    }
}

/// RFC 7888 §4, RFC 9051 §6.3.12: when all conversations together hold as much as they may, a message is refused before it is taken, or read over.
#[test]
fn rfc_7888_no_room_for_a_message() {
    let limits = Limits { memory: Memory::new(60), ..small() };
    let ten = "0123456789";
    let reads = |input: &mut Input, wire: &str| {
        input.push(wire.as_bytes());
        std::iter::from_fn(|| input.next()).collect::<Vec<_>>()
    };
    let signed_in = || {
        let mut input = Input::new(limits.clone());
        input.allow_messages(true);
        input
    };
    let (mut one, mut other) = (signed_in(), signed_in());
    // Announced is not held: only what has come.
    assert_eq!(reads(&mut one, "a APPEND x {40}\r\n"), [Read::Continue]);
    assert_eq!(limits.memory.held(), 0);
    assert!(reads(&mut one, &ten.repeat(4)).is_empty());
    assert_eq!(limits.memory.held(), 40);
    let no_room = |tag: &str| Read::NoRoom { tag: Some(tag.to_owned()) };
    assert_eq!(reads(&mut other, "b APPEND x {21}\r\n"), [no_room("b")]);
    // Who does not wait is read over, the messages that follow too, and the next command is read.
    let many = format!("c APPEND x {{30+}}\r\n{} {{40+}}\r\n{}\r\nd NOOP\r\n", ten.repeat(3), ten.repeat(4));
    let read = reads(&mut other, &many);
    assert!(
        matches!(&read[..], [lost, Read::Command(noop)] if *lost == no_room("c") && noop.tag == "d"),
        "{read:?}"
    );
    // What fitted when it was announced, and does not any more.
    assert_eq!(reads(&mut other, "e APPEND x {20}\r\n"), [Read::Continue]);
    let mut third = signed_in();
    assert_eq!(reads(&mut third, &format!("f APPEND x {{20}}\r\n{ten}")), [Read::Continue]);
    assert_eq!(reads(&mut other, &format!("{}\r\n", ten.repeat(2))), [no_room("e")]);
    assert_eq!(limits.memory.held(), 50);
    // The command has it until it is let go.
    assert!(matches!(&reads(&mut one, "\r\n")[..], [Read::Command(_)]));
    let held = one.take_held();
    assert_eq!(limits.memory.held(), 50);
    drop(held);
    third.forget();
    assert_eq!(limits.memory.held(), 0);
}
