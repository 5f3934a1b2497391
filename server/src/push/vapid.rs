//! Who pushes: each push is signed with the house's own key (RFC 8292), which clients learn from the session (RFC 9749). A push service
//! can then refuse what anybody else sends to a subscription.

use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certs::keys::{Key, KeyKind, Scheme, Size, ecdsa_to_fixed};
use mail::Timestamp;
use serde_json::{Value, json};

use crate::house::{House, write_private};

/// How long a token is good: RFC 8292 §2 allows a day at most, and clocks differ.
const GOOD_SECONDS: i64 = 12 * 3600;

/// The house's key for pushes.
pub(crate) struct Vapid {
    key: Key,
    /// Whom a push service asks when something is wrong.
    subject: String,
}

impl Vapid {
    /// Reads the key; makes one at first use.
    ///
    /// # Errors
    /// The file cannot be read, or its key is not one of P-256.
    pub(crate) fn read(house: &House) -> anyhow::Result<Self> {
        Self::at(&house.config.push_key(), house.config.public_url())
    }

    fn at(path: &Path, subject: String) -> anyhow::Result<Self> {
        if !path.exists() {
            write_private(path, &Key::generate(Size::P256)?.to_pem()?)?;
        }
        let pem = std::fs::read(path).with_context(|| {
            format!("cannot read the key for pushes {} (không đọc được khóa gửi thông báo)", path.display())
        })?;
        let key = Key::from_pem(&pem, None)
            .context("the key for pushes is not a private key (khóa gửi thông báo không phải khóa bí mật)")?;
        anyhow::ensure!(
            key.kind() == KeyKind::P256,
            "push.key: a key on P-256 is needed, RFC 8292 §2 (cần khóa trên đường cong P-256)"
        );
        Ok(Self { key, subject })
    }

    /// The public half, an uncompressed point (RFC 8292 §3.2).
    pub(crate) fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.public().key_bytes())
    }

    /// The `Authorization` of a push to an origin (RFC 8292 §2, §3).
    ///
    /// # Errors
    /// The library cannot sign.
    pub(super) fn authorization(&self, origin: &str, now: Timestamp) -> anyhow::Result<String> {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({ "aud": origin, "exp": now.secs() + GOOD_SECONDS, "sub": self.subject });
        let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "ES256" })), part(claims));
        let signature = self.key.sign(Scheme::EcdsaP256Sha256, signed.as_bytes())?;
        // JWS has the two numbers in 32 bytes each (RFC 7518 §3.4).
        let signature = URL_SAFE_NO_PAD.encode(ecdsa_to_fixed(signature.as_bytes(), 32)?);
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::keys::{Signature, ecdsa_from_fixed};

    #[test]
    fn rfc_8292_a_token_for_one_origin_and_half_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.pem");
        let vapid = Vapid::at(&path, "https://mail.a.gov.vn".to_owned()).unwrap();
        let again = Vapid::at(&path, String::new()).unwrap();
        assert_eq!(vapid.public(), again.public(), "the key stays");
        assert_eq!(URL_SAFE_NO_PAD.decode(vapid.public()).unwrap().len(), 65);
        let said = vapid.authorization("https://push.example.vn", Timestamp::from_secs(1_000)).unwrap();
        let token = said.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(token.1, vapid.public());
        let (signed, signature) = token.0.rsplit_once('.').unwrap();
        let signature = ecdsa_from_fixed(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let key = vapid.key.public();
        let made = Signature::made_elsewhere(key, Scheme::EcdsaP256Sha256, signed.as_bytes(), &signature);
        assert!(made.is_ok());
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let expected =
            json!({ "aud": "https://push.example.vn", "exp": 44_200, "sub": "https://mail.a.gov.vn" });
        assert_eq!(claims, expected);
        std::fs::write(&path, Key::generate(Size::P384).unwrap().to_pem().unwrap().as_slice()).unwrap();
        assert!(Vapid::at(&path, String::new()).is_err());
    }
}
