//! The desk where files are signed: one after the other with one key, each judged again before it leaves, each with an
//! answer of its own (RULES D8, D32).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use certs::Certificate;
use certs::algorithm::Digest;
use clap::{Args, ValueEnum};
use serde::Serialize;
use signer::make::{self, Prepared, SealBasis, Signing, Stamped};
use signer::{Code, Evidence, Limits, Policy, Reason};

use super::key::KeyOptions;
use super::release::{Level, Release, Released, Said, Summary, Words, nonce, said};
use super::sign_file::{FileForm, SignFile};
use super::{Outcome, files};
use crate::evidence::{Case, Fetcher};
use crate::keys::OwnKey;

/// Bytes of a signature value or container made elsewhere.
const ANSWER_MAX: usize = 1024 * 1024;

/// The level a file has to reach, or it is not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum LevelWord {
    /// PAdES-B-B.
    B,
    /// PAdES-B-T.
    T,
    /// PAdES-B-LT (RULES D32).
    Lt,
    /// PAdES-B-LTA (RULES D31).
    Lta,
}

/// Exit: 0 mọi tệp đã ký, 1 có tệp không ký được, 3 lệnh không thực hiện được. / 0 all files are signed, 1 some file is not,
/// 3 the command could not be carried out.
#[derive(Args)]
pub(super) struct Work {
    /// Các tệp PDF cần ký. / The PDFs.
    #[arg(required_unless_present = "finish")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) key: KeyOptions,
    /// Địa chỉ dịch vụ dấu thời gian. / Address of a timestamp authority.
    #[arg(long)]
    tsa: Option<String>,
    /// Mức PAdES phải đạt, nếu không tệp không được phát hành. / The PAdES level to reach, or the file is not released.
    #[arg(long)]
    level: Option<LevelWord>,
    /// Lý do ký, cho người đọc chữ ký. / Why the document is signed, for readers of the signature.
    #[arg(long)]
    reason: Option<String>,
    /// Nơi ký. / Where it is signed.
    #[arg(long)]
    location: Option<String>,
    /// Trường chữ ký có sẵn cần ký, hoặc tên trường mới. / Signature field to fill or to make.
    #[arg(long)]
    field: Option<String>,
    /// Tệp kết quả. / Where the signed PDF goes.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Thư mục kết quả; mỗi tệp giữ tên cũ. / Directory for the signed PDFs, each under its own name.
    #[arg(long, conflicts_with = "out")]
    out_dir: Option<PathBuf>,
    /// Ghi đè tệp đã có. / Replace what is there.
    #[arg(long)]
    force: bool,
    /// Chứng thư tin cậy (PEM hoặc thư mục) thay cho của hệ thống. / Certificates to trust (PEM, or a directory of them) instead of
    /// the installation's.
    #[arg(long)]
    trust: Vec<PathBuf>,
    /// Danh sách thu hồi có sẵn. / Revocation lists at hand.
    #[arg(long)]
    crls: Vec<PathBuf>,
    /// Không tải dữ liệu kiểm tra. / Fetch no evidence.
    #[arg(long)]
    offline: bool,
    /// Trả lời bằng JSON. / Answer as JSON.
    #[arg(long)]
    json: bool,
    /// Bước 1 khi khóa ở nơi khác: ghi trạng thái vào tệp này, in giá trị cần ký. Chỉ cần --certificate. / Step 1 for a key
    /// elsewhere: write the state to this file, print what is to be signed. Needs --certificate only.
    #[arg(long, value_name = "STATE", conflicts_with_all = ["out", "out_dir", "finish"])]
    prepare: Option<PathBuf>,
    /// Bước 2: nhận giá trị chữ ký cho trạng thái này, phát hành tệp. / Step 2: take the signature for this state and release
    /// the file.
    #[arg(long, value_name = "STATE", conflicts_with_all = ["files", "out_dir"])]
    finish: Option<PathBuf>,
    /// Giá trị chữ ký (nhị phân hoặc base64). / The signature value (binary or base64).
    #[arg(long, requires = "finish")]
    signature: Option<PathBuf>,
    /// Chữ ký CMS hoàn chỉnh, tách rời (DER hoặc base64). / A whole detached CMS (DER or base64).
    #[arg(long, requires = "finish", conflicts_with = "signature")]
    cms: Option<PathBuf>,
}

/// What a command makes of a file before it is signed.
pub(super) trait Plan {
    /// How this file is to be signed; `signing` has what every file has.
    fn signing(&self, bytes: &[u8], signing: Signing) -> anyhow::Result<Signing>;

