//! Access tokens of the province's single sign-on (RFC 6749, RFC 9068; as OpenID Connect issues them): signed JSON (RFC 7519), judged here
//! without asking the issuer.
//!
//! Nothing of a token counts before its signature does, and the algorithm is the key's, never the token's word alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::{EmailAddress, Secret, Timestamp};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Octets of a token, at most.
pub const TOKEN_MAX: usize = 8 * 1024;
/// Octets of a set of keys, at most.
pub const KEYS_BYTES_MAX: usize = 256 * 1024;
/// Keys looked at; an issuer has two or three.
const KEYS_MAX: usize = 50;
/// By how much clocks may differ.
const LEEWAY_SECS: i64 = 60;

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is none.
    #[error("not a token")]
    NotToken,
    /// It is signed by an algorithm that is not taken, or not at all.
    #[error("an algorithm that is not taken")]
    Algorithm,
    /// None of the issuer's keys signed it; they may have changed.
    #[error("no key of the issuer signed it")]
    UnknownKey,
    /// It is of another issuer, or for somebody else.
    #[error("of another issuer or for another audience")]
    Foreign,
    /// Its time has not come or is over.
    #[error("its time is over or has not come")]
    Expired,
    /// It does not say whose it is.
    #[error("it names no address")]
    Nobody,
}

/// The text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a set of keys (RFC 7517)")]
pub struct BadKeys;

/// Whose a token is, and until when it opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address it names.
    pub address: EmailAddress,
    /// The end of its time, leeway included.
    pub until: Timestamp,
}

/// What a token has to say to count here.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `iss`, to the letter.
    pub issuer: String,
    /// One of `aud`.
    pub audience: String,
    /// The claim that holds the address: `email`, `preferred_username`.
    pub claim: String,
}

/// A key of the issuer, in the one algorithm it is for.
#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// RS256 and PS256: modulus and exponent.
    Rsa(Vec<u8>, Vec<u8>),
    /// ES256: an uncompressed point.
    P256(Vec<u8>),
    /// EdDSA.
    Ed25519(Vec<u8>),
}

/// The issuer's keys (RFC 7517).
#[derive(Clone, Debug)]
pub struct TokenKeys(Vec<Key>);

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl TokenKeys {
    /// Reads a set of keys; those of other kinds and uses are left out.
    ///
    /// # Errors
    /// [`BadKeys`] when it is none, or holds none that can be used.
    pub fn read(json: &[u8]) -> Result<Self, BadKeys> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        if json.len() > KEYS_BYTES_MAX {
            return Err(BadKeys);
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| BadKeys)?;
        let keys: Vec<Key> = set.keys.into_iter().take(KEYS_MAX).filter_map(key).collect();
        if keys.is_empty() { Err(BadKeys) } else { Ok(Self(keys)) }
    }

    /// Judges a token: whose it is.
    ///
    /// # Errors
    /// [`TokenFault`]; with [`TokenFault::UnknownKey`] it is worth looking for newer keys.
    pub fn judge(
        &self,
        token: &Secret<String>,
        rules: &TokenRules,
        now: Timestamp,
    ) -> Result<Held, TokenFault> {
        let token = token.expose_secret();
        if token.len() > TOKEN_MAX {
            return Err(TokenFault::NotToken);
        }
        let (signed, mark) = token.rsplit_once('.').ok_or(TokenFault::NotToken)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::NotToken)?;
        let header = object(header)?;
        // An extension that must be understood is not (RFC 7515 §4.1.11).
        let algorithm = header.get("alg").and_then(Value::as_str).filter(|_| !header.contains_key("crit"));
        let algorithm = algorithm.ok_or(TokenFault::Algorithm)?;
        if !["RS256", "PS256", "ES256", "EdDSA"].contains(&algorithm) {
            return Err(TokenFault::Algorithm);
        }
        let id = header.get("kid").and_then(Value::as_str);
        let mark = URL_SAFE_NO_PAD.decode(mark).map_err(|_| TokenFault::NotToken)?;
        let named = |key: &&Key| id.is_none() || key.id.is_none() || key.id.as_deref() == id;
        let is_signed =
            self.0.iter().filter(named).any(|key| key.kind.signed(algorithm, signed.as_bytes(), &mark));
        match is_signed {
            true => accepted(&object(claims)?, rules, now),
            false => Err(TokenFault::UnknownKey),
        }
    }
}

