//! Against RFC 8617's rules one by one, and against dkimpy (python3-dkim), which is nobody's relative of ours.

use mail::authentication::Verdict;
use store::DkimAlgorithm;

use super::super::Verifier;
use super::super::sign::Signer;
use super::super::tests::{LETTER, keys, python, verifier, zone};
use super::*;

/// What a host writes when it has looked at a message with this chain.
fn looked(host: &str, arc: &str, message: &str) -> String {
    let helo = "\"x;arc=pass;y\"";
    format!("Authentication-Results: {host};\r\n\tspf=pass smtp.helo={helo};\r\n\tarc={arc}\r\n{message}")
}

/// The message with a set of `a.vn` before it, if there is one to put.
fn sealed(
    message: &str,
    host: &str,
    key: &(DkimAlgorithm, &'static str, certs::keys::Key, String),
) -> String {
    let (algorithm, selector, key, _) = key;
    let signer = Signer { domain: "a.vn", selector, algorithm: *algorithm, key };
    let set = seal(message.as_bytes(), host, &signer, 1_795_000_000).unwrap().unwrap_or_default();
    set + message
}

async fn arc(verifier: &Verifier, message: &str) -> Verdict {
    verifier.arc(message.as_bytes()).await
}

/// dkimpy's word on a chain, with the key of `a.vn`.
fn dkimpy(message: &str, selector: &str, record: &str) -> String {
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        records = {sys.argv[1]: sys.argv[2].encode()}\n\
        find = lambda name, timeout=5: records.get(name.decode().rstrip('.'))\n\
        print(dkim.arc_verify(message, dnsfunc=find)[0].decode())";
    let name = format!("{selector}._domainkey.a.vn");
    String::from_utf8(python(script, &[&name, record], message.as_bytes())).unwrap().trim().to_owned()
}

#[tokio::test]
async fn rfc_8617_5_1_what_we_seal_verifies_here_and_at_dkimpy() {
    let keys = keys();
    let rows: Vec<_> =
        keys.iter().map(|(_, selector, _, record)| (format!("{selector}._domainkey.a.vn"), record)).collect();
    let rows: Vec<(&str, [&str; 1])> =
        rows.iter().map(|(name, record)| (name.as_str(), [record.as_str()])).collect();
    let rows: Vec<(&str, &[&str])> = rows.iter().map(|(name, values)| (*name, &values[..])).collect();
    let verifier = verifier(zone(&rows)).await;
    for key in &keys {
        let (is_rsa, selector, record) = (key.0 == DkimAlgorithm::Rsa, key.1, key.3.as_str());
        let first = sealed(&looked("one.vn", "none", LETTER), "one.vn", key);
        assert!(first.starts_with("ARC-Seal: i=1;") && first.contains("cv=none;"), "{first}");
        assert!(first.contains("ARC-Authentication-Results: i=1;\r\n\tone.vn;\r\n\tspf=pass"), "{first}");
        assert_eq!(arc(&verifier, &first).await, Verdict::Pass);
        // A list: its own fields, another subject, a footer. The first signature is broken, and the chain tells who says so.
        let changed = format!("List-Id: <x.list.a.vn>\r\n{first}").replace("Subject: =", "Subject: [x] =")
            + "-- \r\nx\r\n";
        assert_eq!(arc(&verifier, &changed).await, Verdict::Fail);
        let second = sealed(&looked("two.vn", "pass", &changed), "two.vn", key);
        assert!(second.starts_with("ARC-Seal: i=2;") && second.contains("cv=pass;"), "{second}");
        assert_eq!(arc(&verifier, &second).await, Verdict::Pass);
        let third = sealed(&looked("three.vn", "pass", &second), "three.vn", key);
        assert_eq!(arc(&verifier, &third).await, Verdict::Pass);
        if is_rsa {
            // dkimpy 1.1 knows RSA only in chains.
            for chain in [&first, &second, &third] {
                assert_eq!(dkimpy(chain, selector, record), "pass", "{chain}");
            }
        }
        // RFC 8617 §5.1: who finds it broken says so once, over its own set alone, and nobody adds to it.
        let broken = looked("four.vn", "fail", &(third.clone() + "more\r\n"));
        let failed = sealed(&broken, "four.vn", key);
        assert!(failed.starts_with("ARC-Seal: i=4;") && failed.contains("cv=fail;"), "{failed}");
        assert_eq!((arc(&verifier, &failed).await, form(failed.as_bytes())), (Verdict::Fail, Form::Ended));
        let again = looked("five.vn", "fail", &failed);
        assert_eq!(sealed(&again, "five.vn", key), again);
    }
}

#[tokio::test]
async fn rfc_8617_what_dkimpy_seals_verifies_here_and_is_sealed_further() {
    let keys = keys();
    let (_, selector, key, record) = &keys[0];
    let verifier = verifier(zone(&[("r1._domainkey.a.vn", &[record])])).await;
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        fields = [b'from', b'to', b'subject', b'date']\n\
        set = dkim.arc_sign(message, b'r1', b'a.vn', sys.argv[1].encode(), b'lists.vn', include_headers=fields)\n\
        sys.stdout.buffer.write(b''.join(set) + message)";
    let pem = key.to_pem().unwrap();
    let message = looked("lists.vn", "none", LETTER);
    let theirs = python(script, &[std::str::from_utf8(&pem).unwrap()], message.as_bytes());
    let theirs = String::from_utf8(theirs).unwrap();
    assert!(theirs.contains("i=1"), "{theirs}");
    assert_eq!(arc(&verifier, &theirs).await, Verdict::Pass, "{theirs}");
    let both = sealed(&looked("two.vn", "pass", &theirs), "two.vn", &keys[0]);
    assert_eq!(arc(&verifier, &both).await, Verdict::Pass, "{both}");
    assert_eq!(dkimpy(&both, selector, record), "pass", "{both}");
}

#[tokio::test]
async fn rfc_8617_5_2_every_change_to_a_chain_is_seen() {
    let keys = keys();
    let verifier =
        verifier(zone(&[("r1._domainkey.a.vn", &[&keys[0].3]), ("mute._domainkey.a.vn", &[])])).await;
    let first = sealed(&looked("one.vn", "none", LETTER), "one.vn", &keys[0]);
    let chain = sealed(&looked("two.vn", "pass", &first), "two.vn", &keys[0]);
    assert_eq!(arc(&verifier, &chain).await, Verdict::Pass);
    let rows: &[(&str, &str, &str)] = &[
        ("the body", "Kính", "Kinh"),
        ("a signed field", "To: b@b.vn", "To: c@b.vn"),
        ("a second From, which was signed as absent", "To: b@b.vn", "From: x@c.vn\r\nTo: b@b.vn"),
        ("what the first host found", "i=1;\r\n\tone.vn;\r\n\tspf=pass", "i=1;\r\n\tone.vn;\r\n\tspf=fail"),
        ("what the second host found", "i=2;\r\n\ttwo.vn;\r\n\tspf=pass", "i=2;\r\n\ttwo.vn;\r\n\tspf=fail"),
        ("who sealed", "cv=none;\r\n\td=a.vn", "cv=none;\r\n\td=b.vn"),
        ("a verdict", "cv=pass", "cv=none"),
        ("an instance", "ARC-Seal: i=2", "ARC-Seal: i=3"),
        ("the selector", "s=r1", "s=r9"),
        ("a field is taken out", "ARC-Authentication-Results: i=1;", "X-Results: i=1;"),
    ];
    for (what, from, to) in rows {
        let changed = chain.replacen(from, to, 1);
        assert_ne!(changed, chain, "{what}");
        assert_eq!(arc(&verifier, &changed).await, Verdict::Fail, "{what}");
    }
    // Where nobody could be asked for a key, nothing is said of the chain.
    let mute = chain.replacen("s=r1", "s=mute", 1);
    assert_eq!(arc(&verifier, &mute).await, Verdict::TempError);
    assert_eq!(arc(&verifier, LETTER).await, Verdict::None);
}

/// One set of fields that are whole in form, with a tag changed.
fn set(number: u32, cv: &str, change: (&str, &str)) -> String {
    let set = format!(
        "ARC-Seal: i={number}; a=rsa-sha256; t=1; cv={cv}; d=a.vn; s=s; b=AAAA\r\n\
         ARC-Message-Signature: i={number}; a=rsa-sha256; c=relaxed/relaxed; d=a.vn; s=s; t=1; h=From:To; bh=AAAA; b=AAAA\r\n\
         ARC-Authentication-Results: i={number}; a.vn; spf=pass\r\n"
    );
    let changed = set.replacen(change.0, change.1, 1);
    assert!(change.0 == change.1 || changed != set, "{change:?}");
    changed
}

#[test]
#[rustfmt::skip]
fn rfc_8617_4_and_5_2_the_form_of_a_set() {
    let rows: &[(&str, &str, Form)] = &[
        ("", "", Form::Whole(1)),
        ("b=AAAA\r\nARC-M", "b=AAAA;\r\nARC-M", Form::Whole(1)),           // a `;` at the end (RFC 6376 §3.2)
        ("; d=a.vn; s=s; b=AAAA\r\nARC-M", ";\r\n\td = a.vn;\r\n\ts=s; b=AA\r\n\tAA\r\nARC-M", Form::Whole(1)),
        ("t=1; cv", "x_new=y; t=1; cv", Form::Whole(1)),                   // tags of the future
        // §4.2.1: the instance.
        ("ARC-Seal: i=1", "ARC-Seal: i=0", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: i=51", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: i=+1", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: i=001", Form::Broken(1)),
        ("ARC-Seal: i=1; ", "ARC-Seal: ", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: i=1; i=1", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: I=1", Form::Broken(1)),
        ("ARC-Seal: i=1", "ARC-Seal: i=2", Form::Broken(2)),
        ("Results: i=1; a.vn", "Results: a.vn; i=1", Form::Broken(1)),
        ("Results: i=1; a.vn; spf=pass", "Results: i=1", Form::Broken(1)),
        // §4.1.3: the seal.
        ("cv=none", "cv=None", Form::Whole(1)),
        ("cv=none", "cv=pass", Form::Broken(1)),
        ("cv=none", "cv=fail", Form::Ended),
        ("cv=none", "cv=maybe", Form::Broken(1)),
        (" cv=none;", "", Form::Broken(1)),
        ("cv=none", "cv=none; h=From", Form::Broken(1)),
        ("a=rsa-sha256; t", "a=rsa-sha1; t", Form::Broken(1)),
        (" a=rsa-sha256; t", " t", Form::Broken(1)),
        (" d=a.vn;", "", Form::Broken(1)),
        (" s=s;", "", Form::Broken(1)),
        ("b=AAAA", "b=", Form::Broken(1)),
        ("; t=1", ";; t=1", Form::Broken(1)),
        // §4.1.2: the message signature.
        ("a=rsa-sha256; c", "a=rsa-sha1; c", Form::Broken(1)),
        ("h=From:To", "h=To", Form::Broken(1)),
        ("h=From:To", "h=", Form::Broken(1)),
        ("h=From:To", "h=From:arc-seal", Form::Broken(1)),
        ("h=From:To", "h=From:ARC-Authentication-Results", Form::Broken(1)),
        ("h=From:To", "h=From:To; h=From", Form::Broken(1)),
        (" h=From:To;", "", Form::Broken(1)),
        (" bh=AAAA;", "", Form::Broken(1)),
        ("bh=AAAA", "bh=AAAA; l=3", Form::Broken(1)),
        ("c=relaxed/relaxed; d", "c=relaxed/relaxed; 1=2; d", Form::Broken(1)),
        ("c=relaxed/relaxed; d", "c=relaxed/relaxed; word; d", Form::Broken(1)),
    ];
    for (from, to, expected) in rows {
        let message = set(1, "none", (from, to)) + "From: a@a.vn\r\n\r\nx\r\n";
        assert_eq!(form(message.as_bytes()), *expected, "{from} -> {to}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_8617_5_2_the_form_of_a_chain() {
    let plain = |number, cv| set(number, cv, ("", ""));
    let rows = [
        (String::new(), Form::None),
        ("ARC-Nothing: i=1\r\n".to_owned(), Form::None),
        ("ARC-Seal: \r\n".to_owned(), Form::Broken(0)),
        // In whatever order they stand.
        ([plain(1, "none"), plain(2, "pass")].concat(), Form::Whole(2)),
        ([plain(2, "pass"), plain(1, "none")].concat(), Form::Whole(2)),
        ([plain(2, "pass"), plain(1, "none"), plain(2, "pass")].concat(), Form::Broken(2)),
        ([plain(3, "pass"), plain(1, "none")].concat(), Form::Broken(3)),
        (plain(2, "pass"), Form::Broken(2)),
        ([plain(2, "none"), plain(1, "none")].concat(), Form::Broken(2)),
        ([plain(2, "fail"), plain(1, "none")].concat(), Form::Ended),
        ([plain(3, "pass"), plain(2, "fail"), plain(1, "none")].concat(), Form::Broken(3)),
        (plain(1, "none") + "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.vn; s=s; b=AAAA\r\n", Form::Broken(1)),
        (plain(1, "none") + "ARC-Authentication-Results: i=2; b.vn; none\r\n", Form::Broken(2)),
        ((1..=50).map(|n| plain(n, if n == 1 { "none" } else { "pass" })).collect(), Form::Whole(50)),
    ];
    for (fields, expected) in rows {
        assert_eq!(form((fields.clone() + "From: a@a.vn\r\n\r\n").as_bytes()), expected, "{fields}");
    }
}

#[test]
fn rfc_8617_what_we_have_not_looked_at_or_is_full_is_not_sealed() {
    let keys = keys();
    let chain = |length: u32| -> String {
        (1..=length).map(|n| set(n, if n == 1 { "none" } else { "pass" }, ("", ""))).collect()
    };
    let rows = [
        ("nothing was looked at", LETTER.to_owned()),
        ("another house looked at it", looked("other.vn", "none", LETTER)),
        ("a loopback relay", format!("Authentication-Results: one.vn; none\r\n{LETTER}")),
        ("nobody could be asked", looked("one.vn", "temperror", &(chain(1) + LETTER))),
        ("we speak of another chain", looked("one.vn", "none", &(chain(1) + LETTER))),
        ("we speak of another chain", looked("one.vn", "pass", LETTER)),
        ("fifty sets", looked("one.vn", "pass", &(chain(50) + LETTER))),
    ];
    for (why, message) in rows {
        assert_eq!(sealed(&message, "one.vn", &keys[1]), message, "{why}");
    }
    let full = sealed(&looked("one.vn", "pass", &(chain(49) + LETTER)), "one.vn", &keys[1]);
    assert!(full.starts_with("ARC-Seal: i=50;"), "{full}");
}

#[test]
fn whatever_a_chain_is_made_of_it_has_a_form_and_nobody_falls_over_it() {
    let keys = keys();
    let chain = sealed(&looked("one.vn", "none", LETTER), "one.vn", &keys[1]);
    let signer =
        Signer { domain: "a.vn", selector: "e1", algorithm: DkimAlgorithm::Ed25519, key: &keys[1].2 };
    let head = chain.find("From: ").unwrap();
    for at in 0..head {
        for byte in [b';', b'=', b'\n', b' ', 0, 0xFF] {
            let mut bytes = looked("two.vn", "pass", &chain).into_bytes();
            let begin = bytes.len() - chain.len();
            bytes[begin + at] = byte;
            form(&bytes);
            form(&bytes[..begin + at]);
            // Making a signature takes its time.
            if byte == b';' && at % 16 == 0 {
                seal(&bytes, "two.vn", &signer, 0).unwrap();
            }
        }
    }
}
