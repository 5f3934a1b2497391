//! Who comes to the mail doors through somebody else, by a socket of this machine, or with a certificate.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// Front ends that end connections before the mail doors and say for whom they stand (XCLIENT, as Postfix, nginx and Dovecot speak it).
    Front {
        /// Addresses or networks of front ends ("10.1.2.0/24"). The client that one names is the one that is judged and counted. Name nobody
        /// else: whoever is named here can say to be anybody.
        xclient_from: Vec<String> = Vec::new(),
        /// Whether a front end may also say who has signed in there (LOGIN); nobody asks for a password then.
        xclient_login: bool = false,
    }
}

section! {
    /// LMTP by a socket of this machine, beside listen.lmtp: mail from a front mail server that runs here.
    Lmtp {
        /// Path of the socket ("/run/congvan/lmtp.sock"). Relative to the data directory. Empty: there is none.
        socket: PathBuf = PathBuf::new(),
        /// Who may write to it, as chmod says it. Whoever may can bring mail from anybody.
        socket_mode: String = "660".to_owned(),
    }
}

section! {
    /// Signing in with a certificate (EXTERNAL, RFC 4422) on the submission and IMAP doors. The account is that of an address in the
    /// certificate. Read at start.
    External {
        /// File of certificates (PEM) of the authorities whose certificates let people in: they decide who is who. Relative to the data
        /// directory. Empty: nobody signs in so.
        authorities: PathBuf = PathBuf::new(),
        /// File of their revocation lists (PEM); then every certificate has to be under one. Relative to the data directory. Empty: none is
        /// looked at.
        revocations: PathBuf = PathBuf::new(),
    }
}

impl Lmtp {
    /// The permissions of the socket.
    ///
    /// # Errors
    /// The word is none that chmod knows.
    pub(crate) fn mode(&self) -> anyhow::Result<u32> {
        let mode = u32::from_str_radix(&self.socket_mode, 8).ok().filter(|mode| *mode <= 0o777);
        mode.ok_or_else(|| anyhow::anyhow!("lmtp.socket_mode: 660 (quyền truy cập không hợp lệ)"))
    }
}
