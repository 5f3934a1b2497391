//! Distinguished names and the other kinds of names certificates carry.

use std::fmt;
use std::net::IpAddr;

use crate::der::{self, Oid, Problem, Reader, Tag};
use crate::oids;

/// Attributes read from one name; RFC 5280 names have fewer than ten.
const MAX_ATTRIBUTES: usize = 128;

/// One attribute of a distinguished name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    kind: Oid,
    /// Position of the attribute's RDN: attributes of a multi-valued RDN share it.
    rdn: usize,
    /// As text when the value is a character string.
    text: Option<String>,
    /// What is compared (RFC 5280 §7.1): folded text, or the encoded value when it is not text.
    key: Vec<u8>,
}

impl Attribute {
    /// Which attribute: `oids::COMMON_NAME`, …
    pub fn kind(&self) -> Oid {
        self.kind
    }

    /// Its value, when it is a character string.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

/// A distinguished name with its original bytes. Two names are equal as RFC 5280 §7.1 compares them: string types,
/// case and inner spacing do not matter.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<Attribute>,
    /// What equality compares, made once: see [`canonical`].
    canonical: Vec<u8>,
}

impl Name {
    /// Reads the next element as a name.
    pub(crate) fn read(reader: &mut Reader<'_>) -> der::Result<Name> {
        Self::from_element(&reader.expect(Tag::SEQUENCE)?)
    }

    /// Reads a `Name` (`RDNSequence`).
    pub(crate) fn from_element(element: &der::Element<'_>) -> der::Result<Name> {
        let mut attributes = Vec::new();
        let mut rdns = element.of(Tag::SEQUENCE)?.children()?;
        let mut rdn = 0;
        while !rdns.is_empty() {
            let mut members = rdns.set()?;
            if members.is_empty() {
                return Err(element.error(Problem::BadValue));
            }
            while !members.is_empty() {
                if attributes.len() == MAX_ATTRIBUTES {
                    return Err(element.error(Problem::TooLarge));
                }
                attributes.push(Self::attribute(&mut members.sequence()?, rdn)?);
            }
            rdn += 1;
        }
        let canonical = canonical(attributes.iter());
        Ok(Name { der: element.whole().to_vec(), attributes, canonical })
    }

    fn attribute(fields: &mut Reader<'_>, rdn: usize) -> der::Result<Attribute> {
        let kind = fields.expect(Tag::OID)?.oid()?;
        let value = fields.element()?;
        fields.finish()?;
        let text = value.text().ok();
        let key = match &text {
            Some(text) => fold(text).into_bytes(),
            None => value.whole().to_vec(),
        };
        Ok(Attribute { kind, rdn, text, key })
    }

    /// Reads the DER encoding of a name.
    pub fn from_der(bytes: &[u8]) -> Result<Name, crate::Error> {
        let element = Reader::der(bytes).only().map_err(crate::error::reading("name"))?;
        Self::from_element(&element).map_err(crate::error::reading("name"))
    }

    /// The bytes as they came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// All attributes in order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// No attributes at all.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The texts of all attributes of this kind.
    pub fn all(&self, kind: Oid) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(move |a| a.kind == kind).filter_map(Attribute::text)
    }

    /// The last attribute of this kind, which is the most specific one.
    pub fn last(&self, kind: Oid) -> Option<&str> {
        self.all(kind).last()
    }

    /// CN: the person or agency.
    pub fn common_name(&self) -> Option<&str> {
        self.last(oids::COMMON_NAME)
    }

    /// O.
    pub fn organization(&self) -> Option<&str> {
        self.last(oids::ORGANIZATION)
    }

    /// OU, all of them in order.
    pub fn organizational_units(&self) -> impl Iterator<Item = &str> {
        self.all(oids::ORGANIZATIONAL_UNIT)
    }

    /// UID: `MST:…` for organisations, `CCCD:…`/`CMND:…` for persons (RULES D25). Personal data: never log.
    pub fn user_id(&self) -> Option<&str> {
        self.last(oids::USER_ID)
    }

    /// The e-mail attribute, all of them.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.all(oids::EMAIL_ADDRESS)
    }

    /// This name with one more RDN below it, given as the contents of its SET (nameRelativeToCRLIssuer, RFC 5280
    /// §4.2.1.13). `None`: the contents are no RDN.
    pub(crate) fn with_rdn(&self, members: &[u8]) -> Option<Name> {
        let own = Reader::der(&self.der).only().ok()?.content().to_vec();
        let der = der::Writer::build(|w| {
            w.sequence(|w| {
                w.raw(&own);
                w.element(Tag::SET, true, members);
            });
        });
        Name::from_der(&der).ok()
    }

    /// This name lies in the subtree of `base`: its first RDNs equal those of `base` (RFC 5280 §4.2.1.10).
    pub fn is_within(&self, base: &Name) -> bool {
        let count = base.attributes.last().map_or(0, |last| last.rdn + 1);
        canonical(self.attributes.iter().filter(|a| a.rdn < count)) == base.canonical
    }
}

