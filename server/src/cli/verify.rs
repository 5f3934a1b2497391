//! `congvan verify FILE`: judges the signatures of a document. Needs no server, no data and no configuration.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use mail::Timestamp;
use signer::bundle::Bundle;
use signer::judge::TimeSource;
use signer::page::{self, Extra, Lang};
use signer::{
    Arrival, Code, Coverage, Evidence, Format, Input, Integrity, Judged, Limits, Policy, Reason, Report,
    SignatureReport, Verdict,
};

use super::release::nonce;
use super::{Outcome, files};
use crate::config::Config;
use crate::evidence::Case;

/// Exit: 0 valid, 1 invalid, 2 indeterminate, 3 the command could not be carried out.
#[derive(Args)]
pub(super) struct Verify {
    /// The document.
    file: PathBuf,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
    /// pdf, cms, cms-detached, xml, smime, tst or asic; recognised when left out.
    #[arg(long)]
    format: Option<Format>,
    /// Certificates to trust (PEM, or a directory of them) instead of the installation's.
    #[arg(long)]
    trust: Vec<PathBuf>,
    /// Certificates that may help to build a path.
    #[arg(long)]
    intermediates: Vec<PathBuf>,
    /// Revocation lists.
    #[arg(long)]
    crls: Vec<PathBuf>,
    /// OCSP responses.
    #[arg(long)]
    ocsp: Vec<PathBuf>,
    /// The signed content, when it is not in the file.
    #[arg(long)]
    content: Option<PathBuf>,
    /// Judge as if it were this moment.
    #[arg(long, value_parser = files::moment)]
    time: Option<Timestamp>,
    /// Fetch nothing.
    #[arg(long)]
    offline: bool,
    /// Write the report as a page for people: one HTML file, ready to print.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
    /// Language of that page: vi or en.
    #[arg(long, default_value = "vi", value_parser = language)]
    lang: Lang,
    /// Write the evidence bundle: everything needed to judge again, offline, in twenty years.
    #[arg(long, value_name = "OUT", conflicts_with = "with")]
    bundle: Option<PathBuf>,
    /// Have this authority (http://…) stamp the bundle.
    #[arg(long, requires = "bundle", value_name = "URL")]
    tsa: Option<String>,
    /// Judge again from an evidence bundle: its evidence, its moment, no network. Its anchors must be trusted here or
    /// given with --trust.
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["intermediates", "crls", "ocsp"])]
    with: Option<PathBuf>,
    /// Trust the anchors in the bundle: you have compared their fingerprints.
    #[arg(long, requires = "with")]
    trust_bundle: bool,
}

fn language(word: &str) -> Result<Lang, String> {
    match word {
        "vi" => Ok(Lang::Vi),
        "en" => Ok(Lang::En),
        _ => Err("vi or en".to_owned()),
    }
}

