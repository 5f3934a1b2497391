//! `congvan cert path|show|import-crl|inventory`: certificates judged, shown, counted, and lists carried in by hand.

mod import;
mod inventory;
mod path;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use certs::public_service::{self, Holder};
use certs::{Certificate, oids};
use clap::Subcommand;
use mail::Timestamp;

use super::{Outcome, files};

#[derive(Subcommand)]
pub(super) enum CertCommand {
    /// Judge whether a certificate is good for a purpose at a moment. Exit: 0 it is, 1 it is not (and why), 3 fault.
    Path(Box<path::PathArguments>),
    /// Show the certificates of a file.
    Show {
        /// PEM or DER.
        file: PathBuf,
    },
    /// Put revocation lists into the installation's mirror, for networks without a way out (RULES D27). Exit: 0 all taken
    /// or there already, 1 one refused, 3 fault.
    ImportCrl(import::ImportCrl),
    /// Show the certificates of agencies and people, and which end soon. Exit: 0 none within the shortest notice, 1 one is.
    Inventory(Box<inventory::Inventory>),
}

impl CertCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        match self {
            Self::Path(arguments) => arguments.run(),
            Self::Show { file } => {
                for certificate in files::certificates(&file)? {
                    print!("{}", shown(&certificate));
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::ImportCrl(arguments) => arguments.run(config),
            Self::Inventory(arguments) => arguments.run(config),
        }
    }
}

/// A certificate for people. Of a UID only its kind is shown: the number is personal data (RULES D25).
fn shown(certificate: &Certificate) -> String {
    let time = |secs| Timestamp::from_secs(secs).to_rfc3339_vietnam();
    let key = certificate.public_key();
    let mut lines = vec![
        format!("SHA-256: {}", certificate.sha256()),
        format!("Chủ thể / Subject: {}", readable(certificate.subject())),
        format!("Bên cấp / Issuer: {}", readable(certificate.issuer())),
        format!("Số hiệu / Serial: {}", certificate.serial()),
        format!("Hiệu lực / Valid: {} … {}", time(certificate.not_before()), time(certificate.not_after())),
        format!("Khóa / Key: {:?}, {} bit", key.kind(), key.bits()),
        format!("Là CA / Authority: {}", if certificate.is_ca() { "có / yes" } else { "không / no" }),
    ];
    let facts = public_service::facts(certificate);
    if facts.has_policy || facts.holder != Holder::Unknown {
        let holder = match facts.holder {
            Holder::Agency => "cơ quan / agency",
            Holder::Person => "cá nhân / person",
            Holder::Unknown => "không rõ / unknown",
        };
        lines.push(format!("Chủ thể là / Held by: {holder}"));
        lines.extend(facts.mailboxes.iter().map(|mailbox| format!("Hộp thư / Mailbox: {mailbox}")));
        let odd = facts.departures.iter();
        lines.extend(
            odd.map(|d| format!("Khác quy cách công vụ / Departs from the profile: {} [{}]", d.rule, d.code)),
        );
    }
    for (label, urls) in [
        ("CRL", certificate.crl_urls()),
        ("OCSP", certificate.ocsp_urls()),
        ("Chứng thư bên cấp / Issuer at", certificate.issuer_urls()),
    ] {
        lines.extend(urls.iter().map(|url| format!("{label}: {url}")));
    }
    let mut text: String = lines.iter().map(|line| files::plain(line) + "\n").collect();
    text.push('\n');
    text
}

pub(super) fn readable(name: &certs::Name) -> String {
    let shown = [
        (oids::COMMON_NAME, "CN"),
        (oids::TITLE, "T"),
        (oids::ORGANIZATIONAL_UNIT, "OU"),
        (oids::ORGANIZATION, "O"),
        (oids::LOCALITY, "L"),
        (oids::COUNTRY, "C"),
    ];
    let mut parts: Vec<String> = shown
        .iter()
        .flat_map(|(kind, label)| name.all(*kind).map(move |text| format!("{label}={text}")))
        .collect();
    let id = name.user_id().and_then(|id| id.split_once(':'));
    if let Some((kind, _)) = id.filter(|(kind, _)| kind.bytes().all(|b| b.is_ascii_alphabetic())) {
        parts.push(format!("UID={kind}:…"));
    }
    parts.join(", ")
}
