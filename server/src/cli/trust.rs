//! `congvan trust add|list|remove|log`: whom this installation trusts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use certs::Fingerprint;
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore, Window};
use clap::{Args, Subcommand, ValueEnum};
use mail::Timestamp;
use serde_json::{Value, json};

use super::{Outcome, files};
use crate::config::Config;
use crate::trust;
use crate::trust::log::{Act, Actor, Log};

#[derive(Subcommand)]
pub(super) enum TrustCommand {
    /// Trust a certificate whose SHA-256 fingerprint you confirmed on another way than the file itself.
    Add(Box<Add>),
    /// Show whom the installation trusts, grouped by hierarchy.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Trust a certificate no longer.
    Remove {
        /// SHA-256 of the certificate, hexadecimal.
        fingerprint: Fingerprint,
        /// Why, for the log.
        #[arg(long)]
        reason: Option<String>,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show who changed what when. Exit: 0 every line follows from the one before it, 1 one does not.
    Log {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// One certificate.
    pem: PathBuf,
    /// tls, tls-client, smime, doc, timestamp or any; may be repeated.
    #[arg(long, required = true, value_delimiter = ',')]
    purpose: Vec<Purpose>,
    /// SHA-256 of the certificate, hexadecimal.
    #[arg(long)]
    fingerprint: Fingerprint,
    /// The hierarchy it heads; public-service when left out and the purposes include documents, other if not.
    #[arg(long)]
    hierarchy: Option<HierarchyWord>,
    /// Who confirmed the fingerprint, from which document.
    #[arg(long, default_value = "congvan trust add")]
    source: String,
    /// Trusted only for moments from this one on.
    #[arg(long, value_parser = files::moment)]
    from: Option<Timestamp>,
    /// Trusted only for moments until this one.
    #[arg(long, value_parser = files::moment)]
    until: Option<Timestamp>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// The hierarchies of RULES D26.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum HierarchyWord {
    /// Specialised for public service (Ban Cơ yếu Chính phủ).
    PublicService,
    /// The national root for enterprises and citizens.
    National,
    /// Anybody else.
    Other,
}

impl From<HierarchyWord> for Hierarchy {
    fn from(word: HierarchyWord) -> Self {
        match word {
            HierarchyWord::PublicService => Self::PublicService,
            HierarchyWord::National => Self::National,
            HierarchyWord::Other => Self::Other,
        }
    }
}

impl TrustCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let config = Config::read(file)?;
        match self {
            Self::Add(add) => add.run(&config)?,
            Self::List { json } => list(&trust::read(&config)?, json)?,
            Self::Remove { fingerprint, reason, json } => {
                let actor = Actor { reason, ..Actor::of_command(files::now()) };
                let (found, version) =
                    trust::change(&config, &actor, |store| Ok((store.remove(fingerprint), store.version())))?;
                anyhow::ensure!(found, "{fingerprint} is not trusted anyway (không có trong kho tin cậy)");
                match json {
                    true => println!("{}", json!({ "removed": fingerprint, "version": version })),
                    false => {
                        println!("Đã gỡ / Removed: {fingerprint}\nPhiên bản kho / Store version: {version}")
                    }
                }
            }
            Self::Log { json } => return log(&trust::log(&config)?, json),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    fn run(self, config: &Config) -> anyhow::Result<()> {
        let hierarchy = self.hierarchy.map_or_else(|| usual_hierarchy(&self.purpose), Hierarchy::from);
        let mut all = files::certificates(&self.pem)?;
        let certificate = all.pop().filter(|_| all.is_empty());
        let certificate = certificate.with_context(|| {
            format!("{}: exactly one certificate is expected (cần đúng một chứng thư)", self.pem.display())
        })?;
        let window = Window {
            from: self.from.map(|moment| moment.secs()),
            until: self.until.map(|moment| moment.secs()),
        };
        if let (Some(from), Some(until)) = (window.from, window.until) {
            anyhow::ensure!(from <= until, "--from lies after --until (thời điểm đầu sau thời điểm cuối)");
        }
        let anchor = Anchor::new(certificate, self.fingerprint, &self.purpose, hierarchy, &self.source)
            .map_err(|error| anyhow::anyhow!("[{}] {} / {error}", error.code(), error.vietnamese()))?
            .within(window);
        let shown = anchor.clone();
        let actor = Actor::of_command(files::now());
        let version = trust::change(config, &actor, |store| {
            store.add(anchor);
            Ok(store.version())
        })?;
        match self.json {
            true => println!("{}", json!({ "added": value(&shown), "version": version })),
            false => println!("{}Phiên bản kho / Store version: {version}", line(&shown)),
        }
        Ok(())
    }
}

/// An anchor for documents of an installation of public service heads that hierarchy unless somebody says otherwise.
fn usual_hierarchy(purposes: &[Purpose]) -> Hierarchy {
    match purposes
        .iter()
        .any(|purpose| matches!(purpose, Purpose::Document | Purpose::Timestamp | Purpose::Any))
    {
        true => Hierarchy::PublicService,
        false => Hierarchy::Other,
    }
}

fn list(store: &TrustStore, json: bool) -> anyhow::Result<()> {
    if json {
        let anchors: Vec<Value> = store.anchors().iter().map(value).collect();
        println!(
            "{}",
            serde_json::to_string_pretty(&json!({ "version": store.version(), "anchors": anchors }))?
        );
        return Ok(());
    }
    println!("Phiên bản kho / Store version: {}", store.version());
    for hierarchy in [Hierarchy::PublicService, Hierarchy::National, Hierarchy::Other] {
        let mut anchors = store.anchors().iter().filter(|anchor| anchor.hierarchy() == hierarchy).peekable();
        if anchors.peek().is_some() {
            println!("\n{}", hierarchy_words(hierarchy));
            anchors.for_each(|anchor| print!("{}", line(anchor)));
        }
    }
    Ok(())
}

fn log(log: &Log, json: bool) -> Outcome {
    let code = ExitCode::from(u8::from(!log.broken.is_empty()));
    if json {
        let answer = json!({ "entries": log.entries, "broken_lines": log.broken });
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(code);
    }
    for entry in &log.entries {
        let act = match entry.act {
            Act::Add => "thêm / added",
            Act::Change => "sửa / changed",
            Act::Remove => "gỡ / removed",
        };
        println!(
            "{} #{} {act}: {} {}\n  {}, {}",
            entry.at,
            entry.version,
            entry.fingerprint,
            files::plain(&entry.subject),
            files::plain(&entry.who),
            files::plain(&entry.source)
        );
    }
    for line in &log.broken {
        eprintln!(
            "Dòng {line} của nhật ký không khớp với dòng trước / line {line} of the log does not follow from the one before it"
        );
    }
    Ok(code)
}

fn hierarchy_words(hierarchy: Hierarchy) -> &'static str {
    match hierarchy {
        Hierarchy::PublicService => "Chứng thư số chuyên dùng công vụ / Public service",
        Hierarchy::National => "Chứng thực quốc gia / National root",
        Hierarchy::Other => "Khác / Others",
    }
}

fn purpose_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Tls => "máy chủ TLS / TLS servers",
        Purpose::TlsClient => "máy khách TLS / TLS clients",
        Purpose::Smime => "thư điện tử / mail",
        Purpose::Document => "văn bản / documents",
        Purpose::Timestamp => "dấu thời gian / timestamps",
        Purpose::Any => "mọi mục đích / everything",
    }
}

