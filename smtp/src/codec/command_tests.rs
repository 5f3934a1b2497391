//! Rows for the command parser, and the second opinion.

use super::*;
use proptest::prelude::*;

/// A short text for what a line means, so that rows stay one line each.
fn told(line: &str) -> String {
    match Command::parse(line.as_bytes()) {
        Err(error) => format!("! {error}"),
        Ok(Command::Ehlo(name)) => format!("ehlo {name}"),
        Ok(Command::Helo(name)) => format!("helo {name}"),
        Ok(Command::Lhlo(name)) => format!("lhlo {name}"),
        Ok(Command::Mail(m)) => {
            let mut out = format!("mail {}", m.reverse_path);
            m.size.inspect(|n| out += &format!(" size {n}"));
            if m.body == Body::EightBit {
                out += " 8bit";
            }
            if m.body == Body::Binary {
                out += " binary";
            }
            if m.smtputf8 {
                out += " utf8";
            }
            m.ret.inspect(|r| out += &format!(" {r:?}"));
            if m.require_tls {
                out += " tls";
            }
            m.priority.inspect(|priority| out += &format!(" priority {priority}"));
            m.hold.inspect(|hold| out += &format!(" {hold:?}").to_lowercase());
            m.by.inspect(|by| {
                out += &format!(" by {} {}{}", by.seconds, by.then, if by.trace { "T" } else { "" })
            });
            m.envelope_id.inspect(|id| out += &format!(" id {:?}", id.as_str()));
            out
        }
        Ok(Command::Rcpt(r)) => {
            let mut out = format!("rcpt {}", r.path);
            r.notify.inspect(|n| out += &format!(" {n}"));
            r.original.inspect(|o| out += &format!(" first {} {}", o.kind(), o.text()));
            out
        }
        Ok(Command::Auth { mechanism, initial }) => {
            format!("auth {mechanism} {:?}", initial.map(|i| i.expose_secret().clone()))
        }
        Ok(other) => format!("{other:?}").to_lowercase(),
    }
}

#[test]
#[rustfmt::skip]
fn rfc_5321_section_4_1_1_commands() {
    let rows = [
        ("EHLO bar.com",                        "ehlo bar.com"),
        ("ehlo [192.0.2.1] ",                   "ehlo [192.0.2.1]"),
        ("HELO localhost",                      "helo localhost"),
        ("LHLO foo.edu",                        "lhlo foo.edu"),
        ("EHLO",                                "! syntax: EHLO domain"),
        ("EHLO a b",                            "! syntax: EHLO domain"),
        ("MAIL FROM:<Smith@bar.com>",           "mail <Smith@bar.com>"),
        ("mail from: <smith@bar.com>",          "mail <smith@bar.com>"),
        ("MAIL FROM:<>",                        "mail <>"),
        ("MAIL FROM:<@a.vn,@b.vn:c@d.vn>",      "mail <c@d.vn>"),
        ("MAIL FROM:<\"a>b\"@d.vn>",            "mail <\"a>b\"@d.vn>"),
        ("MAIL FROM:smith@bar.com",             "! syntax: MAIL FROM:<reverse-path> [parameters]"),
        ("MAIL FROM:<smith@bar.com",            "! syntax: MAIL FROM:<reverse-path> [parameters]"),
        ("MAIL FROM:<smith@bar.com>SIZE=1",     "! syntax: MAIL FROM:<reverse-path> [parameters]"),
        ("MAIL FROM:<smith>",                   "! bad sender address"),
        ("MAIL FROM:<smith@[192.0.2.1]>",       "! bad sender address"),
        ("RCPT TO:<Jones@foo.com>",             "rcpt <Jones@foo.com>"),
        ("RCPT TO:<postmaster>",                "rcpt <Postmaster>"),
        ("RCPT TO:<>",                          "! bad recipient address"),
        ("DATA",                                "data"),
        ("data ",                               "data"),
        ("DATA now",                            "! syntax: DATA"),
        ("RSET",                                "rset"),
        ("NOOP whatever",                       "noop"),
        ("QUIT",                                "quit"),
        ("VRFY Crispin",                        "vrfy"),
        ("HELP MAIL",                           "help"),
        ("EXPN list",                           "! EXPN is not implemented"),
        ("BDAT 86 LAST",                        "bdat(chunk { bytes: 86, is_last: true })"),
        ("bdat 0 last",                         "bdat(chunk { bytes: 0, is_last: true })"),
        ("BDAT 1000",                           "bdat(chunk { bytes: 1000, is_last: false })"),
        ("BDAT 99999999999999999999",           "bdat(chunk { bytes: 18446744073709551615, is_last: false })"),
        ("BDAT",                                "! a chunk of unknown size"),
        ("BDAT LAST",                           "! a chunk of unknown size"),
        ("BDAT -1",                             "! a chunk of unknown size"),
        ("BDAT +5",                             "! a chunk of unknown size"),
        ("BDAT 0x10",                           "! a chunk of unknown size"),
        ("BDAT  5",                             "! a chunk of unknown size"),
        ("BDAT 5 LAST LAST",                    "! a chunk of unknown size"),
        ("BDAT 5 FIRST",                        "! a chunk of unknown size"),
        ("STARTTLS",                            "starttls"),
        ("STARTTLS x",                          "! syntax: STARTTLS"),
        ("POST / HTTP/1.1",                     "! not SMTP"),
        ("",                                    "! unknown command"),
        (" NOOP",                               "! unknown command"),
        ("XYZZY",                               "! unknown command"),
        ("NOOP\u{b}",                           "! syntax: commands hold no control characters"),
    ];
    for (line, expected) in rows {
        assert_eq!(told(line), expected, "{line:?}");
    }
}

