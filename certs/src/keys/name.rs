//! How a key is named: a file, or an object in a token (RFC 7512).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::Error;

/// Longest name taken, bytes. Module path, labels and an id of 20 bytes fit into a quarter.
const NAME_MAX: usize = 4096;

/// The one way to say which key is meant, in the configuration and on the command line.
///
/// * `/etc/congvan/seal.p12`, `file:seal.pem`: a file with the key in PEM, PKCS #8 or PKCS #12;
/// * `pkcs11:token=Con%20dau;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/congvan/pin`:
///   an object in a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyName {
    /// A file.
    File(PathBuf),
    /// A token.
    Token(Box<TokenUri>),
}

/// A `pkcs11:` URI (RFC 7512 §2). What is `None` does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenUri {
    /// The library that speaks to the token.
    pub module: PathBuf,
    /// Label of the token.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Number of the slot.
    pub slot: Option<u64>,
    /// Label of the certificate or key.
    pub object: Option<String>,
    /// CKA_ID of the certificate or key.
    pub id: Option<Vec<u8>>,
    /// Where the PIN comes from.
    pub pin: Option<PinSource>,
}

/// Where a PIN or password comes from; never from the name itself, which others can read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PinSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl FromStr for KeyName {
    type Err = Error;

    /// Errors: [`Error::KeyName`].
    fn from_str(text: &str) -> Result<KeyName, Error> {
        if text.len() > NAME_MAX || text.contains('\0') {
            return Err(Error::KeyName("too long, or with a NUL"));
        }
        if let Some(rest) = text.strip_prefix("pkcs11:") {
            return TokenUri::read(rest).map(|uri| KeyName::Token(Box::new(uri)));
        }
        let path = text.strip_prefix("file:").unwrap_or(text);
        // RFC 8089: file:///path and file:/path are the same file.
        let path = path.strip_prefix("//").filter(|_| text.starts_with("file://")).unwrap_or(path);
        match path.is_empty() {
            true => Err(Error::KeyName("a file or a pkcs11: URI is needed")),
            false => Ok(KeyName::File(PathBuf::from(path))),
        }
    }
}

impl FromStr for PinSource {
    type Err = Error;

    /// `file:PATH`, a path, or `env:NAME`. Errors: [`Error::KeyName`].
    fn from_str(text: &str) -> Result<PinSource, Error> {
        if let Some(name) = text.strip_prefix("env:") {
            let named = !name.is_empty() && !name.contains(['=', '\0']);
            return named.then(|| PinSource::Variable(name.to_owned())).ok_or(Error::KeyName("pin-source"));
        }
        // RFC 7512 §2.4 lets `|program` run a program. A configuration that runs programs is a hole.
        let is_other = text.starts_with('|') || (text.contains(':') && !text.starts_with("file:"));
        match text.parse() {
            Ok(KeyName::File(path)) if !is_other => Ok(PinSource::File(path)),
            _ => Err(Error::KeyName("pin-source is file:PATH or env:NAME")),
        }
    }
}

impl TokenUri {
    /// Reads what follows `pkcs11:`. Attributes come once each, and unknown ones are refused: one that is overlooked
    /// could choose another key.
    fn read(text: &str) -> Result<TokenUri, Error> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut uri = TokenUri::default();
        let mut seen = Vec::new();
        let pairs = path.split(';').chain(query.split('&')).filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').ok_or(Error::KeyName("an attribute has no value"))?;
            if seen.contains(&name) {
                return Err(Error::KeyName("an attribute stands twice"));
            }
            seen.push(name);
            uri.set(name, &unescape(value)?)?;
        }
        if uri.module.as_os_str().is_empty() {
            return Err(Error::KeyName("module-path=… is missing: the library that speaks to the token"));
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let text = || {
            let text = std::str::from_utf8(value).map_err(|_| Error::KeyName("a text is not UTF-8"))?;
            Ok::<_, Error>(text.to_owned())
        };
        match name {
            "token" => self.token = Some(text()?),
            "serial" => self.serial = Some(text()?),
            "manufacturer" => self.manufacturer = Some(text()?),
            "model" => self.model = Some(text()?),
            "slot-id" => {
                let number = text()?.parse().map_err(|_| Error::KeyName("slot-id is not a number"))?;
                self.slot = Some(number);
            }
            "object" => self.object = Some(text()?),
            "id" => self.id = Some(value.to_vec()),
            // Both parts of a pair bear the same label and id; which one is needed is known here.
            "type" if matches!(value, b"private" | b"cert" | b"public") => {}
            "module-path" => self.module = PathBuf::from(text()?),
            "pin-source" => self.pin = Some(text()?.parse()?),
            "pin-value" => {
                return Err(Error::KeyName("a PIN has no place in a name; use pin-source=file:PATH"));
            }
            _ => return Err(Error::KeyName("an attribute is not known here")),
        }
        Ok(())
    }
}

/// Percent-decoding.
fn unescape(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        out.push(match byte {
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                // Two hexadecimal digits are at most 255.
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err(Error::KeyName("% needs two hexadecimal digits")),
            },
            other => other,
        });
    }
    Ok(out)
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|&byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
            write!(f, "{}", char::from(byte))
        }
        _ => write!(f, "%{byte:02X}"),
    })
}

/// A path with its scheme; two slashes at its beginning would be read as part of that.
fn file(path: &Path) -> String {
    let host = if path.to_string_lossy().starts_with("//") { "//" } else { "" };
    format!("file:{host}{}", path.display())
}

impl fmt::Display for KeyName {
    /// In the form it is read from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A path that looks like something else is told apart by its scheme.
            KeyName::File(path) if path.to_string_lossy().contains(':') => f.write_str(&file(path)),
            KeyName::File(path) => write!(f, "{}", path.display()),
            KeyName::Token(uri) => write!(f, "{uri}"),
        }
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.slot.map(|slot| slot.to_string());
        let texts = [
            ("token", &self.token),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("slot-id", &slot),
            ("object", &self.object),
        ];
        let texts = texts.iter().filter_map(|(name, text)| Some((*name, text.as_ref()?.as_bytes())));
        f.write_str("pkcs11:")?;
        for (number, (name, value)) in texts.chain(self.id.as_deref().map(|id| ("id", id))).enumerate() {
            write!(f, "{}{name}=", if number == 0 { "" } else { ";" })?;
            escape(f, value)?;
        }
        f.write_str("?module-path=")?;
        escape(f, self.module.to_string_lossy().as_bytes())?;
        let source = match &self.pin {
            None => return Ok(()),
            Some(PinSource::File(path)) => file(path),
            Some(PinSource::Variable(name)) => format!("env:{name}"),
        };
        f.write_str("&pin-source=")?;
        escape(f, source.as_bytes())
    }
}