impl Verify {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let judged = match &self.with {
            Some(bundle) => self.judge_again(config, bundle)?,
            None => self.judge(config)?,
        };
        if let Some(out) = &self.report {
            let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
            let legal =
                (!judged.report().signatures.is_empty()).then(|| judged.legal_value(Arrival::Exchange));
            let extra = Extra { file_name: name, is_open: true, legal, ..Extra::default() };
            files::put(out, page::document(judged.report(), self.lang, &extra).as_bytes(), true)?;
        }
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(judged.report())?),
            false => print!("{}", text(&self.file, judged.report())),
        }
        Ok(exit_code(judged.verdict()))
    }

    fn judge(&self, config: &Path) -> anyhow::Result<Judged> {
        let config = files::configuration(config)?;
        let trust = match self.trust.is_empty() {
            true => files::installed_trust(config.as_ref())?,
            false => files::anchors(&self.trust)?,
        };
        let own: Evidence = files::evidence(&self.intermediates, &self.crls, &self.ocsp)?;
        let input = self.input()?;
        let fetcher = files::fetcher(config.as_ref(), &trust, !self.offline)?;
        let certificate_limits = config.as_ref().map(Config::certificate_limits).unwrap_or_default();
        let policy = Arc::new(Policy { trust, certificate_limits, ..Policy::default() });
        let now = self.time.unwrap_or_else(files::now);
        let case = Case { input, policy, now };
        super::runtime()?.block_on(async {
            let (judged, evidence) = fetcher.judge_with(&case, own).await;
            if let Some(out) = &self.bundle {
                let mut bundle = Bundle::new(&case.input, &judged, &case.policy, &evidence)?;
                if let Some(authority) = &self.tsa {
                    let token = fetcher.timestamp(authority, &bundle.timestamp_request(nonce())).await?;
                    bundle.add_timestamp(&token, &Limits::default())?;
                }
                files::put(out, &bundle.to_bytes(), true)?;
            }
            Ok(judged)
        })
    }

    /// Judges from a bundle alone. Under the bundle's own anchors a forger proves anything, so they count only as far as
    /// somebody here trusts them too.
    fn judge_again(&self, config: &Path, bundle: &Path) -> anyhow::Result<Judged> {
        let limits = Limits::default();
        let bundle = Bundle::read(&files::read(bundle, limits.bundle_bytes)?, &limits)?;
        let mut policy = bundle.policy();
        if !self.trust_bundle {
            policy.trust = match self.trust.is_empty() {
                true => files::installed_trust(files::configuration(config)?.as_ref())?,
                false => files::anchors(&self.trust)?,
            };
            // Whoever names anchors on the command line vouches for them, whatever hierarchy they head.
            policy.hierarchy = policy.hierarchy.filter(|_| self.trust.is_empty());
            for anchor in bundle.anchors() {
                if policy.trust.find(anchor.fingerprint()).is_none() {
                    eprintln!(
                        "congvan: {}: {} (--trust FILE, --trust-bundle)",
                        Code::BundleAnchors.vi(),
                        anchor.fingerprint()
                    );
                }
            }
        }
        if !bundle.is_stamped(&policy.trust, self.time.unwrap_or_else(files::now), &limits) {
            eprintln!("congvan: {} / {}", Code::BundleMoment.vi(), Code::BundleMoment.en());
        }
        let input = self.input()?;
        let judged = bundle.rejudge_under(input.clone(), &policy)?;
        // Held against the judgement under the bundle's own anchors: others head other hierarchies.
        if !bundle.agrees(&bundle.rejudge(input.clone())?) {
            eprintln!("congvan: {} / {}", Code::BundleDiffers.vi(), Code::BundleDiffers.en());
        }
        Ok(match self.time {
            Some(time) => signer::judge(input, &policy, bundle.evidence(), time),
            None => judged,
        })
    }

    fn input(&self) -> anyhow::Result<Input> {
        let read = |file: &PathBuf| files::read(file, Limits::default().file_bytes);
        let content = self.content.as_ref().map(read).transpose()?.map(Arc::from);
        let input = Input::from(read(&self.file)?).of(self.format).with_content(content);
        let holds_content = matches!(input.known_format(), Some(Format::Pdf | Format::Smime));
        if input.content.is_some() && holds_content {
            anyhow::bail!("--content does not go with a PDF or a mail, which hold it (tệp đã chứa nội dung)");
        }
        Ok(input)
    }
}

fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Valid => 0,
        Verdict::Invalid => 1,
        Verdict::Indeterminate => 2,
    })
}

/// The verdict in both languages.
fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "HỢP LỆ / VALID",
        Verdict::Invalid => "KHÔNG HỢP LỆ / INVALID",
        Verdict::Indeterminate => "CHƯA XÁC ĐỊNH / INDETERMINATE",
    }
}

fn integrity_words(integrity: Integrity) -> &'static str {
    match integrity {
        Integrity::Intact => "nguyên vẹn / intact",
        Integrity::Broken => "đã bị thay đổi / broken",
        Integrity::None => "không xác định / not determined",
    }
}

/// The report for people.
fn text(file: &Path, report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}: {}", files::plain(&file.display().to_string()), verdict_words(report.verdict));
    let _ = writeln!(out, "  Tính toàn vẹn / Integrity: {}", integrity_words(report.integrity));
    let _ = writeln!(out, "  SHA-256: {} ({} byte)", report.sha256, report.size);
    reasons(&mut out, "  ", &report.reasons);
    reasons(&mut out, "  ", &report.notes);
    for (number, signature) in report.signatures.iter().enumerate() {
        signature_text(&mut out, number + 1, signature);
    }
    for field in &report.empty_fields {
        let _ = writeln!(out, "  Ô chữ ký chưa ký / Empty signature field: {}", files::plain(field));
    }
    out
}