fn rfc3339(secs: i64) -> String {
    Timestamp::from_secs(secs).to_rfc3339_vietnam()
}

/// For programs.
fn value(anchor: &Anchor) -> Value {
    let certificate = anchor.certificate();
    json!({
        "fingerprint": anchor.fingerprint(),
        "subject": certificate.subject().to_string(),
        "purposes": anchor.purposes(),
        "hierarchy": anchor.hierarchy(),
        "source": anchor.source(),
        "trusted_from": anchor.window().from.map(rfc3339),
        "trusted_until": anchor.window().until.map(rfc3339),
        "not_before": rfc3339(certificate.not_before()),
        "not_after": rfc3339(certificate.not_after()),
        "certificate": certificate,
    })
}

/// For people.
fn line(anchor: &Anchor) -> String {
    let certificate = anchor.certificate();
    let name = certificate.subject();
    let name = name.common_name().or(name.organization()).unwrap_or("?");
    let purposes: Vec<&str> = anchor.purposes().iter().map(|purpose| purpose_words(*purpose)).collect();
    let mut text = format!(
        "{} {}\n  {}\n  Hiệu lực / Valid: {} … {}\n",
        anchor.fingerprint(),
        files::plain(name),
        purposes.join("; "),
        rfc3339(certificate.not_before()),
        rfc3339(certificate.not_after()),
    );
    let window = anchor.window();
    if window != Window::default() {
        let bound = |secs: Option<i64>| secs.map_or_else(|| "…".to_owned(), rfc3339);
        text += &format!("  Tin cậy / Trusted: {} … {}\n", bound(window.from), bound(window.until));
    }
    text + &format!("  Nguồn / Source: {}\n", files::plain(anchor.source()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d26_the_hierarchy_when_nobody_says() {
        let rows = [
            (&[Purpose::Document][..], Hierarchy::PublicService),
            (&[Purpose::Timestamp], Hierarchy::PublicService),
            (&[Purpose::Tls], Hierarchy::Other),
            (&[Purpose::Tls, Purpose::Smime], Hierarchy::Other),
        ];
        for (purposes, expected) in rows {
            assert_eq!(usual_hierarchy(purposes), expected, "{purposes:?}");
        }
    }
}
