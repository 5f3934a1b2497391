//! Mail and mailboxes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// Mail.
    Mail {
        /// Largest message taken, bytes, encoded (RULES M32).
        message_bytes_max: usize = 25 * 1024 * 1024,
        /// Recipients of one message.
        recipients_max: usize = 1_000,
        /// Connections at once on all mail doors.
        connections_max: usize = 10_000,
        /// Connections at once from one address.
        connections_per_address_max: usize = 200,
        /// Relays of the house before the mail doors, addresses or networks ("10.1.2.0/24"): each of their connections begins with the
        /// PROXY protocol (HAProxy, version 1 or 2), and the client that it names is the one that is judged and counted. Name nobody
        /// else: whoever is named here can say to be anybody.
        proxy_from: Vec<String> = Vec::new(),
        /// Bytes a new mailbox may hold (RULES M31).
        quota_bytes: i64 = 5 * 1024 * 1024 * 1024,
        /// Deliveries to other servers at once.
        deliveries_max: usize = 50,
        /// Whether other servers' certificates must be good: "opportunistic" takes any TLS and plain text when there is none, "required"
        /// never sends without TLS.
        outbound_tls: String = "opportunistic".to_owned(),
        /// File of certificates (PEM) that the certificates of other mail servers, and of the places of their MTA-STS policies, have to
        /// lead to; empty means those that the machine trusts. Relative to the data directory.
        peer_anchors: PathBuf = PathBuf::new(),
        /// The mode of the MTA-STS policy that we publish for our own domains (RFC 8461): "none", "testing" or "enforce". Begin with
        /// "testing" and read the reports; "enforce" makes others keep their mail when our certificate is not in order.
        mta_sts_mode: String = "none".to_owned(),
        /// The hosts in that policy, as in the MX records of our domains; empty means the hostname.
        mta_sts_hosts: Vec<String> = Vec::new(),
        /// Days for which others keep that policy.
        mta_sts_days: u64 = 14,
        /// Address from which, and about which, other domains are told once a day how TLS on the way to them went, if they ask for it
        /// (RFC 8460). Empty: nobody is told.
        tls_report_address: String = String::new(),
        /// Hours after which a message that cannot be delivered is given back (RFC 5321 §4.5.4.1 advises 4 to 5 days).
        give_up_hours: u64 = 5 * 24,
        /// Days for which it can be told what happened to a message, see "congvan trace" (RULES A23: twelve months).
        trace_days: u64 = 365,
        /// Days after which somebody who writes again to a person who is away is answered again.
        vacation_days: u64 = 7,
        /// What follows when From is not true and its domain asks for more than nothing (DMARC, RFC 7489): "off" only says so in the
        /// header, "mark" puts the message where junk lies, "enforce" refuses as well when the domain asks for that.
        dmarc: String = "mark".to_owned(),
        /// Domains whose ARC seal on a message is believed when DMARC fails (RFC 8617): mailing lists and relays you know.
        arc_sealers: Vec<String> = Vec::new(),
        /// Whether LMTP brings mail from the outside that nobody has authenticated yet.
        lmtp_is_border: bool = false,
        /// Whether mail from programs on this machine is authenticated as well. Nothing is asked about it otherwise.
        authenticate_loopback: bool = false,
    }
}

section! {
    /// Mailboxes for classic mail programs (IMAP, RFC 9051). Closed while listen.imaps and listen.imap are empty.
    Imap {
        /// Connections at once on both doors. A mail program keeps three to five.
        connections_max: usize = 20_000,
        /// Connections at once from one address; an office behind one address has many people.
        connections_per_address_max: usize = 1_000,
        /// Largest message that a program may put into a mailbox, bytes (APPENDLIMIT, RFC 7889).
        append_bytes_max: usize = 50 * 1024 * 1024,
        /// Bytes of messages on their way into mailboxes that all programs together may have in memory. Whoever comes when it is full is told
        /// so at once (NO [LIMIT]) and tries again.
        append_memory_bytes_max: usize = 256 * 1024 * 1024,
        /// Codes of agencies whose people may not use these doors.
        closed_to: Vec<String> = Vec::new(),
    }
}

section! {
    /// Connections that stay open for hours: IDLE and NOTIFY of IMAP, event streams and WebSockets of JMAP.
    Sessions {
        /// Seconds after which such a connection is held against the account again: one that was locked or closed, has another password,
        /// whose token has run out or whose agency has closed the protocol ends by then. From 1 to 3600.
        look_again_seconds: u64 = 60,
    }
}

section! {
    /// The province's single sign-on, whose tokens open the mail doors (OAUTHBEARER, XOAUTH2).
    Oauth {
        /// The issuer ("iss" of its tokens, to the letter); empty means there is none.
        issuer: String = String::new(),
        /// What its tokens have to be for ("aud").
        audience: String = "congvan".to_owned(),
        /// Its keys (a JWK set): an https:// address, or a file.
        keys: String = String::new(),
        /// The claim that holds the address.
        claim: String = "email".to_owned(),
    }
}

