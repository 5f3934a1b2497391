//! The demonstration's own certificate authority: a root, an issuing CA, a timestamp authority, an OCSP responder,
//! the certificates of leaders and agencies, and one for TLS. For trying things out; it certifies nobody.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::der::Oid;
use certs::issue::{self, Authority, Subject, Validity};
use certs::keys::{Key, Size};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, GeneralName, Name, Serial};
use mail::Chance;

use crate::house::write_private;

const YEAR: i64 = 365 * 24 * 3600;

/// Where the demonstration's authority keeps its files, by name: `ca` is `ca.pem` and `ca.key`.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn in_data(data: &Path) -> Self {
        Self(data.join("pki"))
    }

    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.key"))
    }

    fn keep(&self, name: &str, key: &Key, chain: &[&Certificate]) -> anyhow::Result<()> {
        let chain: String = chain.iter().map(|certificate| certificate.to_pem()).collect();
        write_private(&self.certificate(name), chain.as_bytes())?;
        write_private(&self.key(name), &key.to_pem()?)
    }

    /// Reads a key and its chain, leaf first.
    pub(super) fn read(&self, name: &str) -> anyhow::Result<(Key, Vec<Certificate>)> {
        let key = fs::read(self.key(name)).with_context(|| format!("cannot read {name}.key"))?;
        let chain = fs::read(self.certificate(name)).with_context(|| format!("cannot read {name}.pem"))?;
        let chain = Certificate::all_from_pem(&chain, &certs::Limits::default())?;
        Ok((Key::from_pem(&key, None)?, chain))
    }

    /// Every certificate that lies here.
    pub(super) fn issued(&self) -> anyhow::Result<Vec<Certificate>> {
        let mut issued = Vec::new();
        for entry in fs::read_dir(&self.0).context("cannot list the demonstration's certificates")? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "pem") {
                let pem = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                issued
                    .extend(Certificate::all_from_pem(&pem, &certs::Limits::default())?.into_iter().take(1));
            }
        }
        Ok(issued)
    }

    pub(super) fn authority(&self, name: &str) -> anyhow::Result<Authority> {
        let (key, chain) = self.read(name)?;
        let certificate = chain.into_iter().next().with_context(|| format!("{name}.pem is empty"))?;
        Ok(Authority::new(certificate, key)?)
    }
}

/// Who gets a signing certificate.
pub(super) struct Holder<'h> {
    /// Name of the files.
    pub(super) file: &'h str,
    /// Full name of the person or agency.
    pub(super) name: &'h str,
    /// The agency.
    pub(super) agency: &'h str,
    /// UID attribute (RULES 4.3): `CCCD:…` of a person, `MST:…` of an agency.
    pub(super) user_id: &'h str,
    /// Official address.
    pub(super) email: &'h str,
    /// An agency's seal, or a leader's certificate.
    pub(super) is_seal: bool,
}

/// The authority at work.
pub(super) struct Maker<'m> {
    pub(super) files: &'m Files,
    pub(super) chance: &'m dyn Chance,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// `http://127.0.0.1:8080`: where the program answers for the authority.
    pub(super) base_url: &'m str,
    pub(super) province: &'m str,
}

