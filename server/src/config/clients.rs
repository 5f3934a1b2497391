//! What mail programs are told about this house.

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// What mail programs are told when they ask how to be set up (autoconfig), and what "congvan domain records" proposes for them. The ports
    /// matter only where a front forwards others to the doors; 0 means the port of the door. A closed door is offered to nobody.
    Clients {
        /// Name of the machine that mail programs connect to; empty means the hostname. The certificate has to have it.
        host: String = String::new(),
        /// Port at which mail programs reach IMAP over TLS, usually 993.
        imaps: u16 = 0,
        /// Port at which they reach IMAP with STARTTLS, usually 143.
        imap: u16 = 0,
        /// Port at which they reach submission over TLS, usually 465.
        submissions: u16 = 0,
        /// Port at which they reach submission with STARTTLS, usually 587.
        submission: u16 = 0,
    }
}