fn key(jwk: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let kind = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Kind::Rsa(bytes(&jwk.n)?, bytes(&jwk.e)?),
        ("EC", Some("P-256")) => Kind::P256([&[4][..], &bytes(&jwk.x)?, &bytes(&jwk.y)?].concat()),
        ("OKP", Some("Ed25519")) => Kind::Ed25519(bytes(&jwk.x)?),
        _ => return None,
    };
    Some(Key { id: jwk.kid, kind })
}

impl Kind {
    fn signed(&self, algorithm: &str, signed: &[u8], mark: &[u8]) -> bool {
        let good = match (self, algorithm) {
            (Self::Rsa(n, e), "RS256") => {
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, mark)
            }
            (Self::Rsa(n, e), "PS256") => {
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PSS_2048_8192_SHA256, signed, mark)
            }
            (Self::P256(point), "ES256") => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(signed, mark)
            }
            (Self::Ed25519(key), "EdDSA") => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, mark)
            }
            _ => return false,
        };
        good.is_ok()
    }
}

fn object(part: &str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::NotToken)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::NotToken)
}

/// What a signed token says, held against the rules.
fn accepted(claims: &Map<String, Value>, rules: &TokenRules, now: Timestamp) -> Result<Held, TokenFault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_for_us = match claims.get("aud") {
        Some(Value::String(one)) => *one == rules.audience,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(&rules.audience)),
        _ => false,
    };
    if text("iss") != Some(&rules.issuer) || !is_for_us {
        return Err(TokenFault::Foreign);
    }
    let moment = |name: &str| claims.get(name).and_then(Value::as_f64).map(|secs| secs as i64);
    // Without an end it would open for ever.
    let ends = moment("exp").ok_or(TokenFault::Expired)?;
    let ends = ends.saturating_add(LEEWAY_SECS);
    let begins = moment("nbf").unwrap_or(i64::MIN);
    if ends <= now.secs() || begins.saturating_sub(LEEWAY_SECS) > now.secs() {
        return Err(TokenFault::Expired);
    }
    // An address that the issuer has not verified may be whatever its holder typed in.
    if rules.claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
        return Err(TokenFault::Nobody);
    }
    let address = text(&rules.claim).and_then(|address| address.parse().ok()).ok_or(TokenFault::Nobody)?;
    Ok(Held { address, until: Timestamp::from_secs(ends) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

    fn rules() -> TokenRules {
        TokenRules {
            issuer: "https://sso.tinh.gov.vn".into(),
            audience: "congvan".into(),
            claim: "email".into(),
        }
    }

    fn claims() -> Value {
        json!({ "iss": "https://sso.tinh.gov.vn", "aud": ["web", "congvan"], "exp": NOW.secs() + 300, "email": "an@a.gov.vn" })
    }

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// An issuer with a key for Ed25519 and one for P-256.
    struct Issuer {
        ed: Ed25519KeyPair,
        ec: EcdsaKeyPair,
    }

    impl Issuer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let ed = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
            let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let ec =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap();
            Self { ed, ec }
        }

        fn keys(&self) -> TokenKeys {
            let point = &self.ec.public_key().as_ref()[1..];
            let set = json!({ "keys": [
                { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": URL_SAFE_NO_PAD.encode(self.ed.public_key()) },
                { "kty": "EC", "crv": "P-256", "kid": "ec", "x": URL_SAFE_NO_PAD.encode(&point[..32]), "y": URL_SAFE_NO_PAD.encode(&point[32..]) },
                { "kty": "oct", "k": "AAAA" },
            ] });
            TokenKeys::read(set.to_string().as_bytes()).unwrap()
        }

        fn token(&self, header: Value, claims: &Value) -> Secret<String> {
            let signed = format!("{}.{}", part(&header), part(claims));
            let mark = match header["alg"].as_str() {
                Some("ES256") => {
                    self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
                }
                _ => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            };
            Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mark)))
        }
    }

    #[test]
    fn a_token_of_the_issuer_names_its_holder() {
        let issuer = Issuer::new();
        for header in [
            json!({ "alg": "EdDSA", "kid": "ed" }),
            json!({ "alg": "ES256", "kid": "ec" }),
            json!({ "alg": "ES256" }),
        ] {
            let token = issuer.token(header.clone(), &claims());
            let found = issuer.keys().judge(&token, &rules(), NOW).unwrap();
            assert_eq!(found.address.to_string(), "an@a.gov.vn", "{header}");
            assert_eq!(found.until.secs(), NOW.secs() + 300 + LEEWAY_SECS);
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_8725_tokens_that_open_nothing() {
        let issuer = Issuer::new();
        let with = |name: &str, value: Value| { let mut all = claims(); all[name] = value; all };
        let without = |name: &str| { let mut all = claims(); all.as_object_mut().unwrap().remove(name); all };
        let (ed, ec) = (json!({ "alg": "EdDSA", "kid": "ed" }), json!({ "alg": "EdDSA", "kid": "ec" }));
        let rows = [
            (json!({ "alg": "none" }),                         claims(), TokenFault::Algorithm),
            (json!({ "alg": "HS256", "kid": "ed" }),           claims(), TokenFault::Algorithm),
            (json!({ "alg": "EdDSA", "crit": ["b64"] }),       claims(), TokenFault::Algorithm),
            (json!({ "kid": "ed" }),                           claims(), TokenFault::Algorithm),
            (ec,                                               claims(), TokenFault::UnknownKey), // a key has one algorithm
            (json!({ "alg": "EdDSA", "kid": "gone" }),         claims(), TokenFault::UnknownKey),
            (ed.clone(), with("iss", json!("https://sso.tinh.gov.vn/")), TokenFault::Foreign),
            (ed.clone(), with("aud", json!("web")),                      TokenFault::Foreign),
            (ed.clone(), without("aud"),                                 TokenFault::Foreign),
            (ed.clone(), with("exp", json!(NOW.secs() - 61)),            TokenFault::Expired),
            (ed.clone(), without("exp"),                                 TokenFault::Expired),
            (ed.clone(), with("nbf", json!(NOW.secs() + 61)),            TokenFault::Expired),
            (ed.clone(), with("email", json!("nobody")),                 TokenFault::Nobody),
            (ed.clone(), with("email_verified", json!(false)),           TokenFault::Nobody),
            (ed.clone(), without("email"),                               TokenFault::Nobody),
        ];
        for (header, claims, expected) in rows {
            let token = issuer.token(header.clone(), &claims);
            assert_eq!(issuer.keys().judge(&token, &rules(), NOW).unwrap_err(), expected, "{header} {claims}");
        }
        let token = issuer.token(ed, &claims());
        let text = token.expose_secret();
        let (head, rest) = text.split_once('.').unwrap();
        let (_, mark) = rest.split_once('.').unwrap();
        let forged = format!("{head}.{}.{mark}", part(&with("email", json!("binh@a.gov.vn"))));
        for bad in [forged.as_str(), "", "a.b", "a.b.c", &"x".repeat(TOKEN_MAX + 1)] {
            assert!(issuer.keys().judge(&Secret::from(bad), &rules(), NOW).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_that_are_none() {
        for bad in [
            "",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"oct"}]}"#,
            r#"{"keys":[{"kty":"RSA","use":"enc","n":"AQ","e":"AQ"}]}"#,
        ] {
            assert!(TokenKeys::read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(TokenKeys::read(&vec![b' '; KEYS_BYTES_MAX + 1]).is_err());
    }
}