/// The same bytes for equal names. Within one RDN the order of attributes does not matter (it is a SET); lengths go
/// before contents, so that no two different names can run together.
fn canonical<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Vec<u8> {
    let mut sorted: Vec<_> = attributes.map(|a| (a.rdn, a.kind, a.key.as_slice())).collect();
    sorted.sort();
    let mut bytes = Vec::new();
    for (rdn, kind, key) in sorted {
        for part in [&rdn.to_be_bytes()[..], kind.content(), key] {
            bytes.extend_from_slice(&part.len().to_be_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// Case and white space folded away, RFC 4518 as far as certificates need it.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    /// `CN=…, O=…, C=VN`: most specific first, UID left out because it may be a personal number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for attribute in self.attributes.iter().rev().filter(|a| a.kind != oids::USER_ID) {
            let label = match attribute.kind {
                oids::COMMON_NAME => "CN",
                oids::COUNTRY => "C",
                oids::LOCALITY => "L",
                oids::STATE => "ST",
                oids::ORGANIZATION => "O",
                oids::ORGANIZATIONAL_UNIT => "OU",
                oids::TITLE => "T",
                oids::DOMAIN_COMPONENT => "DC",
                oids::EMAIL_ADDRESS => "E",
                _ => "",
            };
            f.write_str(separator)?;
            match (label, attribute.text()) {
                ("", Some(text)) => write!(f, "{}={}", attribute.kind, text.escape_debug())?,
                (label, Some(text)) => write!(f, "{label}={}", text.escape_debug())?,
                (_, None) => write!(f, "{}=#", attribute.kind)?,
            }
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// One entry of a subjectAltName, a constraint, or a distribution point (RFC 5280 §4.2.1.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GeneralName {
    /// dNSName, as it stands.
    Dns(String),
    /// rfc822Name, as it stands.
    Email(String),
    /// uniformResourceIdentifier, as it stands.
    Uri(String),
    /// iPAddress, 4 or 16 bytes.
    Ip(IpAddr),
    /// iPAddress of a constraint: address and mask, 8 or 32 bytes; or of a wrong length.
    IpBytes(Vec<u8>),
    /// directoryName.
    Directory(Name),
    /// otherName, x400Address, ediPartyName, registeredID: tag number and contents.
    Other(u32, Vec<u8>),
}

impl GeneralName {
    /// Reads the DER encoding of one name.
    pub fn from_der(bytes: &[u8]) -> Result<GeneralName, crate::Error> {
        let element = Reader::der(bytes).only().map_err(crate::error::reading("name"))?;
        Self::from_element(&element).map_err(crate::error::reading("name"))
    }

    pub(crate) fn from_element(element: &der::Element<'_>) -> der::Result<GeneralName> {
        if element.tag().class() != der::Class::Context {
            return Err(element.error(Problem::BadTag));
        }
        let ascii = || {
            let bytes = element.primitive()?;
            let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii());
            text.map(str::to_owned).ok_or(element.error(Problem::BadValue))
        };
        Ok(match element.tag().number() {
            1 => GeneralName::Email(ascii()?),
            2 => GeneralName::Dns(ascii()?),
            4 => {
                let mut inside = element.children()?;
                let name = Name::read(&mut inside)?;
                inside.finish()?;
                GeneralName::Directory(name)
            }
            6 => GeneralName::Uri(ascii()?),
            7 => {
                let bytes = element.primitive()?;
                match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                    (Ok(four), _) => GeneralName::Ip(IpAddr::from(four)),
                    (_, Ok(sixteen)) => GeneralName::Ip(IpAddr::from(sixteen)),
                    _ => GeneralName::IpBytes(bytes.to_vec()),
                }
            }
            number @ (0 | 3 | 5 | 8) => GeneralName::Other(number, element.content().to_vec()),
            _ => return Err(element.error(Problem::BadTag)),
        })
    }

    /// Reads `GeneralNames` members until the reader is empty, at most `max`.
    pub(crate) fn read_all(mut reader: Reader<'_>, max: usize) -> der::Result<Vec<GeneralName>> {
        let mut names = Vec::new();
        while !reader.is_empty() {
            let element = reader.element()?;
            if names.len() == max {
                return Err(element.error(Problem::TooLarge));
            }
            names.push(Self::from_element(&element)?);
        }
        Ok(names)
    }
}
