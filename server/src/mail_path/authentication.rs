//! Where a letter really comes from (RFC 8601), and what follows when its From is not true (RFC 7489 §6.3).
//!
//! Nobody but us says what we found: fields with our name are cut whatever the door. DNS that does not answer refuses no mail: an outage
//! there would stop everybody's; it is said as `temperror`, and the message lies where it would have lain.

use std::sync::Arc;

use mail::authentication::{Authentication, DmarcPolicy, Verdict};
use mail::letter::{Door, JUNK};
use mail::{Findings, Letter, Refused};

use super::{Looked, Stage};
use crate::authentic::{Path, Verifier, results};
use crate::house::House;

/// The stage.
pub(super) struct Authenticity {
    house: Arc<House>,
    verifier: Verifier,
}

impl Authenticity {
    pub(super) fn new(house: &Arc<House>) -> anyhow::Result<Self> {
        Ok(Self { house: house.clone(), verifier: Verifier::if_there_is_dns(&house.config)? })
    }

    async fn judge(&self, letter: &Letter<'_>, findings: &mut Findings) -> Result<(), Refused> {
        for range in results::forged(letter.message, self.house.host.as_str()) {
            findings.cut(range);
        }
        let config = &self.house.config.mail;
        match letter.door {
            Door::Mx => {}
            Door::Lmtp if config.lmtp_is_border => {}
            _ => return Ok(()),
        }
        // A program on this machine is not where the message comes from, and nobody knows its names; asking would only take time.
        let is_near = letter.peer.as_ref().is_some_and(|peer| peer.ip.to_canonical().is_loopback());
        if is_near && !config.authenticate_loopback {
            findings.put_field(&results::none(self.house.host.as_str()));
            findings.step("auth", "none");
            findings.auth = Some(Authentication::default());
            return Ok(());
        }
        let (auth, sealer) = self.found(letter).await;
        self.say(letter, &auth, findings);
        let is_vouched_for = sealer
            .is_some_and(|sealer| config.arc_sealers.iter().any(|one| one.eq_ignore_ascii_case(&sealer)));
        let consequence = consequence(&config.dmarc, &auth, is_vouched_for);
        findings.auth = Some(auth);
        match consequence {
            Consequence::Nothing => Ok(()),
            Consequence::Junk => {
                findings.keywords.push(JUNK.to_owned());
                Ok(())
            }
            Consequence::Refuse => Err(refusal()),
        }
    }

    /// The results, and who put a good chain's last seal.
    async fn found(&self, letter: &Letter<'_>) -> (Authentication, Option<String>) {
        let from = letter.reverse_path.map(ToString::to_string).unwrap_or_default();
        let path = letter.peer.as_ref().map(|peer| Path {
            ip: peer.ip,
            iprev: peer.iprev,
            helo: peer.name.as_deref().unwrap_or_default(),
            from: &from,
            at: letter.received_at,
        });
        self.verifier.everything(path.as_ref(), letter.message).await
    }

    fn say(&self, letter: &Letter<'_>, auth: &Authentication, findings: &mut Findings) {
        let from = letter.facts.from.first().and_then(|from| from.email.rsplit_once('@'));
        let peer = letter.peer.as_ref();
        let facts = results::Facts {
            host: self.house.host.as_str(),
            ip: peer.map(|peer| peer.ip),
            helo: peer.and_then(|peer| peer.name.as_deref()).unwrap_or_default(),
            from: from.map(|(_, domain)| domain).unwrap_or_default(),
        };
        findings.put_field(&results::field(&facts, auth));
        let dkim = auth.dkim.iter().map(|one| one.verdict).find(|verdict| *verdict == Verdict::Pass);
        let dkim = dkim.or(auth.dkim.first().map(|one| one.verdict)).unwrap_or_default();
        let words = [("spf", auth.spf), ("dkim", dkim), ("dmarc", auth.dmarc), ("arc", auth.arc)];
        let words = words.map(|(method, verdict)| format!("{method}={}", verdict.as_str()));
        findings.step("auth", words.join(" "));
    }
}

impl Stage for Authenticity {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(self.judge(letter, findings))
    }
}

/// What follows.
#[derive(Debug, PartialEq, Eq)]
enum Consequence {
    Nothing,
    Junk,
    Refuse,
}

/// A list or a relay breaks signatures; when somebody we trust sealed what it was before, its word counts (RFC 8617 §7.2).
fn consequence(mode: &str, auth: &Authentication, is_vouched_for: bool) -> Consequence {
    if auth.dmarc != Verdict::Fail || is_vouched_for {
        return Consequence::Nothing;
    }
    match (mode, auth.dmarc_policy) {
        ("enforce", DmarcPolicy::Reject) => Consequence::Refuse,
        ("enforce" | "mark", DmarcPolicy::Reject | DmarcPolicy::Quarantine) => Consequence::Junk,
        _ => Consequence::Nothing,
    }
}

fn refusal() -> Refused {
    Refused {
        code: 550,
        status: (5, 7, 1),
        name: "dmarc_reject",
        vi: "Thư không chứng minh được là của tên miền ghi ở người gửi, và tên miền đó yêu cầu từ chối (DMARC)".to_owned(),
        en: "Not proven to be from the domain in From, which asks for refusal (DMARC)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_7489_6_3_what_follows() {
        use Consequence::{Junk, Nothing, Refuse};
        use DmarcPolicy::{None, Quarantine, Reject};
        let rows = [
            ("off",     Verdict::Fail,      Reject,     false, Nothing),
            ("mark",    Verdict::Fail,      None,       false, Nothing),
            ("mark",    Verdict::Fail,      Quarantine, false, Junk),
            ("mark",    Verdict::Fail,      Reject,     false, Junk),
            ("enforce", Verdict::Fail,      Quarantine, false, Junk),
            ("enforce", Verdict::Fail,      Reject,     false, Refuse),
            ("enforce", Verdict::Fail,      Reject,     true,  Nothing),
            ("enforce", Verdict::TempError, Reject,     false, Nothing),
            ("enforce", Verdict::Pass,      Reject,     false, Nothing),
            ("enforce", Verdict::None,      None,       false, Nothing),
        ];
        for (mode, dmarc, dmarc_policy, is_vouched_for, expected) in rows {
            let auth = Authentication { dmarc, dmarc_policy, ..Authentication::default() };
            assert_eq!(consequence(mode, &auth, is_vouched_for), expected, "{mode} {dmarc:?} {dmarc_policy:?}");
        }
    }
}
