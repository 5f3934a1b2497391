//! The end of APPEND (RFC 9051 §6.3.12, RFC 3502).

use mail::{Uid, UidSet, UidValidity};

use super::Session;
use super::sync::{ClosingCode, Looks};

impl Session {
    pub(super) fn appended(&mut self, tag: String, uid_validity: UidValidity, uids: &[Uid]) {
        let uids: UidSet = uids.iter().map(|uid| uid.0).collect();
        // RFC 9051 §6.3.12: a message for the selected mailbox is announced at once.
        let code = ClosingCode::AppendUid(uid_validity.0, uids);
        self.finish_with(tag, code, "APPEND completed", Looks::Always);
    }
}
