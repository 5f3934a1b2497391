//! A document's first journey: signed, packed and sent as an agency's system would, with the commands a person would
//! type. Each command is shown before it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use registry::vxp::hash::{full_hex, thin_hex};
use ring::{digest, hmac};
use serde_json::Value;

use super::{Demo, DemoSystem, agencies};
use crate::config::Config;

/// What is to be sent.
pub(crate) struct Journey<'j> {
    pub(crate) config_file: &'j Path,
    pub(crate) config: &'j Config,
    pub(crate) demo: &'j Demo,
    /// Codes of the sending and the receiving agency.
    pub(crate) from: &'j str,
    pub(crate) to: &'j str,
    /// Something that tells this document from the one before.
    pub(crate) number: &'j str,
}

impl Journey<'_> {
    /// Makes a document, has it signed by the sender's leader and seal, and packs it.
    pub(crate) fn pack(&self) -> anyhow::Result<PathBuf> {
        let province = self.from.split('.').next().unwrap_or_default();
        let agency = agencies(province).into_iter().find(|agency| agency.code == self.from);
        let agency = agency.with_context(|| format!("{}: not an agency of the demonstration", self.from))?;
        let data = &self.config.house.data;
        let paper = |kind: &str| data.join("papers").join(format!("{}.{kind}", self.number));
        fs::create_dir_all(data.join("papers"))?;
        let title = format!("Cong van so {}/SNV-VP", self.number);
        run(&["demo", "paper", "--title", &title, "--out", text(&paper("pdf"))?])?;
        let tsa = format!("http://{}/demo/tsa", self.config.listen.http[0]);
        let (leader, seal) = (format!("leader{}", agency.number), format!("seal{}", agency.number));
        for (signer, before, after) in [(&leader, "pdf", "1.pdf"), (&seal, "1.pdf", "2.pdf")] {
            let key = data.join(format!("pki/{signer}.key"));
            let chain = data.join(format!("pki/{signer}.pem"));
            let (before, after) = (paper(before), paper(after));
            let files = (text(&before)?, text(&key)?, text(&chain)?, text(&after)?);
            run(&[
                "sign",
                files.0,
                "--key",
                files.1,
                "--certificate",
                files.2,
                "--tsa",
                &tsa,
                "--out",
                files.3,
            ])?;
        }
        let (signed, packed) = (paper("2.pdf"), paper("edxml"));
        run(&[
            "package",
            text(&signed)?,
            "--config",
            text(self.config_file)?,
            "--from",
            self.from,
            "--to",
            self.to,
            "--number",
            self.number,
            "--notation",
            "SNV-VP",
            "--subject",
            "V/v phối hợp công tác",
            "--signer",
            agency.leader.0,
            "--position",
            "Giám đốc",
            "--out",
            text(&packed)?,
        ])?;
        Ok(packed)
    }

    /// Sends a package over the exchange's own protocol (VXP 3.8); answers what the exchange answered.
    pub(crate) async fn send(&self, package: &Path) -> anyhow::Result<Value> {
        let system = self.demo.systems.iter().find(|system| system.agency == self.from);
        let system = system.with_context(|| format!("{}: not an agency of the demonstration", self.from))?;
        let file = fs::read(package).with_context(|| format!("cannot read {}", package.display()))?;
        let hash = thin_hex(digest::digest(&digest::SHA256, &file).as_ref());
        let (signed, mac) = sign_headers(system, self.from, &hash);
        let root = fs::read(self.config.house.data.join("pki/root.pem"))?;
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&root)?])
            .timeout(std::time::Duration::from_secs(60))
            .build()?;
        let mut body = file;
        // Two bytes that are not part of the file (VXP 0 rule 3).
        body.extend_from_slice(b"\r\n");
        let response = client
            .post(format!("{}/vxp/sendEdoc", self.config.public_url()))
            .header("Content-Type", "application/octet-stream")
            .header("XroadVnpt-systemid", &system.system_id)
            .header("XroadVnpt-sign-header", signed)
            .header("XroadVnpt-hash-header", mac)
            .body(body)
            .send()
            .await
            .context(
                "the exchange does not answer: is `congvan serve --demo` running? / máy chủ chưa chạy?",
            )?;
        Ok(response.json().await?)
    }
}

/// The signed headers and their HMAC (VXP 2).
fn sign_headers(system: &DemoSystem, from: &str, hash: &str) -> (String, String) {
    let members = [
        ("systemid", system.system_id.as_str()),
        ("from", from),
        ("servicetype", "eDoc"),
        ("messagetype", "edoc"),
        ("hash-file", hash),
        ("timestamp", "01012026T000000+0000"),
        ("Content-Type", "application/octet-stream"),
    ];
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("\"XroadVnpt-{name}\":{}", Value::from(*value))).collect();
    let signed = format!("{{{}}}", members.join(","));
    let key = hmac::Key::new(hmac::HMAC_SHA256, system.secret.as_bytes());
    let mac = full_hex(hmac::sign(&key, signed.as_bytes()).as_ref());
    (signed, mac)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{}: not a plain path", path.display()))
}

/// Shows a command of our own and runs it.
fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let quoted: Vec<String> =
        arguments.iter().map(|a| if a.contains(' ') { format!("'{a}'") } else { (*a).to_owned() }).collect();
    eprintln!("$ congvan {}", quoted.join(" "));
    let status = Command::new(std::env::current_exe()?).args(arguments).stdin(Stdio::null()).status()?;
    match status.success() {
        true => Ok(()),
        false => anyhow::bail!("congvan {}: {status}", arguments[0]),
    }
}