    /// For an agency's seal: why it may be put on.
    fn basis(&self) -> Option<SealBasis>;

    /// For what is no signature in a PDF: what is made, and what is added to the file's name.
    fn form(&self) -> Option<(FileForm, &'static str)> {
        None
    }
}

/// What became of one file.
#[derive(Serialize)]
struct Told {
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
    released: bool,
    #[serde(flatten)]
    good: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Words>,
}

/// What a key elsewhere needs to know.
#[derive(Serialize)]
struct ToSign<'s> {
    state: &'s Path,
    digest_algorithm: &'static str,
    /// What the key signs: a key that hashes itself gets `to_sign`, one that does not gets `digest`.
    to_sign: String,
    digest: String,
    /// For a helper that makes the whole container.
    content_digest: String,
}

/// Who does the work.
struct Desk<'w> {
    work: &'w Work,
    fetcher: Fetcher,
    policy: Policy,
    evidence: Evidence,
}

impl Work {
    /// Carries out the command.
    pub(super) fn run(&self, plan: &dyn Plan, config: &Path) -> Outcome {
        let wants_stamp = self.level.is_some_and(|level| level >= LevelWord::T);
        anyhow::ensure!(
            !wants_stamp || self.tsa.is_some(),
            "--level t, lt and lta need --tsa (thiếu địa chỉ dịch vụ dấu thời gian)"
        );
        let config = files::configuration(config)?;
        let trust = match self.trust.is_empty() {
            true => files::installed_trust(config.as_ref())?,
            false => files::anchors(&self.trust)?,
        };
        let evidence = files::evidence(&[], &self.crls, &[])?;
        let fetcher = files::fetcher(config.as_ref(), &trust, !self.offline)?;
        let policy = Policy { trust, ..Policy::default() };
        let desk = Desk { work: self, fetcher, policy, evidence };
        super::runtime()?.block_on(async {
            match (&self.prepare, &self.finish) {
                (Some(state), _) => desk.prepare_for_elsewhere(plan, state).await,
                (None, Some(state)) => desk.finish_from_elsewhere(state).await,
                (None, None) => desk.sign_all(plan).await,
            }
        })
    }

    /// Nothing was asked for that only a signature in a PDF has.
    pub(super) fn goes_with_any_file(&self) -> bool {
        let words = [&self.reason, &self.location, &self.field];
        words.iter().all(|word| word.is_none())
            && self.level.is_none()
            && self.prepare.is_none()
            && self.finish.is_none()
            && self.crls.is_empty()
    }

    /// Each file with where it goes.
    fn pairs(&self, ending: &str) -> anyhow::Result<Vec<(&Path, PathBuf)>> {
        let mut pairs = Vec::new();
        let mut names = HashSet::new();
        for file in &self.files {
            let out = match (&self.out, &self.out_dir) {
                (Some(out), _) => out.clone(),
                (None, Some(directory)) => {
                    let name = file.file_name().with_context(|| format!("{} is no file", file.display()))?;
                    let mut name = name.to_owned();
                    name.push(ending);
                    directory.join(name)
                }
                (None, None) => anyhow::bail!("--out or --out-dir is needed (thiếu nơi ghi kết quả)"),
            };
            anyhow::ensure!(
                names.insert(out.clone()),
                "{} would be written twice; use --out-dir and different names (hai tệp trùng tên kết quả)",
                out.display()
            );
            pairs.push((file.as_path(), out));
        }
        Ok(pairs)
    }

    fn put(&self, out: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        files::put(out, bytes, self.force)
    }

    /// Before the work: a result that could not be written is not made.
    fn check_free(&self, out: &Path) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.force || !out.exists(),
            "{} exists; --force replaces it (tệp đã có)",
            out.display()
        );
        Ok(())
    }

    fn one_file(&self) -> anyhow::Result<&Path> {
        match self.files.as_slice() {
            [one] => Ok(one),
            _ => anyhow::bail!("--prepare takes one file (chỉ một tệp mỗi lần)"),
        }
    }

    fn out(&self) -> anyhow::Result<&Path> {
        self.out.as_deref().context("--out is needed (thiếu nơi ghi kết quả)")
    }

    /// Says what became of the files, and the exit code.
    fn tell(&self, all: &[Told]) -> Outcome {
        let failed = all.iter().filter(|told| !told.released).count();
        if self.json {
            let answer =
                serde_json::json!({ "results": all, "signed": all.len() - failed, "failed": failed });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
        for told in all.iter().filter(|_| !self.json) {
            let name = |path: &Path| files::plain(&path.display().to_string());
            if let (Some(good), Some(out)) = (&told.good, &told.out) {
                println!("{}: {good}", name(out));
                good.warnings.iter().for_each(|warning| eprintln!("{warning}"));
            }
            if let Some(error) = &told.error {
                eprintln!("{}: {error}", name(&told.file));
            }
        }
        Ok(ExitCode::from(u8::from(failed > 0)))
    }
}

