//! Our own keys, opened by their names: the files are read here, what is in them is used in `certs::keys` only.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use certs::keys::{Key, KeyName, Pin, PinSource, SigningKey, Token, TokenKey, TokenUri};
use certs::{Certificate, Limits};
use mail::Secret;
use zeroize::Zeroizing;

/// Bytes of a key file or PKCS #12 container.
const KEY_MAX: usize = 1024 * 1024;
/// Bytes of a password or PIN.
pub(crate) const PASSWORD_MAX: usize = 4096;

/// A key of ours and its certificates.
pub(crate) struct OwnKey {
    /// The private half, wherever it lies.
    pub(crate) key: Arc<dyn SigningKey>,
    /// The key's certificate first, then those above it as far as they are known.
    pub(crate) chain: Vec<Certificate>,
}

/// A fault of keys, in both languages.
pub(crate) fn said(error: certs::Error) -> anyhow::Error {
    anyhow::anyhow!("[{}] {} / {error}", error.code(), error.vietnamese())
}

impl OwnKey {
    /// Opens a key. `given` are certificates that came with it by other ways; without any, the key's own file or token has to
    /// have one. `password` is asked only when the key needs one. Blocks for as long as a token thinks.
    pub(crate) fn open(
        name: &KeyName,
        given: Vec<Certificate>,
        password: impl FnMut() -> anyhow::Result<Option<Secret<String>>>,
    ) -> anyhow::Result<OwnKey> {
        let own = match name {
            KeyName::File(path) => Self::from_file(path, given, password),
            KeyName::Token(uri) => Self::from_token(uri, given, password),
        };
        own.with_context(|| format!("khóa / key {name}"))
    }

    fn from_file(
        path: &Path,
        given: Vec<Certificate>,
        mut password: impl FnMut() -> anyhow::Result<Option<Secret<String>>>,
    ) -> anyhow::Result<OwnKey> {
        let bytes = Zeroizing::new(read(path, KEY_MAX)?);
        let opened = match Key::from_file(&bytes, None) {
            Err(certs::Error::KeyLocked) => {
                let password = password()?;
                let password = password.as_ref().map(|secret| secret.expose_secret().as_str());
                Key::from_file(&bytes, password)
            }
            other => other,
        };
        let opened = opened.map_err(said)?;
        let known: Vec<_> = given.into_iter().chain(opened.certificate).chain(opened.others).collect();
        let public = opened.key.public();
        let own = known.iter().find(|one| one.public_key() == public);
        let own = own.context("no certificate belongs to this key (chứng thư không khớp với khóa)")?;
        Ok(OwnKey { chain: chain(own, &known), key: Arc::new(opened.key) })
    }

    fn from_token(
        uri: &TokenUri,
        given: Vec<Certificate>,
        mut password: impl FnMut() -> anyhow::Result<Option<Secret<String>>>,
    ) -> anyhow::Result<OwnKey> {
        let limits = Limits::default();
        let pin = match &uri.pin {
            Some(source) => Some(secret(source)?),
            None => password()?,
        };
        let pin = pin.as_ref().map(|pin| Pin::from(pin.expose_secret().as_str()));
        let token = Arc::new(Token::open(uri, pin, &limits).map_err(said)?);
        // Files state the leaf first.
        let key = TokenKey::open(token, uri, given.first().cloned(), &limits).map_err(said)?;
        let known: Vec<_> = given.into_iter().chain(key.others().iter().cloned()).collect();
        Ok(OwnKey { chain: chain(key.certificate(), &known), key: Arc::new(key) })
    }
}

/// The certificate, and above it whoever of the others signed it, and so on.
fn chain(own: &Certificate, known: &[Certificate]) -> Vec<Certificate> {
    let mut chain = vec![own.clone()];
    while let Some(top) = chain.last() {
        let signed = |one: &&Certificate| {
            one.subject() == top.issuer()
                && top.verify_signature(one.public_key()).is_ok()
                && !chain.contains(one)
        };
        let Some(next) = known.iter().find(signed) else { break };
        chain.push(next.clone());
    }
    chain
}

/// The first line of a file, or an environment variable.
pub(crate) fn secret(source: &PinSource) -> anyhow::Result<Secret<String>> {
    match source {
        PinSource::File(path) => {
            let bytes = Zeroizing::new(read(path, PASSWORD_MAX)?);
            let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().next());
            let text = text.with_context(|| format!("{} holds no password", path.display()))?;
            Ok(Secret::from(text))
        }
        PinSource::Variable(name) => {
            let text = std::env::var(name)
                .map_err(|_| anyhow::anyhow!("the environment variable {name} is not set (chưa đặt biến)"))?;
            Ok(Secret::from(text.as_str()))
        }
    }
}

fn read(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read {} (không đọc được tệp)", path.display()))?;
    anyhow::ensure!(bytes.len() <= most, "{} is larger than {most} bytes (tệp quá lớn)", path.display());
    Ok(bytes)
}
