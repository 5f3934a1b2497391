//! Writing names.

use crate::der::{Oid, Tag, Writer};
use crate::name::{GeneralName, Name};
use crate::{Error, oids};

/// Builds a distinguished name, most general attribute first. Texts are UTF8String, as Vietnamese needs;
/// country and e-mail are PrintableString and IA5String, as RFC 5280 §4.1.2.6 wants.
#[derive(Clone, Default, Debug)]
pub struct Subject {
    attributes: Vec<(Oid, String)>,
}

impl Subject {
    /// An empty name.
    pub fn new() -> Subject {
        Subject::default()
    }

    /// `C=VN, O=organization, CN=common name`.
    pub fn vietnamese(organization: &str, common_name: &str) -> Subject {
        Subject::new()
            .with(oids::COUNTRY, "VN")
            .with(oids::ORGANIZATION, organization)
            .with(oids::COMMON_NAME, common_name)
    }

    /// Adds any attribute.
    pub fn with(mut self, kind: Oid, text: &str) -> Subject {
        self.attributes.push((kind, text.to_owned()));
        self
    }

    /// Adds OU.
    pub fn unit(self, text: &str) -> Subject {
        self.with(oids::ORGANIZATIONAL_UNIT, text)
    }

    /// Adds UID: `MST:…` for an organisation, `CCCD:…` for a person (RULES D25).
    pub fn user_id(self, text: &str) -> Subject {
        self.with(oids::USER_ID, text)
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Error> {
        let der = Writer::build(|w| {
            w.sequence(|w| {
                for (kind, text) in &self.attributes {
                    let attribute = Writer::build(|w| {
                        w.sequence(|w| {
                            w.oid(kind);
                            match *kind {
                                oids::COUNTRY => w.printable(text),
                                oids::EMAIL_ADDRESS | oids::DOMAIN_COMPONENT => w.ia5(text),
                                _ => w.utf8(text),
                            }
                        });
                    });
                    w.set_of(vec![attribute]);
                }
            });
        });
        Name::from_der(&der)
    }
}

/// Writes one `GeneralName`.
pub(super) fn general_name(writer: &mut Writer, name: &GeneralName) {
    let mut text = |number: u32, bytes: &[u8]| writer.element(Tag::context(number), false, bytes);
    match name {
        GeneralName::Email(value) => text(1, value.as_bytes()),
        GeneralName::Dns(value) => text(2, value.as_bytes()),
        GeneralName::Uri(value) => text(6, value.as_bytes()),
        GeneralName::Ip(std::net::IpAddr::V4(address)) => text(7, &address.octets()),
        GeneralName::Ip(std::net::IpAddr::V6(address)) => text(7, &address.octets()),
        GeneralName::IpBytes(bytes) => text(7, bytes),
        GeneralName::Directory(name) => writer.explicit(4, |w| w.raw(name.der())),
        GeneralName::Other(number, content) => {
            let constructed = *number != 8;
            writer.element(Tag::context(*number), constructed, content);
        }
    }
}

/// Writes `GeneralNames` members.
pub(super) fn general_names(writer: &mut Writer, names: &[GeneralName]) {
    names.iter().for_each(|name| general_name(writer, name));
}