section! {
    /// How much may be sent. 0 is no limit; "congvan sending-limit" gives one of its own to whoever needs it.
    Sending {
        /// Messages of one person in an hour.
        person_messages_per_hour: i64 = 200,
        /// Recipients of one person in a day.
        person_recipients_per_day: i64 = 2_000,
        /// Messages of one agency's or unit's box in an hour.
        box_messages_per_hour: i64 = 1_000,
        /// Recipients of one agency's or unit's box in a day.
        box_recipients_per_day: i64 = 20_000,
        /// Messages of everybody in one unit in an hour.
        unit_messages_per_hour: i64 = 5_000,
        /// Recipients of everybody in one unit in a day.
        unit_recipients_per_day: i64 = 50_000,
        /// Messages of everybody in one agency, whatever its domains, in an hour.
        agency_messages_per_hour: i64 = 20_000,
        /// Recipients of everybody in one agency in a day.
        agency_recipients_per_day: i64 = 200_000,
    }
}

section! {
    /// Who may act in the boxes of agencies ("congvan delegate").
    Delegation {
        /// The longest time, in days, for which a person is let in; then it is granted anew.
        days_max: u64 = 366,
    }
}

section! {
    /// Looking into mail: scanners, attachments, the quarantine.
    Scan {
        /// Where clamd listens: "unix:/run/clamav/clamd.ctl" or "HOST:PORT"; empty means that no mail is scanned for malware.
        clamd: String = String::new(),
        /// What becomes of malware from outside: "refuse", or "quarantine" (only an administrator may release it).
        malware_in: String = "refuse".to_owned(),
        /// The same for what our own people send.
        malware_out: String = "refuse".to_owned(),
        /// Where rspamd's normal worker listens, as "http://127.0.0.1:11333"; empty means that it is not asked.
        rspamd: String = String::new(),
        /// What becomes of mail that rspamd wants rejected: "refuse", or "quarantine" (whoever it is for may release it).
        spam: String = "refuse".to_owned(),
        /// What becomes of mail while a scanner does not answer: "defer" asks its sender to try again, "mark" takes it with the
        /// field X-Congvan-Scan: none and the keyword $unscanned.
        unavailable: String = "defer".to_owned(),
        /// Seconds one scanner may take for one mail.
        seconds: u64 = 60,
        /// Mails at one scanner at once.
        at_once: usize = 10,
        /// Endings of file names that are refused, also inside archives (RULES M33).
        refused_endings: Vec<String> = [
            "ade", "adp", "apk", "appx", "bat", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "img", "ins", "iso", "jar",
            "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst", "ocx", "pif", "ps1", "psm1", "reg", "scf", "scr",
            "sct", "sh", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vhdx", "vxd", "wsc", "wsf", "wsh", "xll",
        ]
        .map(str::to_owned)
        .to_vec(),
        /// Endings of file names that go into the quarantine: documents with macros.
        held_endings: Vec<String> =
            ["docm", "dotm", "potm", "ppam", "ppsm", "pptm", "xlam", "xlsm", "xltm"].map(str::to_owned).to_vec(),
        /// What becomes of encrypted archives: "quarantine" for the records office, "refuse", or "pass" (RULES M33).
        encrypted_archives: String = "quarantine".to_owned(),
        /// The same for archives that cannot be looked into: 7z, rar and others, or damaged ones.
        opaque_archives: String = "quarantine".to_owned(),
        /// Archives inside archives.
        archive_depth_max: usize = 5,
        /// Files in all archives of one mail.
        archive_files_max: usize = 10_000,
        /// Bytes of all unpacked files of one mail.
        archive_bytes_max: u64 = 256 * 1024 * 1024,
        /// How many times larger a file of more than 1 MiB may become when it is unpacked.
        archive_ratio_max: u64 = 200,
        /// Days a mail waits in the quarantine before it is deleted.
        quarantine_days: u64 = 30,
        /// Hours between two letters to somebody about new mail that waits in the quarantine for them; 0 for none.
        digest_hours: u64 = 24,
    }
}

section! {
    /// Searching in mail.
    Search {
        /// Whether the texts of attachments are searched too (PDF, docx, xlsx, pptx, OpenDocument, plain text).
        /// Off, marks of secrecy on later pages of what mail brought are not found afterwards either (RULES R11).
        attachments: bool = true,
        /// Seconds the attachments of one message may take; what has been read until then is searched.
        attachment_seconds: u64 = 20,
        /// Largest attachment that is read, bytes.
        attachment_bytes_max: usize = 25 * 1024 * 1024,
    }
}

section! {
    /// The rules of mail. The rules themselves are data: see "congvan policy".
    Policy {
        /// Seconds that the official documents of one mail may be judged before it is taken in; what is not judged by then is marked as unknown.
        judge_seconds: u64 = 5,
        /// Days for which counts of letters are kept, for reports and for "congvan policy dry-run".
        record_days: u64 = 60,
    }
}

impl Imap {
    /// The agencies that keep these doors closed; the words were looked at when the configuration was read.
    pub(crate) fn closed_codes(&self) -> Vec<mail::AgencyCode> {
        self.closed_to.iter().filter_map(|code| code.parse().ok()).collect()
    }
}