/// Binary, or base64 as programs print it.
fn binary(bytes: Vec<u8>) -> Vec<u8> {
    let text: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    match text.is_ascii() {
        true => BASE64.decode(&text).unwrap_or(bytes),
        false => bytes,
    }
}

impl Desk<'_> {
    /// One key, one login; a file that fails does not stop the others.
    async fn sign_all(&self, plan: &dyn Plan) -> Outcome {
        let pairs = self.work.pairs(plan.form().map_or("", |(_, ending)| ending))?;
        let key = self.work.key.open()?;
        let mut all = Vec::new();
        for (file, out) in pairs {
            let done = self.sign_one(plan, &key, file, &out).await;
            all.push(Told::of(file, out, done));
        }
        self.work.tell(&all)
    }

    async fn sign_one(
        &self,
        plan: &dyn Plan,
        key: &OwnKey,
        file: &Path,
        out: &Path,
    ) -> anyhow::Result<Summary> {
        self.work.check_free(out)?;
        if let Some((form, _)) = plan.form() {
            let bytes: Arc<[u8]> = files::read(file, Limits::default().file_bytes)?.into();
            let (fetcher, policy, tsa) = (&self.fetcher, &self.policy, self.work.tsa.as_deref());
            let signed = SignFile { form, signer: key, tsa, fetcher, policy }.run(bytes).await?;
            self.work.put(out, &signed.bytes)?;
            return Ok(signed.summary());
        }
        let prepared = self.prepare(plan, &key.chain, key.key.usual_scheme(), file).await?;
        let scheme = prepared.scheme();
        let stamped = prepared.sign(&*key.key, scheme).map_err(said)?;
        let released = self.stamp_and_release(stamped, &key.chain).await?;
        self.work.put(out, &released.bytes)?;
        Ok(released.summary())
    }

    async fn prepare(
        &self,
        plan: &dyn Plan,
        chain: &[Certificate],
        scheme: certs::keys::Scheme,
        file: &Path,
    ) -> anyhow::Result<Prepared> {
        let limits = Limits::default();
        let bytes: Arc<[u8]> = files::read(file, limits.file_bytes)?.into();
        let mut signing = Signing::new(chain.to_vec(), scheme, files::now());
        signing.reason = self.work.reason.clone();
        signing.location = self.work.location.clone();
        signing.field = self.work.field.clone();
        let signing = plan.signing(&bytes, signing)?;
        match plan.basis() {
            None => make::prepare(&bytes, &signing, &limits),
            Some(basis) => {
                let policy = Arc::new(self.policy.clone());
                let case = Case { input: bytes.into(), policy, now: files::now() };
                let judged = self.fetcher.judge(&case, self.evidence.clone()).await;
                make::prepare_seal(&judged, &basis, &signing, &limits)
            }
        }
        .map_err(said)
    }

    async fn stamp_and_release(&self, stamped: Stamped, own: &[Certificate]) -> anyhow::Result<Released> {
        let token = match &self.work.tsa {
            Some(url) => Some(ask(&self.fetcher, url, &stamped.timestamp_request(nonce())).await?),
            None => None,
        };
        self.release(stamped.finish(token.as_deref()).map_err(said)?, own).await
    }

    /// Judges what was made; holds it against the level asked for, archives it where that is asked for.
    async fn release(&self, file: Vec<u8>, own: &[Certificate]) -> anyhow::Result<Released> {
        let (fetcher, policy, evidence) = (&self.fetcher, self.policy.clone(), &self.evidence);
        let released = Release { fetcher, policy, own, evidence }.release(file).await?;
        let reached = match released.level() {
            Level::B => LevelWord::B,
            Level::T => LevelWord::T,
            _ => LevelWord::Lt,
        };
        let wanted = self.work.level.unwrap_or(LevelWord::B);
        if reached < wanted.min(LevelWord::Lt) {
            return Err(said(Reason::of(Code::MakeLevel, released.level())));
        }
        match (wanted, &self.work.tsa) {
            (LevelWord::Lta, Some(url)) => {
                archive(fetcher, &self.policy, evidence, url, &released.bytes).await
            }
            _ => Ok(released),
        }
    }

    async fn prepare_for_elsewhere(&self, plan: &dyn Plan, state: &Path) -> Outcome {
        let file = self.work.one_file()?;
        self.work.check_free(state)?;
        let chain = self.work.key.certificate.as_deref();
        let chain = files::certificates(chain.context("--certificate is needed (thiếu chứng thư số)")?)?;
        let kind = chain.first().map(|one| one.public_key().kind());
        let scheme = kind.and_then(certs::keys::Scheme::usual);
        let scheme =
            scheme.context("the first certificate's key cannot sign documents (khóa không phù hợp)")?;
        let prepared = match self.prepare(plan, &chain, scheme, file).await {
            Ok(prepared) => prepared,
            Err(error) => {
                return self.work.tell(&[Told::of(file, state.to_owned(), Err(error))]);
            }
        };
        self.work.put(state, &prepared.to_bytes())?;
        let answer = ToSign {
            state,
            digest_algorithm: match prepared.scheme().digest() {
                Digest::Sha384 => "SHA-384",
                Digest::Sha512 => "SHA-512",
                // No scheme of ours uses another.
                _ => "SHA-256",
            },
            to_sign: BASE64.encode(prepared.to_sign()),
            digest: BASE64.encode(prepared.digest()),
            content_digest: BASE64.encode(prepared.content_digest()),
        };
        match self.work.json {
            true => println!("{}", serde_json::to_string_pretty(&answer)?),
            false => println!("{}", answer.digest),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn finish_from_elsewhere(&self, state: &Path) -> Outcome {
        let out = self.work.out()?;
        self.work.check_free(out)?;
        let limits = Limits::default();
        // The file and its certificates, and a little around them.
        let bytes = files::read(state, limits.file_bytes.saturating_add(ANSWER_MAX))?;
        let prepared = Prepared::from_bytes(&bytes, &limits).map_err(said)?;
        let own = prepared.certificates().to_vec();
        let released = match (&self.work.signature, &self.work.cms) {
            (Some(value), _) => {
                let value = binary(files::read(value, ANSWER_MAX)?);
                self.stamp_and_release(prepared.signed(value), &own).await
            }
            (None, Some(container)) => {
                let container = binary(files::read(container, ANSWER_MAX)?);
                match prepared.embed(&container) {
                    Ok(file) => self.release(file, &own).await,
                    Err(reason) => Err(said(reason)),
                }
            }
            (None, None) => anyhow::bail!("--signature or --cms is needed (thiếu giá trị chữ ký)"),
        };
        let released = released.and_then(|released| {
            self.work.put(out, &released.bytes)?;
            Ok(released.summary())
        });
        self.work.tell(&[Told::of(state, out.to_owned(), released)])
    }
}

impl Told {
    fn of(file: &Path, out: PathBuf, done: anyhow::Result<Summary>) -> Self {
        let file = file.to_owned();
        match done {
            Ok(good) => Self { file, out: Some(out), released: true, good: Some(good), error: None },
            Err(error) => {
                Self { file, out: None, released: false, good: None, error: Some(Said::words(&error)) }
            }
        }
    }
}

/// Asks a timestamp authority.
pub(super) async fn ask(
    fetcher: &Fetcher,
    url: &str,
    request: &signer::tst::Request,
) -> anyhow::Result<Vec<u8>> {
    fetcher.timestamp(url, request).await.with_context(|| format!("timestamp from {url}"))
}

/// Archives a PDF: the evidence for what is signed in it, then a timestamp over all (ETSI EN 319 142-1 §5.5).
pub(super) async fn archive(
    fetcher: &Fetcher,
    policy: &Policy,
    evidence: &Evidence,
    tsa: &str,
    bytes: &[u8],
) -> anyhow::Result<Released> {
    let limits = Limits::default();
    let case = Case { input: bytes.to_vec().into(), policy: Arc::new(policy.clone()), now: files::now() };
    let judged = fetcher.judge(&case, evidence.clone()).await;
    let complete = make::add_evidence(bytes, judged.used_evidence(), &limits).map_err(said)?;
    let prepared = make::prepare_timestamp(&complete, &limits).map_err(said)?;
    let token = ask(fetcher, tsa, &prepared.timestamp_request(nonce())).await?;
    let stamped = prepared.finish(&token).map_err(said)?;
    Release { fetcher, policy: policy.clone(), own: &[], evidence }.release(stamped).await
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
