//! Documents for the stories: made, signed and packed with the program's own commands or with pyHanko.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Program;

/// A PDF on its way to being an official document.
pub struct Paper {
    /// Where it lies.
    pub path: PathBuf,
}

impl Paper {
    /// An unsigned one-page PDF.
    pub async fn new(program: &Program, name: &str) -> Self {
        let path = program.data.join(format!("{name}.pdf"));
        program.must(&["demo", "paper", "--title", name, "--out", text(&path)]).await;
        Self { path }
    }

    /// Signed with `congvan sign` by one of the demonstration's signers (`leader1`, `seal1`, …).
    pub async fn signed_by(&self, program: &Program, signer: &str) -> Self {
        let path = self.path.with_extension(format!("{signer}.pdf"));
        let key = program.data.join(format!("pki/{signer}.key"));
        let certificate = program.data.join(format!("pki/{signer}.pem"));
        let tsa = format!("http://127.0.0.1:{}/demo/tsa", program.ports.http);
        program
            .must(&[
                "sign",
                text(&self.path),
                "--key",
                text(&key),
                "--certificate",
                text(&certificate),
                "--tsa",
                &tsa,
                "--out",
                text(&path),
            ])
            .await;
        Self { path }
    }

    /// Signed by pyHanko, an outside signer, with a timestamp and revocation evidence (PAdES B-LT).
    pub fn signed_by_pyhanko(&self, program: &Program, signer: &str) -> Self {
        let bin = std::env::var("CONGVAN_PYHANKO")
            .expect("CONGVAN_PYHANKO is not set: scripts/test-tools says where pyHanko is (make test does)");
        let path = self.path.with_extension(format!("{signer}-pyhanko.pdf"));
        let pki = program.data.join("pki");
        // pyHanko wants the leaf alone; those above it come from the issuing CA's file.
        let chain = std::fs::read_to_string(pki.join(format!("{signer}.pem"))).expect("a chain");
        let end = "-----END CERTIFICATE-----\n";
        let leaf = path.with_extension("leaf.pem");
        std::fs::write(&leaf, chain.split_inclusive(end).next().expect("a leaf")).expect("a file");
        let output = Command::new(Path::new(&bin).join("pyhanko"))
            .args(["sign", "addsig", "--field"])
            .arg(format!("Sig_{signer}"))
            .args(["--timestamp-url", &format!("http://127.0.0.1:{}/demo/tsa", program.ports.http)])
            .args(["--with-validation-info", "--use-pades", "--trust"])
            .arg(pki.join("root.pem"))
            .args(["pemder", "--no-pass", "--key"])
            .arg(pki.join(format!("{signer}.key")))
            .arg("--cert")
            .arg(&leaf)
            .arg("--chain")
            .arg(pki.join("ca.pem"))
            .arg(&self.path)
            .arg(&path)
            .output()
            .expect("pyHanko runs");
        assert!(output.status.success(), "pyhanko: {}", String::from_utf8_lossy(&output.stderr));
        Self { path }
    }

    /// The same with one byte of its content flipped.
    pub fn flipped(&self) -> Self {
        let mut bytes = std::fs::read(&self.path).expect("a paper");
        // A digit of the page's size: still a PDF, no longer what was signed.
        let at = find(&bytes, b"MediaBox").expect("a page") + 15;
        bytes[at] ^= 1;
        let path = self.path.with_extension("flipped.pdf");
        std::fs::write(&path, bytes).expect("a file");
        Self { path }
    }

    /// Packed as edXML by `congvan package`.
    pub async fn packed(&self, program: &Program, from: &str, to: &[&str], number: &str) -> Vec<u8> {
        self.packed_with(program, None, from, to, number).await
    }

    /// Packed together with another file.
    pub async fn packed_with(
        &self,
        program: &Program,
        annex: Option<&Path>,
        from: &str,
        to: &[&str],
        number: &str,
    ) -> Vec<u8> {
        let path = self.path.with_extension(format!("{number}.edxml"));
        let mut arguments = vec!["package", text(&self.path)];
        arguments.extend(annex.map(text));
        arguments.extend([
            "--from",
            from,
            "--number",
            number,
            "--notation",
            "SNV-VP",
            "--subject",
            "V/v phối hợp thử nghiệm liên thông",
            "--signer",
            "Nguyễn Văn Giám",
            "--position",
            "Giám đốc",
            "--out",
            text(&path),
        ]);
        for receiver in to {
            arguments.extend(["--to", receiver]);
        }
        program.must(&arguments).await;
        std::fs::read(&path).expect("a package")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The same package under another number of the same length: in what is said of it, not in its files, whose base64 may hold the same digits.
pub fn renumbered(package: &str, old: &str, new: &str) -> String {
    let (said, files) = package.split_at(package.find("AttachmentEncoded").unwrap_or(package.len()));
    said.replace(old, new) + files
}
