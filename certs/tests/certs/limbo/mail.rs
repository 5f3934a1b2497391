//! `smime::*`: mailboxes under the strict profile.

use super::*;

const BOX: &str = "user@example.com";

fn draft() -> Draft {
    named_leaf(cn("user"), &[email(BOX)]).extended_key_usage(&[oids::EMAIL_PROTECTION], false)
}

fn mail(leaf: Draft) -> Case {
    Case::leaf(leaf).mailbox(Purpose::Smime, BOX)
}

fn middle(usages: &[certs::der::Oid]) -> Case {
    let ca = authority("middle", 1, Some(0)).extended_key_usage(usages, false);
    Case::middle(ca, draft()).mailbox(Purpose::Smime, BOX)
}

#[test]
#[rustfmt::skip]
fn mailboxes() {
    let mailbox = oids::EMAIL_PROTECTION;
    let critical = |subject: Name| named_leaf(subject, &[email(BOX)]).extended_key_usage(&[mailbox], false).extension(oids::SUBJECT_ALT_NAME, true, certs::der::Writer::build(|w| w.sequence(|w| w.element(certs::der::Tag::context(1), false, BOX.as_bytes()))));
    run(vec![
        ("smime::san::exact-rfc822-san", mail(draft()), true),
        ("smime::san::no-san", mail(named_leaf(cn(BOX), &[]).without(oids::SUBJECT_ALT_NAME).extended_key_usage(&[mailbox], false)), false),
        ("smime::san::san-without-rfc822name", mail(draft().alt_names(&[dns(EXAMPLE)])), false),
        ("smime::san::san-critical-with-nonempty-subject", mail(critical(cn(BOX))), false),
        ("smime::san::san-critical-with-empty-subject", mail(critical(nameless())), true),
        ("smime::san::mismatch-rfc822-san", mail(draft().alt_names(&[email("other@example.com")])), false),
        ("smime::san::mismatch-domain-rfc822-san", mail(draft().alt_names(&[email("user@example.org")])), false),
        ("smime::san::multiple-rfc822-sans", mail(draft().alt_names(&[email("other@example.com"), email(BOX)])), true),
        ("smime::ku::signing-only-ec", mail(draft().key_usage(&[Usage::DigitalSignature])), true),
        ("smime::ku::signing-only-rsa-with-nonrepudiation", mail(draft().key_usage(&[Usage::DigitalSignature, Usage::NonRepudiation])), true),
        ("smime::ku::dual-use-rsa", mail(draft().key_usage(&[Usage::DigitalSignature, Usage::KeyEncipherment])), true),
        ("smime::ku::ee-key-cert-sign", mail(draft().key_usage(&[Usage::DigitalSignature, Usage::CertificateSign])), false),
        ("smime::ku::ee-missing-key-usage", mail(draft().without(oids::KEY_USAGE)), false),
        ("smime::ku::intermediate-missing-key-cert-sign", Case::middle(authority("middle", 1, None).key_usage(&[Usage::CrlSign]), draft()).mailbox(Purpose::Smime, BOX), false),
        ("smime::ku::intermediate-missing-crl-sign", Case::middle(authority("middle", 1, None).key_usage(&[Usage::CertificateSign]), draft()).mailbox(Purpose::Smime, BOX), false),
        ("smime::eku::ee-missing-email-protection", mail(draft().extended_key_usage(&[oids::CLIENT_AUTH], false)), false),
        ("smime::eku::ee-has-server-auth", mail(draft().extended_key_usage(&[mailbox, oids::SERVER_AUTH], false)), false),
        ("smime::eku::ee-has-code-signing", mail(draft().extended_key_usage(&[mailbox, oids::CODE_SIGNING], false)), false),
        ("smime::eku::ee-has-time-stamping", mail(draft().extended_key_usage(&[mailbox, oids::TIME_STAMPING], false)), false),
        ("smime::eku::ee-has-any-eku", mail(draft().extended_key_usage(&[mailbox, oids::ANY_EXTENDED_KEY_USAGE], false)), false),
        ("D24 as public-service certificates have it", mail(draft().extended_key_usage(&[oids::CLIENT_AUTH, mailbox, oids::SMARTCARD_LOGON], false)), true),
        ("smime::eku::root-has-eku", Case::plain(root_draft().extended_key_usage(&[mailbox], false), draft()).mailbox(Purpose::Smime, BOX), false),
        ("an authority for mail", middle(&[mailbox]), true),
        ("smime::eku::intermediate-missing-email-protection", middle(&[oids::SERVER_AUTH]), false),
        ("smime::eku::intermediate-has-server-auth", middle(&[mailbox, oids::SERVER_AUTH]), false),
        ("smime::eku::intermediate-has-any-eku", middle(&[mailbox, oids::ANY_EXTENDED_KEY_USAGE]), false),
        ("smime::eku::intermediate-has-code-signing", middle(&[mailbox, oids::CODE_SIGNING]), false),
        ("smime::eku::intermediate-has-time-stamping", middle(&[mailbox, oids::TIME_STAMPING]), false),
    ]);
}
