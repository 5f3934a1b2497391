//! What this server can (RFC 9051 §7.2.2), ID (RFC 2971) and ENABLE (RFC 5161).

use super::Session;
use crate::codec::response::{Code, Condition};

/// What every state has.
const ALWAYS: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ ID SASL-IR ENABLE";

/// What there is to have once somebody signed in. Only what works stands here.
const SIGNED_IN: &str = "UNSELECT IDLE NAMESPACE CHILDREN UIDPLUS MOVE ESEARCH SEARCHRES SPECIAL-USE CREATE-SPECIAL-USE \
    LIST-EXTENDED LIST-STATUS STATUS=SIZE CONDSTORE QRESYNC OBJECTID SAVEDATE PREVIEW WITHIN SORT ESORT \
    THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY MULTIAPPEND UTF8=ACCEPT PARTIAL UNAUTHENTICATE NOTIFY COMPRESS=DEFLATE QUOTA QUOTA=RES-STORAGE";

impl Session {
    /// The capabilities now.
    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut all: Vec<String> = ALWAYS.split(' ').map(str::to_owned).collect();
        if self.account.is_some() {
            all.extend(SIGNED_IN.split_whitespace().map(str::to_owned));
            all.push(format!("APPENDLIMIT={}", self.limits.input.append_bytes_max));
        } else if self.facts.is_encrypted {
            all.extend(self.facts.offered().map(|mechanism| format!("AUTH={mechanism}")));
        } else {
            all.push("LOGINDISABLED".to_owned());
            all.extend(self.facts.starttls.then(|| "STARTTLS".to_owned()));
        }
        all
    }

    pub(super) fn capability(&mut self, tag: String) {
        let all = self.capabilities();
        self.out.capability(&all.iter().map(String::as_str).collect::<Vec<_>>());
        self.finish(tag, "CAPABILITY completed");
    }

    /// ENABLE: what is known is enabled and named; what is not is passed over (RFC 5161 §3.1).
    pub(super) fn enable(&mut self, tag: String, names: &[String]) {
        let mut enabled = Vec::new();
        for name in names {
            let is_new = match name.as_str() {
                "CONDSTORE" => !std::mem::replace(&mut self.enabled.condstore, true),
                "QRESYNC" => {
                    // RFC 7162 §3.2.3: QRESYNC brings CONDSTORE along.
                    self.enabled.condstore = true;
                    !std::mem::replace(&mut self.enabled.qresync, true)
                }
                "UTF8=ACCEPT" => !std::mem::replace(&mut self.enabled.utf8, true),
                "IMAP4REV2" => !std::mem::replace(&mut self.enabled.rev2, true),
                _ => false,
            };
            if is_new {
                enabled.push(if name == "IMAP4REV2" { "IMAP4rev2" } else { name.as_str() });
            }
        }
        let utf8 = self.enabled.utf8 || self.enabled.rev2;
        self.input.set_utf8(utf8);
        self.out.set_utf8(utf8);
        self.out.enabled(&enabled);
        self.finish(tag, "ENABLE completed");
    }

    /// CONDSTORE by use (RFC 7162 §3.1): the client is told where the selected mailbox stands.
    pub(super) fn enable_condstore(&mut self) {
        if std::mem::replace(&mut self.enabled.condstore, true) {
            return;
        }
        if let Some(view) = &self.view {
            let code = Code::HighestModseq(view.modseq.0.unsigned_abs());
            self.out.untagged(Condition::Ok, Some(code), "CONDSTORE is on");
        }
    }
}
