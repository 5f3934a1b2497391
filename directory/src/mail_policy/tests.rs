//! The rules held against letters.

use super::*;

fn rules(changes: Changes<'_>) -> Rules {
    let mut book = Book::default();
    let now = mail::Timestamp::from_secs(1_795_309_200);
    for (word, parameters) in changes {
        book.put(crate::HOUSE, Rule::read(*word, parameters).unwrap(), now, None);
    }
    book.rules_for(Standing::default(), now)
}

fn ours() -> Facts {
    Facts { is_ours: true, size: 1000, ..Facts::default() }
}

/// Rules beside the usual ones.
type Changes<'a> = &'a [(Word, &'a str)];
/// Rules, a letter, and what is said to it.
type Row<'a> = (Changes<'a>, Facts, Option<Reason>, &'a [Reason], &'a str);

#[test]
#[rustfmt::skip]
fn m7_m8_m12_m32_table() {
    use Reason::*;
    let free = Facts { free_mail: 1, ..ours() };
    let citizen = Facts { purpose: Some(Purpose::Citizen), ..free.clone() };
    let warn: Changes<'_> = &[(Word::OfficialMailOnly, r#"{"mode":"warn"}"#)];
    let off: Changes<'_> = &[(Word::OfficialMailOnly, r#"{"mode":"off"}"#)];
    let exchange: Changes<'_> = &[(Word::DocumentsByMail, r#"{"mode":"enforce"}"#)];
    let small: Changes<'_> = &[(Word::MessageSize, r#"{"bytes_max":999}"#)];
    let rows: &[Row<'_>] = &[
        (&[], ours(), None, &[], "accepted"),
        (&[], Facts { other: 3, government: 1, own: 1, ..ours() }, None, &[], "accepted"),
        (&[], free.clone(), Some(PurposeMissing), &[], "refused.purpose_missing"),
        (&[], citizen.clone(), None, &[], "free_mail.citizen"),
        (&[], Facts { documents: 1, ..citizen.clone() }, Some(DocumentToFreeMail), &[], "refused.document_to_free_mail"),
        (&[], Facts { label: Some(Label::Internal), ..citizen.clone() }, Some(LabelToFreeMail), &[], "refused.label_to_free_mail"),
        (&[], Facts { documents: 1, ..free.clone() }, Some(DocumentToFreeMail), &[], "refused.document_to_free_mail"),
        (warn, free.clone(), None, &[PurposeMissing], "noted.purpose_missing"),
        (off, free.clone(), None, &[], "free_mail.unasked"),
        (off, Facts { documents: 1, ..free.clone() }, None, &[], "free_mail.unasked"),
        // From outside: not our people's rule.
        (&[], Facts { is_ours: false, ..free.clone() }, None, &[], "free_mail.unasked"),
        // M8.
        (&[], Facts { is_forwarded: true, own: 1, government: 1, ..ours() }, None, &[], "accepted"),
        (&[], Facts { is_forwarded: true, other: 1, ..ours() }, Some(ForwardingOutside), &[], "refused.forwarding_outside"),
        (&[], Facts { is_forwarded: true, ..citizen }, Some(ForwardingOutside), &[], "refused.forwarding_outside"),
        (&[], Facts { is_forwarded: true, other: 1, forwarding_allowed: 1, ..ours() }, None, &[], "accepted"),
        (&[], Facts { is_forwarded: true, other: 2, forwarding_allowed: 1, ..ours() }, Some(ForwardingOutside), &[], "refused.forwarding_outside"),
        // M12.
        (&[], Facts { documents: 1, house: 1, ..ours() }, None, &[], "accepted"),
        (exchange, Facts { documents: 1, house: 1, ..ours() }, Some(DocumentByMail), &[], "refused.document_by_mail"),
        (exchange, Facts { documents: 1, government: 1, ..ours() }, Some(DocumentByMail), &[], "refused.document_by_mail"),
        (exchange, Facts { documents: 1, own: 1, ..ours() }, None, &[], "accepted"),
        (exchange, Facts { house: 1, ..ours() }, None, &[], "accepted"),
        // M32.
        (small, ours(), Some(TooLarge { bytes_max: 999 }), &[], "refused.message_too_large"),
        (small, Facts { size: 999, ..ours() }, None, &[], "accepted"),
        (small, Facts { is_ours: false, ..ours() }, Some(TooLarge { bytes_max: 999 }), &[], "refused.message_too_large"),
    ];
    for (number, (changes, facts, refusal, remarks, outcome)) in rows.iter().enumerate() {
        let verdict = judge(facts, &rules(changes));
        assert_eq!((verdict.refusal, verdict.remarks.as_slice()), (*refusal, *remarks), "row {number}");
        assert_eq!(verdict.outcome(facts), *outcome, "row {number}");
    }
}

#[test]
fn m9_m10_a_namesake_is_flagged_refused_or_left_alone() {
    let facts = Facts { is_namesake: true, ..Facts::default() };
    for (action, refused, remarked) in [("flag", false, true), ("refuse", true, false), ("off", false, false)]
    {
        let verdict =
            judge(&facts, &rules(&[(Word::UnofficialSender, &format!(r#"{{"action":"{action}"}}"#))]));
        assert_eq!((verdict.refusal.is_some(), verdict.remarks.len() == 1), (refused, remarked), "{action}");
    }
}

#[test]
fn m8_nothing_is_forwarded_outside_by_itself() {
    let domain = |name: &str| name.parse::<Domain>().unwrap();
    let allowing = rules(&[(Word::OutsideForwarding, r#"{"allow":["doi-tac.vn"]}"#)]);
    for (name, class, may, may_then) in [
        ("a.gov.vn", Class::Own, true, true),
        ("b.gov.vn", Class::House, true, true),
        ("bo.gov.vn", Class::Government, true, true),
        ("doi-tac.vn", Class::Other, false, true),
        ("x.doi-tac.vn", Class::Other, false, false),
        ("gmail.com", Class::FreeMail, false, false),
    ] {
        assert_eq!(may_forward(&domain(name), class, &rules(&[])).is_ok(), may, "{name}");
        assert_eq!(may_forward(&domain(name), class, &allowing).is_ok(), may_then, "{name}");
    }
    let excepted = Rules { outside_forwarding: None, ..rules(&[]) };
    assert!(may_forward(&domain("gmail.com"), Class::FreeMail, &excepted).is_ok());
}

#[test]
fn m7_where_a_recipient_is() {
    for (name, is_free, class) in [
        ("gmail.com", true, Class::FreeMail),
        ("bo.gov.vn", false, Class::Government),
        ("gov.vn", false, Class::Government),
        ("notgov.vn", false, Class::Other),
        ("gov.vn.evil.test", false, Class::Other),
    ] {
        assert_eq!(Class::outside(&name.parse().unwrap(), is_free), class, "{name}");
    }
}

#[test]
fn facts_are_kept_short_and_read_back() {
    let facts = Facts { free_mail: 2, purpose: Some(Purpose::ForeignPartner), ..ours() };
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(text, r#"{"is_ours":true,"size":1000,"free_mail":2,"purpose":"foreign_partner"}"#);
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    // A newer program's facts are read for what is known of them.
    assert_eq!(
        serde_json::from_str::<Facts>(r#"{"is_ours":true,"new":1}"#).unwrap(),
        Facts { size: 0, ..ours() }
    );
}

#[test]
fn m37_every_reason_is_told_in_both_languages() {
    let reasons = Reason::ALL;
    let codes: std::collections::HashSet<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), reasons.len());
    for reason in reasons {
        let said = reason.said();
        assert!(!said.vi.is_ascii() && said.en.is_ascii(), "{said:?}");
        // A line of an SMTP reply has 512 octets (RFC 5321 §4.5.3.1.5).
        assert!(said.vi.len() < 400 && said.en.len() < 400, "{said:?}");
    }
}