#[test]
#[rustfmt::skip]
fn parameters_of_rfc_1870_3461_4954_6152_6531() {
    let rows = [
        ("MAIL FROM:<a@b.vn> SIZE=500000",                     "mail <a@b.vn> size 500000"),
        ("MAIL FROM:<a@b.vn> SIZE=99999999999999999999",       "mail <a@b.vn> size 18446744073709551615"),
        ("MAIL FROM:<a@b.vn> SIZE=999999999999999999999",      "! bad value of SIZE"),
        ("MAIL FROM:<a@b.vn> SIZE=-1",                         "! bad value of SIZE"),
        ("MAIL FROM:<a@b.vn> SIZE=1 size=2",                   "! bad value of SIZE"),
        ("MAIL FROM:<a@b.vn> body=8bitmime",                   "mail <a@b.vn> 8bit"),
        ("MAIL FROM:<a@b.vn> BODY=BINARYMIME",                 "mail <a@b.vn> binary"),
        ("MAIL FROM:<a@b.vn> BODY=BINARY",                     "! bad value of BODY"),
        ("MAIL FROM:<nguyễn@b.vn> SMTPUTF8",                   "mail <nguyễn@b.vn> utf8"),
        ("MAIL FROM:<nguyễn@b.vn>",                            "! the address needs SMTPUTF8"),
        ("MAIL FROM:<a@b.vn> SMTPUTF8=1",                      "! bad value of SMTPUTF8"),
        ("MAIL FROM:<Alice@Example.ORG> RET=HDRS ENVID=QQ314159", "mail <Alice@example.org> Headers id \"QQ314159\""),
        ("MAIL FROM:<a@b.vn> ENVID=a+0Ab",                     "! bad value of ENVID"),
        ("MAIL FROM:<a@b.vn> RET=SOME",                        "! bad value of RET"),
        ("MAIL FROM:<e=mc2@example.com> AUTH=e+3Dmc2@example.com", "mail <e=mc2@example.com>"),
        ("MAIL FROM:<a@b.vn> AUTH=<>",                         "mail <a@b.vn>"),
        ("MAIL FROM:<a@b.vn> HOLDUP=60",                       "! unknown parameter"),
        ("RCPT TO:<Bob@Example.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Example.COM",
                                                               "rcpt <Bob@example.com> SUCCESS first rfc822 Bob@Example.COM"),
        ("RCPT TO:<a@b.vn> NOTIFY=delay,FAILURE",              "rcpt <a@b.vn> FAILURE,DELAY"),
        ("RCPT TO:<a@b.vn> NOTIFY=NEVER,SUCCESS",              "! bad value of NOTIFY"),
        ("RCPT TO:<a@b.vn> NOTIFY=",                           "! bad value of NOTIFY"),
        ("RCPT TO:<a@b.vn> ORCPT=rfc822;a+0D+0Ab",             "! bad value of ORCPT"),
        ("RCPT TO:<a@b.vn> ORCPT=rfc822",                      "! bad value of ORCPT"),
        ("AUTH PLAIN AGEAYg==",                                "auth PLAIN Some(\"AGEAYg==\")"),
        ("AUTH plain =",                                       "auth PLAIN Some(\"\")"),
        ("AUTH scram-sha-256-plus",                            "auth SCRAM-SHA-256-PLUS None"),
        ("AUTH PLA.IN",                                        "! syntax: AUTH mechanism [initial-response]"),
        ("AUTH A-NAME-OF-21-LETTERS-",                         "! syntax: AUTH mechanism [initial-response]"),
        ("AUTH",                                               "! syntax: AUTH mechanism [initial-response]"),
    ];
    for (line, expected) in rows {
        assert_eq!(told(line), expected, "{line:?}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_8689_and_6710_parameters() {
    let rows = [
        ("MAIL FROM:<a@b.vn> REQUIRETLS",                "mail <a@b.vn> tls"),
        ("MAIL FROM:<> requiretls mt-priority=4",        "mail <> tls priority 4"),
        ("MAIL FROM:<a@b.vn> MT-PRIORITY=-9 SIZE=1",     "mail <a@b.vn> size 1 priority -9"),
        ("MAIL FROM:<a@b.vn> REQUIRETLS=",               "! bad value of REQUIRETLS"),
        ("MAIL FROM:<a@b.vn> REQUIRETLS=YES",            "! bad value of REQUIRETLS"),
        ("MAIL FROM:<a@b.vn> REQUIRETLS REQUIRETLS",     "! bad value of REQUIRETLS"),
        ("MAIL FROM:<a@b.vn> MT-PRIORITY",               "! bad value of MT-PRIORITY"),
        ("MAIL FROM:<a@b.vn> MT-PRIORITY=10",            "! bad value of MT-PRIORITY"),
        ("MAIL FROM:<a@b.vn> MT-PRIORITY=-0",            "! bad value of MT-PRIORITY"),
        ("MAIL FROM:<a@b.vn> MT-PRIORITY=1 MT-PRIORITY=1", "! bad value of MT-PRIORITY"),
        ("RCPT TO:<a@b.vn> REQUIRETLS",                  "! unknown parameter"),
        ("RCPT TO:<a@b.vn> MT-PRIORITY=1",               "! unknown parameter"),
    ];
    for (line, expected) in rows {
        assert_eq!(told(line), expected, "{line:?}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_4865_section_4_parameters() {
    let noon = format!("mail <a@b.vn> until({:?})", Timestamp::parse_rfc3339("2026-12-01T12:00:00Z").unwrap()).to_lowercase();
    let wrong = "! bad value of HOLDFOR or HOLDUNTIL";
    let rows = [
        ("MAIL FROM:<a@b.vn> HOLDFOR=86400",                    "mail <a@b.vn> for(86400)"),
        ("MAIL FROM:<a@b.vn> holduntil=2026-12-01T12:00:00Z",   noon.as_str()),
        ("MAIL FROM:<a@b.vn> HOLDUNTIL=2026-12-01T19:00:00+07:00", noon.as_str()),
        ("MAIL FROM:<a@b.vn> HOLDFOR=0",                        wrong),
        ("MAIL FROM:<a@b.vn> HOLDFOR=-1",                       wrong),
        ("MAIL FROM:<a@b.vn> HOLDFOR=1000000000",               wrong),
        ("MAIL FROM:<a@b.vn> HOLDFOR",                          wrong),
        ("MAIL FROM:<a@b.vn> HOLDUNTIL=tomorrow",               wrong),
        ("MAIL FROM:<a@b.vn> HOLDFOR=1 HOLDUNTIL=2026-12-01T12:00:00Z", wrong),
        ("RCPT TO:<a@b.vn> HOLDFOR=1",                          "! unknown parameter"),
    ];
    for (line, expected) in rows {
        assert_eq!(told(line), expected, "{line:?}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_2852_section_4_parameters() {
    let wrong = "! bad value of BY";
    let rows = [
        ("MAIL FROM:<eljefe@bigbiz.com> BY=120;R",           "mail <eljefe@bigbiz.com> by 120 R"),
        ("MAIL FROM:<eljefe@bigbiz.com> BY=98;RT",           "mail <eljefe@bigbiz.com> by 98 RT"),
        ("MAIL FROM:<a@b.vn> by=+999999999;nt",              "mail <a@b.vn> by 999999999 NT"),
        ("MAIL FROM:<a@b.vn> BY=-30;N",                      "mail <a@b.vn> by -30 N"),
        ("MAIL FROM:<a@b.vn> BY=0;N",                        "mail <a@b.vn> by 0 N"),
        ("MAIL FROM:<a@b.vn> BY=0;R",                        wrong),
        ("MAIL FROM:<a@b.vn> BY=-1;R",                       wrong),
        ("MAIL FROM:<a@b.vn> BY=1000000000;R",               wrong),
        ("MAIL FROM:<a@b.vn> BY=120",                        wrong),
        ("MAIL FROM:<a@b.vn> BY=;R",                         wrong),
        ("MAIL FROM:<a@b.vn> BY=--1;N",                      wrong),
        ("MAIL FROM:<a@b.vn> BY=1;X",                        wrong),
        ("MAIL FROM:<a@b.vn> BY=1;TR",                       wrong),
        ("MAIL FROM:<a@b.vn> BY",                            wrong),
        ("MAIL FROM:<a@b.vn> BY=1;R BY=1;R",                 wrong),
        ("RCPT TO:<a@b.vn> BY=1;R",                          "! unknown parameter"),
    ];
    for (line, expected) in rows {
        assert_eq!(told(line), expected, "{line:?}");
    }
}

#[test]
fn a_password_in_a_command_does_not_print() {
    let command = Command::parse(b"AUTH PLAIN AGEAYg==").unwrap();
    assert!(!format!("{command:?}").contains("AGEAYg"));
}

/// What smtp-proto makes of the same line: command name, address, size.
fn second_opinion(line: &str) -> Option<(String, String, Option<u64>)> {
    let line = format!("{line}\r\n");
    let request = smtp_proto::Request::parse(&mut line.as_bytes().iter()).ok()?;
    let name = request.name().to_owned();
    match request {
        smtp_proto::Request::Mail { from } => Some((name, from.address.into_owned(), Some(from.size as u64))),
        smtp_proto::Request::Rcpt { to } => Some((name, to.address.into_owned(), None)),
        _ => Some((name, String::new(), None)),
    }
}

proptest! {
    #[test]
    fn whatever_is_accepted_another_parser_reads_alike(
        from in prop::bool::ANY,
        local in "[a-zA-Z0-9._+=-]{1,12}",
        host in "[a-z][a-z0-9]{0,5}",
        size in 0u64..1 << 50,
        tail in "( BODY=8BITMIME| SMTPUTF8| RET=FULL| NOTIFY=SUCCESS,DELAY| ENVID=[a-z]{1,4}){0,2}",
    ) {
        let line = match from {
            true => format!("MAIL FROM:<{local}@{host}.vn> SIZE={size}{tail}"),
            false => format!("RCPT TO:<{local}@{host}.vn>{tail}"),
        };
        let (name, address, their_size) = match Command::parse(line.as_bytes()) {
            Ok(Command::Mail(m)) => ("MAIL", m.reverse_path.mailbox().unwrap().to_string(), m.size),
            Ok(Command::Rcpt(r)) => ("RCPT", r.path.mailbox().unwrap().to_string(), None),
            _ => return Ok(()),
        };
        prop_assert_eq!(second_opinion(&line), Some((name.to_owned(), address, their_size)), "{}", line);
    }

    #[test]
    fn any_line_is_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Command::parse(&line);
    }

    #[test]
    fn any_path_is_read_or_refused(rest in "[<>\"\\\\@,:;=+ a-z.ế]{0,40}") {
        let _ = Command::parse(format!("MAIL FROM:{rest}").as_bytes());
        let _ = Command::parse(format!("RCPT TO:<{rest}").as_bytes());
    }
}
