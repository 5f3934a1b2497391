//! `congvan cert path|show`: certificates judged and shown. Needs no server and no configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use certs::der::Oid;
use certs::path::{self, PathVerdict, PeerName, Profile, Question, Revocation};
use certs::trust::Purpose;
use certs::{Certificate, Limits, oids};
use clap::{Args, Subcommand, ValueEnum};
use mail::Timestamp;

use super::{Outcome, files};

#[derive(Subcommand)]
pub(super) enum CertCommand {
    /// Judge whether a certificate is good for a purpose at a moment. Exit: 0 it is, 1 it is not (and why), 3 fault.
    Path(PathArguments),
    /// Show the certificates of a file.
    Show {
        /// PEM or DER.
        file: PathBuf,
    },
}

/// How much revocation matters.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RevocationWord {
    /// Not at all.
    None,
    /// Every certificate has to be shown good.
    Require,
}

#[derive(Args)]
pub(super) struct PathArguments {
    /// Trusted certificates, PEM.
    #[arg(long, required = true)]
    trust: Vec<PathBuf>,
    /// The certificate in question; further ones in the file help to build the path.
    #[arg(long)]
    leaf: PathBuf,
    /// The moment.
    #[arg(long, value_parser = files::moment)]
    time: Timestamp,
    /// tls, tls-client, smime, doc, timestamp or any.
    #[arg(long)]
    purpose: Purpose,
    /// Certificates that may help to build the path.
    #[arg(long)]
    intermediates: Vec<PathBuf>,
    /// Name of the server it has to be for.
    #[arg(long)]
    host: Option<String>,
    /// Address it has to be for.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// Mailbox it has to be for.
    #[arg(long)]
    email: Option<String>,
    /// Revocation lists.
    #[arg(long)]
    crls: Vec<PathBuf>,
    /// OCSP responses.
    #[arg(long)]
    ocsp: Vec<PathBuf>,
    /// How much revocation matters; when left out, what the given evidence says counts.
    #[arg(long)]
    revocation: Option<RevocationWord>,
    /// Acceptable policies.
    #[arg(long)]
    policy: Vec<Oid>,
    /// An acceptable policy has to be there.
    #[arg(long)]
    explicit_policy: bool,
    /// Policies may not be mapped.
    #[arg(long)]
    inhibit_mapping: bool,
    /// anyPolicy stands for no policy.
    #[arg(long)]
    inhibit_any: bool,
    /// Most certificates between the leaf and the trusted one.
    #[arg(long)]
    max_depth: Option<usize>,
}

impl CertCommand {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::Path(arguments) => arguments.run(),
            Self::Show { file } => {
                for certificate in files::certificates(&file)? {
                    print!("{}", shown(&certificate));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl PathArguments {
    fn run(self) -> Outcome {
        // Certificates that cannot be read are a path that is not valid; a file that is not there is a fault.
        let material = match self.material() {
            Err(error) if error.chain().any(|cause| cause.is::<certs::Error>()) => {
                eprintln!("[unreadable] {error:#}");
                return Ok(ExitCode::from(1));
            }
            other => other?,
        };
        let (trust, leaf, evidence) = material;
        let verdict = path::judge(&leaf, &evidence, &trust, &self.question()?, &Limits::default());
        Ok(match verdict {
            PathVerdict::Valid(_) => ExitCode::SUCCESS,
            PathVerdict::Invalid(reason) => {
                eprintln!("{}\n{}", reason.defect.vietnamese(), files::plain(&reason.to_string()));
                ExitCode::from(1)
            }
            PathVerdict::Undecided { lacks } => {
                for lack in lacks {
                    eprintln!("{}\n{} [{}]", lack.vietnamese(), files::plain(&lack.to_string()), lack.code());
                }
                ExitCode::from(1)
            }
        })
    }

    fn material(&self) -> anyhow::Result<(certs::trust::TrustStore, Certificate, path::Evidence)> {
        let trust = files::anchors(&self.trust)?;
        let mut evidence = files::evidence(&self.intermediates, &self.crls, &self.ocsp)?;
        let mut chain = files::certificates(&self.leaf)?.into_iter();
        let leaf = chain.next();
        let leaf = leaf.ok_or_else(|| anyhow::anyhow!("{} holds no certificate", self.leaf.display()))?;
        evidence.certificates.extend(chain);
        Ok((trust, leaf, evidence))
    }

    fn question(&self) -> anyhow::Result<Question> {
        let mut question = Question::new(self.purpose, self.time.secs());
        if let Some(host) = &self.host {
            // Names in other scripts are compared in their ASCII form (RFC 5890).
            let ascii =
                if host.is_ascii() { host.clone() } else { host.parse::<mail::Domain>()?.to_string() };
            question.names.push(PeerName::Host(ascii));
        }
        question.names.extend(self.ip.map(PeerName::Ip));
        question.names.extend(self.email.clone().map(PeerName::Email));
        question.revocation = match self.revocation {
            Some(RevocationWord::None) => Revocation::None,
            Some(RevocationWord::Require) => Revocation::Require,
            None => Revocation::IfKnown,
        };
        question.policies = self.policy.clone();
        question.explicit_policy = self.explicit_policy;
        question.inhibit_mapping = self.inhibit_mapping;
        question.inhibit_any = self.inhibit_any;
        question.max_depth = self.max_depth;
        question.profile = Profile::Strict;
        Ok(question)
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

fn readable(name: &certs::Name) -> String {
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