impl Maker<'_> {
    fn serial(&self) -> Serial {
        let mut bytes = [0; 16];
        self.chance.fill(&mut bytes);
        // RFC 5280 §4.1.2.2: positive, and not zero.
        bytes[0] = (bytes[0] & 0x7F) | 0x40;
        Serial::from_magnitude(&bytes)
    }

    fn validity(&self, years: i64) -> Validity {
        // An hour of grace for clocks that are behind.
        Validity { from: self.now - 3600, until: self.now + years * YEAR }
    }

    fn name(&self, common_name: &str) -> anyhow::Result<Name> {
        Ok(Subject::vietnamese(&format!("Trình diễn {}", self.province), common_name).name()?)
    }

    /// Makes the authorities and their helpers, and the TLS certificate for `host`, by which `others` are served as well.
    pub(super) fn make_authorities(
        &self,
        host: &str,
        others: &[String],
        tls: (&Path, &Path),
    ) -> anyhow::Result<()> {
        let root_key = Key::generate(Size::Rsa3072)?;
        let root_name = self.name("RootCA trình diễn")?;
        let root = issue::root(&root_name, root_key.public(), self.serial(), self.validity(20))
            .self_signed(&root_key)?;
        let root = Authority::new(root, root_key)?;
        self.files.keep("root", root.key(), &[root.certificate()])?;

        let ca_key = Key::generate(Size::Rsa3072)?;
        let draft = issue::issuing_ca(
            &self.name("CA trình diễn")?,
            ca_key.public(),
            self.serial(),
            self.validity(10),
        );
        let ca = draft
            .crl_urls(&[&self.url("root.crl")])
            .access(&[], &[&self.url("root.crt")])
            .signed_by(&root)?;
        self.files.keep("ca", &ca_key, &[&ca, root.certificate()])?;
        let ca = Authority::new(ca, ca_key)?;
        let chain = [ca.certificate(), root.certificate()];

        let key = Key::generate(Size::Rsa2048)?;
        let draft = issue::timestamp_authority(
            &self.name("TSA trình diễn")?,
            key.public(),
            self.serial(),
            self.validity(5),
        );
        self.certify("tsa", &key, self.under_ca(draft), &ca, &chain)?;

        let key = Key::generate(Size::Rsa2048)?;
        let draft = issue::ocsp_responder(
            &self.name("OCSP trình diễn")?,
            key.public(),
            self.serial(),
            self.validity(5),
        );
        self.certify("ocsp", &key, draft, &ca, &chain)?;

        let key = Key::generate(Size::P256)?;
        let mut names = vec![GeneralName::Dns(host.to_owned()), GeneralName::Dns("localhost".to_owned())];
        names.dedup();
        names.extend(others.iter().cloned().map(GeneralName::Dns));
        names.extend([
            GeneralName::Ip([127, 0, 0, 1].into()),
            GeneralName::Ip(std::net::Ipv6Addr::LOCALHOST.into()),
        ]);
        let draft =
            issue::tls_server(&self.name(host)?, key.public(), self.serial(), self.validity(1), &names);
        let leaf = self.under_ca(draft).signed_by(&ca)?;
        write_private(tls.0, format!("{}{}", leaf.to_pem(), ca.certificate().to_pem()).as_bytes())?;
        write_private(tls.1, &key.to_pem()?)
    }

    fn url(&self, file: &str) -> String {
        format!("{}/demo/pki/{file}", self.base_url)
    }

    fn under_ca(&self, draft: issue::Draft) -> issue::Draft {
        draft
            .crl_urls(&[&self.url("ca.crl")])
            .access(&[&format!("{}/demo/ocsp", self.base_url)], &[&self.url("ca.crt")])
    }

    fn certify(
        &self,
        file: &str,
        key: &Key,
        draft: issue::Draft,
        ca: &Authority,
        chain: &[&Certificate],
    ) -> anyhow::Result<Certificate> {
        let certificate = draft.signed_by(ca)?;
        let mut all = vec![&certificate];
        all.extend(chain);
        self.files.keep(file, key, &all)?;
        Ok(certificate)
    }

    /// A signer under a root that nobody here trusts, for trying out what a refusal looks like.
    pub(super) fn make_stranger(&self) -> anyhow::Result<()> {
        let root_key = Key::generate(Size::Rsa2048)?;
        let root_name = self.name("RootCA lạ")?;
        let root = issue::root(&root_name, root_key.public(), self.serial(), self.validity(5))
            .self_signed(&root_key)?;
        let root = Authority::new(root, root_key)?;
        let key = Key::generate(Size::Rsa2048)?;
        let subject = Subject::vietnamese("NƠI LẠ", "Nguyễn Văn Giám").name()?;
        let draft =
            issue::leader(&subject, key.public(), self.serial(), self.validity(3), "giamnv@noi-la.test");
        self.certify("foreign", &key, draft, &root, &[root.certificate()]).map(drop)
    }

    /// Gives a leader or an agency a certificate.
    pub(super) fn make_holder(&self, holder: &Holder<'_>) -> anyhow::Result<Certificate> {
        let ca = self.files.authority("ca")?;
        let root = self.files.authority("root")?;
        let key = Key::generate(Size::Rsa2048)?;
        let subject = Subject::vietnamese(self.province, holder.name)
            .unit(holder.agency)
            .user_id(holder.user_id)
            .name()?;
        let make = if holder.is_seal { issue::agency_seal } else { issue::leader };
        let draft = make(&subject, key.public(), self.serial(), self.validity(3), holder.email);
        self.certify(holder.file, &key, self.under_ca(draft), &ca, &[ca.certificate(), root.certificate()])
    }

    /// Trusts the demonstration's root for everything the demonstration does.
    pub(super) fn trust(&self) -> anyhow::Result<TrustStore> {
        let root = self.files.authority("root")?.certificate().clone();
        let fingerprint = root.sha256();
        let purposes = [Purpose::Document, Purpose::Timestamp, Purpose::Smime, Purpose::Tls];
        let mut store = TrustStore::new();
        store.add(Anchor::new(root, fingerprint, &purposes, Hierarchy::PublicService, "congvan demo")?);
        Ok(store)
    }
}

/// The policy the demonstration's timestamps are made under: an arc kept free for documentation (RFC 5612).
pub(super) const TIMESTAMP_POLICY: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 32473, 1]);
