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
        if let Some(address) = self.host.as_deref().and_then(|host| host.parse().ok()) {
            // Whoever writes an address there means one.
            question.names.push(PeerName::Ip(address));
        } else if let Some(host) = &self.host {
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

#[cfg(test)]
mod tests {
    use super::*;
    use certs::GeneralName;
    use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
    use certs::keys::{Key, Size};
    use certs::{Serial, oids};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: PathArguments,
    }

    const NOW: i64 = 1_767_225_600;
    const DAY: i64 = 86_400;
    const HOST: &str = "mail.ubnd.example.vn";

    struct Files {
        folder: tempfile::TempDir,
        ca: Authority,
        root: Authority,
    }

    /// Blocks that are PEM but hold nothing that could be read.
    const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    const NO_LIST: &str = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";

    fn list(by: &Authority, age_days: i64) -> String {
        let issued = NOW - age_days * DAY;
        CrlDraft::new(issued, Some(issued + 7 * DAY), 1).signed_by(by).unwrap().to_pem()
    }

    impl Files {
        fn new() -> Self {
            let life = Validity { from: NOW - 99 * DAY, until: NOW + 99 * DAY };
            let name = |text: &str| Subject::new().with(oids::COMMON_NAME, text).name().unwrap();
            let keys: Vec<Key> = (0..3).map(|_| Key::generate(Size::P256).unwrap()).collect();
            let [root_key, ca_key, leaf_key] = <[Key; 3]>::try_from(keys).unwrap();
            let root = issue::root(&name("root"), root_key.public(), Serial::from_u64(1), life);
            let root = Authority::new(root.self_signed(&root_key).unwrap(), root_key).unwrap();
            let ca = issue::root(&name("ca"), ca_key.public(), Serial::from_u64(2), life);
            let ca = Authority::new(ca.signed_by(&root).unwrap(), ca_key).unwrap();
            let names = [GeneralName::Dns(HOST.to_owned()), GeneralName::Ip([192, 0, 2, 7].into())];
            let leaf = issue::tls_server(&name(HOST), leaf_key.public(), Serial::from_u64(3), life, &names);
            let leaf = leaf.signed_by(&ca).unwrap();
            let files = Self { folder: tempfile::tempdir().unwrap(), ca, root };
            files.put("root.pem", &files.root.certificate().to_pem());
            files.put("leaf.pem", &leaf.to_pem());
            // Helpful certificates with one among them that nobody can read.
            let bundle = NO_CERTIFICATE.to_owned() + &files.ca.certificate().to_pem();
            files.put("more.pem", &bundle);
            let lists = |age| list(&files.root, age) + &list(&files.ca, age);
            files.put("fresh.pem", &lists(1));
            files.put("late.pem", &lists(9));
            files.put("broken.pem", NO_LIST);
            files
        }

        fn put(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        }

        /// The exit code's words, or `fault`.
        fn run(&self, more: &str) -> String {
            let path = |name: &str| self.folder.path().join(name).display().to_string();
            let mut line = vec!["path".to_owned()];
            let usual = "--trust root.pem --leaf leaf.pem --time 2026-01-01T00:00:00.999Z --purpose tls";
            for word in usual.split(' ').chain(more.split(' ').filter(|word| !word.is_empty())) {
                line.push(if word.ends_with(".pem") { path(word) } else { word.to_owned() });
            }
            match Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}")).arguments.run() {
                Ok(code) if code == ExitCode::SUCCESS => "0".to_owned(),
                Ok(code) if code == ExitCode::from(1) => "1".to_owned(),
                other => format!("fault {other:?}"),
            }
        }
    }

    #[test]
    fn d5_what_is_given_is_heard_and_what_cannot_be_read_is_left_out() {
        let files = Files::new();
        #[rustfmt::skip]
        let rows = [
            ("--intermediates more.pem",                                                     "0"),
            ("--intermediates more.pem --host mail.ubnd.example.vn --json",                  "0"),
            ("--intermediates more.pem --host www.ubnd.example.vn",                          "1"),
            ("--intermediates more.pem --host 192.0.2.7",                                    "0"),
            ("--intermediates more.pem --host 192.0.2.8",                                    "1"),
            ("--intermediates more.pem --ip 192.0.2.7",                                      "0"),
            ("",                                                                             "1"),
            ("--intermediates more.pem --crls fresh.pem",                                    "0"),
            ("--intermediates more.pem --crls fresh.pem --revocation require",               "0"),
            ("--intermediates more.pem --crls late.pem",                                     "1"),
            ("--intermediates more.pem --crls late.pem --revocation none",                   "0"),
            ("--intermediates more.pem --crls late.pem --grace-days 3 --revocation require", "0"),
            ("--intermediates more.pem --crls broken.pem",                                   "0"),
            ("--intermediates more.pem --crls broken.pem --revocation require",              "1"),
            ("--intermediates more.pem --max-depth 0",                                       "1"),
            ("--intermediates more.pem --max-depth 1",                                       "0"),
            ("--intermediates more.pem --policy 2.16.704.1.1.1.1.1 --explicit-policy",       "1"),
        ];
        for (more, expected) in rows {
            assert_eq!(files.run(more), expected, "{more}");
        }
        assert!(files.run("--intermediates missing.pem").starts_with("fault"));
        files.put("leaf.pem", NO_CERTIFICATE);
        assert_eq!(files.run("--intermediates more.pem"), "1", "an unreadable leaf is not valid");
    }
}
