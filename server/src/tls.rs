//! TLS for every door: rustls with the ring provider, 1.2 and 1.3.

use std::sync::Arc;

use anyhow::Context;
use certs::Certificate;
use certs::algorithm::Digest;
use certs::keys::{KeyKind, Scheme, SigningKey};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, Signer, SingleCertAndKey};
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};

use crate::config::Config;
use crate::keys::{self, OwnKey};

/// The one cryptography provider of the program. A second one in the build makes rustls stop at first use.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes the provider known to libraries that ask for the process's default. Call once, first.
pub(crate) fn install_provider() {
    // Fails only when somebody installed one before, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The machine's own key and certificates; `None` when the configuration has none.
pub(crate) async fn own_key(config: &Config) -> anyhow::Result<Option<Arc<OwnKey>>> {
    let certificate = config.tls_certificate();
    let has_file = certificate.exists();
    if !has_file && config.tls.key.is_empty() {
        return Ok(None);
    }
    // A certificate that was named has to be there; only the usual place may be empty.
    let given = match has_file || !config.tls.certificate.as_os_str().is_empty() {
        true => {
            let pem = std::fs::read(&certificate)
                .with_context(|| format!("cannot read the certificate {}", certificate.display()))?;
            Certificate::all_from_file(&pem, &certs::Limits::default())
                .with_context(|| format!("cannot read the certificate {}", certificate.display()))?
        }
        false => Vec::new(),
    };
    let (name, source) = (config.tls_key()?, config.tls_key_password()?);
    // A token may take its time.
    let open = move || OwnKey::open(&name, given, || source.as_ref().map(keys::secret).transpose());
    Ok(Some(Arc::new(tokio::task::spawn_blocking(open).await??)))
}

/// The server's side.
pub(crate) fn server(own: &OwnKey, alpn: &[&[u8]]) -> anyhow::Result<Arc<ServerConfig>> {
    server_asking(own, alpn, WebPkiClientVerifier::no_client_auth())
}

/// The server's side, that asks clients for a certificate as the verifier says.
pub(crate) fn server_asking(
    own: &OwnKey,
    alpn: &[&[u8]],
    clients: Arc<dyn ClientCertVerifier>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = own.chain.iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
    let certified = CertifiedKey::new(chain, Arc::new(TlsKey(own.key.clone())));
    certified.keys_match().context("certificate and key do not fit together")?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// `tls-server-end-point` (RFC 5929 §4.1): the digest of our certificate, by the algorithm it was signed with, though never weaker than
/// SHA-256. `None` where the signature names no digest of its own (Ed25519): the standard leaves that open.
pub(crate) fn end_point(own: &OwnKey) -> Option<Vec<u8>> {
    let certificate = own.chain.first()?;
    let digest = match certificate.signature_algorithm().digest()? {
        Digest::Md5 | Digest::Sha1 => Digest::Sha256,
        other => other,
    };
    Some(digest.of(certificate.der()))
}

/// One of our keys as rustls wants it: it asks for signatures and never sees the key.
#[derive(Debug)]
struct TlsKey(Arc<dyn SigningKey>);

/// The scheme by the names of both sides, best first.
const SCHEMES: [(SignatureScheme, Scheme); 10] = [
    (SignatureScheme::ED25519, Scheme::Ed25519),
    (SignatureScheme::ECDSA_NISTP256_SHA256, Scheme::EcdsaP256Sha256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, Scheme::EcdsaP384Sha384),
    (SignatureScheme::ECDSA_NISTP521_SHA512, Scheme::EcdsaP521Sha512),
    (SignatureScheme::RSA_PSS_SHA256, Scheme::RsaPssSha256),
    (SignatureScheme::RSA_PSS_SHA384, Scheme::RsaPssSha384),
    (SignatureScheme::RSA_PSS_SHA512, Scheme::RsaPssSha512),
    // TLS 1.2 only; rustls offers none of these in 1.3.
    (SignatureScheme::RSA_PKCS1_SHA256, Scheme::RsaPkcs1Sha256),
    (SignatureScheme::RSA_PKCS1_SHA384, Scheme::RsaPkcs1Sha384),
    (SignatureScheme::RSA_PKCS1_SHA512, Scheme::RsaPkcs1Sha512),
];

impl rustls::sign::SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        // A certificate for PSS alone (RSASSA-PSS) goes by other names in TLS (rsa_pss_pss_*), which rustls has not.
        let kind = self.0.public().kind();
        let fits = |(tls, ours): &&(SignatureScheme, Scheme)| {
            kind != KeyKind::RsaPss && ours.fits(kind) && offered.contains(tls)
        };
        let (tls, ours) = *SCHEMES.iter().find(fits)?;
        Some(Box::new(TlsSigner { key: self.0.clone(), tls, ours }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.0.public().spki()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.public().kind() {
            KeyKind::Ed25519 => SignatureAlgorithm::ED25519,
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct TlsSigner {
    key: Arc<dyn SigningKey>,
    tls: SignatureScheme,
    ours: Scheme,
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let sign = || self.key.sign(self.ours, message);
        // rustls signs in the middle of a handshake, on a thread that serves others too. A slow key makes room for them
        // first, where the runtime can.
        let many = tokio::runtime::Handle::try_current()
            .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        let signed = if self.key.is_slow() && many { tokio::task::block_in_place(sign) } else { sign() };
        match signed {
            Ok(signature) => Ok(signature.into_bytes()),
            Err(error) => {
                tracing::error!("the TLS key does not sign: [{}] {error}", error.code());
                Err(rustls::Error::General("the key does not sign".to_owned()))
            }
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::issue::{self, Subject, Validity};
    use certs::keys::{Key, Size};
    use certs::{GeneralName, Serial};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion};

    /// Bytes go to and fro until both sides are content.
    fn handshake(own: &OwnKey, version: &'static SupportedProtocolVersion) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(own.chain[0].der().to_vec()))?;
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("mail.example.vn").unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(server(own, &[]).unwrap())?;
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    fn own(size: Size) -> OwnKey {
        let key = Key::generate(size).unwrap();
        let (serial, validity) = (Serial::from_u64(1), Validity { from: 0, until: 4_000_000_000 });
        let names = [GeneralName::Dns("mail.example.vn".to_owned())];
        let subject = Subject::vietnamese("THỬ NGHIỆM", "Máy chủ").name().unwrap();
        let draft = issue::tls_server(&subject, key.public(), serial, validity, &names);
        let certificate = draft.self_signed(&key).unwrap();
        OwnKey { key: Arc::new(key), chain: vec![certificate] }
    }

    #[test]
    fn tls_asks_our_keys_and_never_sees_them() {
        for size in [Size::Rsa2048, Size::P256, Size::P384, Size::Ed25519] {
            let own = own(size);
            for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
                handshake(&own, version).unwrap_or_else(|error| panic!("{size:?}, {version:?}: {error}"));
            }
        }
    }

    #[test]
    fn a_key_and_a_strangers_certificate_open_no_door() {
        let (mut ours, theirs) = (own(Size::P256), own(Size::P256));
        ours.chain = theirs.chain;
        assert!(server(&ours, &[]).is_err());
    }

    #[tokio::test]
    async fn a_container_brings_its_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::generate(Size::P256).unwrap();
        let (serial, validity) = (Serial::from_u64(1), Validity { from: 0, until: 4_000_000_000 });
        let subject = Subject::vietnamese("THỬ NGHIỆM", "Máy chủ").name().unwrap();
        let names = [GeneralName::Dns("mail.example.vn".to_owned())];
        let certificate =
            issue::tls_server(&subject, key.public(), serial, validity, &names).self_signed(&key).unwrap();
        let packed = key.to_pkcs12("máy chủ", "mật khẩu", &certificate, &[]).unwrap();
        std::fs::write(directory.path().join("tls.p12"), &packed).unwrap();
        std::fs::write(directory.path().join("word"), "mật khẩu\n").unwrap();
        let mut config = Config::default();
        config.house.data = directory.path().to_owned();
        assert!(own_key(&config).await.unwrap().is_none(), "without files there is no TLS");
        config.tls.key = "tls.p12".to_owned();
        let told = format!("{:#}", own_key(&config).await.err().unwrap());
        assert!(told.contains("key.locked"), "{told}");
        config.tls.key_password = "file:word".to_owned();
        let own = own_key(&config).await.unwrap().unwrap();
        assert_eq!(own.chain, [certificate]);
        handshake(&own, &rustls::version::TLS13).unwrap();
        config.tls.certificate = "gone.pem".into();
        assert!(own_key(&config).await.is_err(), "a certificate that was named has to be there");
    }
}
