//! `congvan cert path`: whether a certificate is good for a purpose at a moment.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use certs::der::Oid;
use certs::path::{self, PathVerdict, PeerName, Profile, Question, Revocation, Weakness};
use certs::trust::Purpose;
use certs::{Certificate, Limits};
use clap::{Args, ValueEnum};
use mail::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Outcome, files};

/// How much revocation matters.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum RevocationWord {
    /// Not at all.
    None,
    /// Every certificate has to be shown good.
    Require,
}

#[derive(Args)]
pub(in crate::cli) struct PathArguments {
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
    /// How much revocation matters; when left out, evidence that is given has to suffice, and none is needed.
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
    /// Days a list or answer may have outlived its next update.
    #[arg(long, default_value_t = 0)]
    grace_days: u16,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

impl PathArguments {
    pub(super) fn run(self) -> Outcome {
        // Certificates that cannot be read are a path that is not valid; a file that is not there is a fault.
        let material = match self.material() {
            Err(error) if error.chain().any(|cause| cause.is::<certs::Error>()) => {
                eprintln!("[unreadable] {error:#}");
                if self.json {
                    println!("{}", json!({ "verdict": "invalid", "code": "unreadable" }));
                }
                return Ok(ExitCode::from(1));
            }
            other => other?,
        };
        let (trust, leaf, evidence) = material;
        let limits =
            Limits { revocation_grace_seconds: i64::from(self.grace_days) * 86_400, ..Limits::default() };
        let verdict = path::judge(&leaf, &evidence, &trust, &self.question()?, &limits);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&value(&verdict))?);
        }
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
        let mut evidence = files::readable_evidence(&self.intermediates, &self.crls, &self.ocsp)?;
        let (leaf, rest) = files::leaf_and_rest(&self.leaf)?;
        evidence.certificates.extend(rest);
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
            None => Revocation::IfSupplied,
        };
        question.policies = self.policy.clone();
        question.explicit_policy = self.explicit_policy;
        question.inhibit_mapping = self.inhibit_mapping;
        question.inhibit_any = self.inhibit_any;
        question.max_depth = self.max_depth;
        // Documents and timestamps as their judge judges them; everything else as its own world demands.
        question.profile = match self.purpose {
            Purpose::Document | Purpose::Timestamp => Profile::Lenient,
            _ => Profile::Strict,
        };
        Ok(question)
    }
}

/// The verdict for programs.
fn value(verdict: &PathVerdict) -> Value {
    match verdict {
        PathVerdict::Valid(path) => {
            let weak = path.weaknesses().iter().map(|weakness| match weakness {
                Weakness::Digest(certificate) => {
                    json!({ "code": "weak-digest", "certificate": certificate.sha256() })
                }
                Weakness::Key(certificate) => {
                    json!({ "code": "weak-key", "certificate": certificate.sha256() })
                }
            });
            let late = path.statuses().iter().map(|status| status.late_by).max().unwrap_or(0);
            json!({
                "verdict": "valid",
                "path": path.certificates().iter().map(certificate).collect::<Vec<_>>(),
                "anchor": certificate(path.anchor().certificate()),
                "policies": path.policies().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "weaknesses": weak.collect::<Vec<_>>(),
                "departures": path.departures().iter().map(|(_, departure)| departure).collect::<Vec<_>>(),
                "evidence": path.statuses().iter().flat_map(|s| s.source.iter().chain(&s.more_sources)).collect::<Vec<_>>(),
                "evidence_late_seconds": late,
            })
        }
        PathVerdict::Invalid(reason) => json!({
            "verdict": "invalid",
            "code": reason.defect.code(),
            "depth": reason.depth,
            "certificate": certificate(&reason.certificate),
            "vi": reason.defect.vietnamese(),
            "en": reason.to_string(),
        }),
        PathVerdict::Undecided { lacks } => {
            let lacks = lacks
                .iter()
                .map(|lack| json!({ "code": lack.code(), "vi": lack.vietnamese(), "en": lack.to_string() }));
            json!({ "verdict": "undecided", "lacks": lacks.collect::<Vec<_>>() })
        }
    }
}

fn certificate(certificate: &Certificate) -> Value {
    json!({ "sha256": certificate.sha256(), "subject": certificate.subject().to_string() })
}