fn signature_text(out: &mut String, number: usize, signature: &SignatureReport) {
    let _ = writeln!(
        out,
        "  {number}. {}: {} [{}]",
        files::plain(&signature.field),
        verdict_words(signature.verdict),
        signature.class.word()
    );
    let signer = signature.signer.as_deref().unwrap_or("không rõ / unknown");
    let _ = writeln!(out, "     Người ký / Signer: {}", files::plain(signer));
    if let Some(time) = signature.time {
        let source = match signature.time_source {
            TimeSource::Timestamp => "dấu thời gian / timestamp",
            TimeSource::DocumentTimestamp => "dấu thời gian tài liệu / document timestamp",
            TimeSource::Claimed => "người ký tự khai / claimed by the signer",
            TimeSource::None => "không rõ / unknown",
        };
        let _ = writeln!(out, "     Thời gian / Time: {} ({source})", time.to_rfc3339_vietnam());
    }
    if let Some(profile) = signature.profile {
        let _ = writeln!(out, "     Dạng / Form: {profile}");
    }
    let scope = match signature.coverage {
        _ if signature.covers_whole_document => "toàn bộ tệp / the whole file",
        Coverage::Parts => "một số phần / parts",
        Coverage::None => "không có nội dung nào / no content",
        _ => "phiên bản tại lúc ký / the revision at signing",
    };
    let names: Vec<String> = signature.covers.iter().map(|name| files::plain(name).to_string()).collect();
    let names = match (signature.coverage, names.is_empty()) {
        (Coverage::Parts, false) => format!(": {}", names.join(", ")),
        _ => String::new(),
    };
    let _ = writeln!(out, "     Phạm vi / Covers: {scope}{names}");
    reasons(out, "     ", &signature.reasons);
    reasons(out, "     ", &signature.notes);
}

fn reasons(out: &mut String, indent: &str, reasons: &[Reason]) {
    for reason in reasons {
        let detail = reason.detail.as_deref().map(|detail| format!(" ({})", files::plain(detail)));
        let code = reason.code;
        let _ = writeln!(
            out,
            "{indent}[{}] {} / {}{}",
            code.id(),
            code.vi(),
            code.en(),
            detail.unwrap_or_default()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        verify: Verify,
    }

    fn judged(file: &Path, options: &[&str]) -> anyhow::Result<Judged> {
        crate::tls::install_provider();
        let line = ["verify", file.to_str().unwrap(), "--offline"].into_iter().chain(options.iter().copied());
        Line::try_parse_from(line)?.verify.judge(Path::new("/nonexistent/congvan.toml"))
    }

    #[test]
    fn what_is_no_good_document_gets_a_verdict_and_a_code() {
        use Verdict::{Indeterminate, Invalid};
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let paper = signer::make::blank_pdf("t", &[]);
        let rows: [(&[u8], &[&str], Verdict, &str); 9] = [
            (&paper, &[], Invalid, "unsigned"),
            (&paper, &["--format", "asic"], Indeterminate, "format-unsupported"),
            (b"<?xml version='1.0'?><a/>", &[], Invalid, "unsigned"),
            (b"From: a@x.vn\r\n\r\nhello", &[], Invalid, "unsigned"),
            (b"\x30\x00", &[], Invalid, "cms-syntax"),
            (b"PK\x03\x04", &[], Indeterminate, "format-unsupported"),
            (b"hello", &[], Indeterminate, "format-unknown"),
            (b"hello", &["--format", "pdf"], Invalid, "pdf-header"),
            (b"", &[], Indeterminate, "format-unknown"),
        ];
        for (bytes, options, verdict, code) in rows {
            std::fs::write(&file, bytes).unwrap();
            let judged = judged(&file, options).unwrap();
            assert_eq!(judged.verdict(), verdict, "{code}");
            assert!(text(&file, judged.report()).contains(&format!("[{code}]")), "{code}");
            let json = serde_json::to_value(judged.report()).unwrap();
            assert_eq!(json["reasons"][0]["code"], code);
            assert!(json["verdict"].is_string() && json["integrity"].is_string());
            assert!(json["signatures"].is_array());
        }
    }

    #[test]
    fn a_command_that_cannot_be_carried_out_is_no_verdict() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file.pdf");
        assert!(judged(&file, &[]).is_err(), "no file");
        std::fs::write(&file, signer::make::blank_pdf("t", &[])).unwrap();
        let name = file.to_str().unwrap().to_owned();
        let bad: [&[&str]; 6] = [
            &["--format", "docx"],
            &["--time", "yesterday"],
            &["--trust", "/nonexistent"],
            &["--trust", &name],
            &["--crls", &name],
            &["--content", &name],
        ];
        for options in bad {
            assert!(judged(&file, options).is_err(), "{options:?}");
        }
    }
}
