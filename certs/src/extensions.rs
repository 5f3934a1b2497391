//! The extensions of a certificate, read once (RFC 5280 §4.2).

use crate::der::{self, Element, Oid, Problem, Reader, Tag};
use crate::name::GeneralName;
use crate::oids;

/// Entries read from any one list inside an extension. Public web certificates carry up to 100 names; government
/// mirrors of CRLs fewer than 10.
const MAX_ENTRIES: usize = 2048;

/// keyUsage bits, RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUsage(pub(crate) u16);

impl KeyUsage {
    fn bit(self, number: u16) -> bool {
        self.0 & 0x8000 >> number != 0
    }

    /// digitalSignature
    pub fn digital_signature(self) -> bool {
        self.bit(0)
    }

    /// nonRepudiation (contentCommitment)
    pub fn non_repudiation(self) -> bool {
        self.bit(1)
    }

    /// keyEncipherment
    pub fn key_encipherment(self) -> bool {
        self.bit(2)
    }

    /// dataEncipherment
    pub fn data_encipherment(self) -> bool {
        self.bit(3)
    }

    /// keyAgreement
    pub fn key_agreement(self) -> bool {
        self.bit(4)
    }

    /// keyCertSign
    pub fn certificate_sign(self) -> bool {
        self.bit(5)
    }

    /// cRLSign
    pub fn crl_sign(self) -> bool {
        self.bit(6)
    }
}

/// basicConstraints, RFC 5280 §4.2.1.9.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BasicConstraints {
    /// The subject is a certificate authority.
    pub ca: bool,
    /// How many non-self-issued intermediates may follow.
    pub path_length: Option<u32>,
}

/// nameConstraints, RFC 5280 §4.2.1.10. A subtree with a minimum or maximum makes the extension unreadable, as the
/// profile forbids both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameConstraints {
    /// Names of a listed kind must lie in one of these.
    pub permitted: Vec<GeneralName>,
    /// No name may lie in any of these.
    pub excluded: Vec<GeneralName>,
}

/// policyConstraints, RFC 5280 §4.2.1.11.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PolicyConstraints {
    /// After so many certificates every one needs an acceptable policy.
    pub require_explicit: Option<u32>,
    /// After so many certificates policies are no longer mapped.
    pub inhibit_mapping: Option<u32>,
}

/// One distribution point, RFC 5280 §4.2.1.13.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DistributionPoint {
    /// fullName, empty when the point is named relative to its issuer or not at all.
    pub names: Vec<GeneralName>,
    /// nameRelativeToCRLIssuer: contents of the RDN's SET.
    pub relative: Option<Vec<u8>>,
    /// Only for some reasons.
    pub reasons: Option<u16>,
    /// cRLIssuer: somebody else than the certificate's issuer signs this CRL.
    pub crl_issuer: Vec<GeneralName>,
}

/// authorityKeyIdentifier, RFC 5280 §4.2.1.1.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuthorityKeyId {
    /// The issuer key's identifier.
    pub key: Option<Vec<u8>>,
    /// Issuer of the issuer's certificate.
    pub issuer: Vec<GeneralName>,
    /// Serial number of the issuer's certificate, DER contents.
    pub serial: Option<Vec<u8>>,
}

/// What the extensions say. Absent ones are `None` or empty.
#[derive(Clone, Default, Debug)]
pub(crate) struct Extensions {
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Vec<Oid>>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) subject_alt_names: Option<Vec<GeneralName>>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<AuthorityKeyId>,
    pub(crate) policies: Option<Vec<Oid>>,
    pub(crate) policy_mappings: Option<Vec<(Oid, Oid)>>,
    pub(crate) policy_constraints: Option<PolicyConstraints>,
    pub(crate) inhibit_any_policy: Option<u32>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) crl_points: Option<Vec<DistributionPoint>>,
    pub(crate) access: Vec<(Oid, GeneralName)>,
    pub(crate) ocsp_no_check: bool,
    /// Critical ones nobody here understands.
    pub(crate) unknown_critical: Vec<Oid>,
    /// Known ones whose contents are damaged, and any that appear twice.
    pub(crate) unreadable: Vec<Oid>,
    /// All that are marked critical.
    pub(crate) critical: Vec<Oid>,
    /// All, in order, with their contents.
    pub(crate) all: Vec<(Oid, Vec<u8>)>,
}

/// One extension as it stands: identifier, critical, contents.
pub(crate) fn read_one<'a>(list: &mut Reader<'a>) -> der::Result<(Oid, bool, &'a [u8])> {
    let mut fields = list.sequence()?;
    let id = fields.expect(Tag::OID)?.oid()?;
    let critical = match fields.optional(Tag::BOOLEAN)? {
        Some(flag) => flag.boolean()?,
        None => false,
    };
    let value = fields.expect(Tag::OCTET_STRING)?.octets()?;
    fields.finish()?;
    Ok((id, critical, value))
}

impl Extensions {
    /// Reads the members of `Extensions`. Fails only when the list itself is damaged.
    pub(crate) fn read(mut list: Reader<'_>) -> der::Result<Extensions> {
        let mut found = Extensions::default();
        while !list.is_empty() {
            let at = list.position();
            let (id, critical, value) = read_one(&mut list)?;
            if found.all.len() == MAX_ENTRIES {
                return Err(der::Error { at, problem: Problem::TooLarge });
            }
            if found.all.iter().any(|(seen, _)| *seen == id) {
                found.unreadable.push(id);
            }
            found.all.push((id, value.to_vec()));
            if critical {
                found.critical.push(id);
            }
            match found.take(id, value) {
                Ok(true) => {}
                Ok(false) if critical => found.unknown_critical.push(id),
                Ok(false) => {}
                Err(_) => found.unreadable.push(id),
            }
        }
        Ok(found)
    }

    /// Reads one extension's contents. `false`: not one that validation understands.
    fn take(&mut self, id: Oid, value: &[u8]) -> der::Result<bool> {
        let element = Reader::der(value).only();
        match id {
            oids::KEY_USAGE => self.key_usage = Some(key_usage(&element?)?),
            oids::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(oid_list(&element?)?),
            oids::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(&element?)?),
            oids::SUBJECT_ALT_NAME => {
                let list = element?.of(Tag::SEQUENCE)?.children()?;
                self.subject_alt_names = Some(GeneralName::read_all(list, MAX_ENTRIES)?);
            }
            oids::SUBJECT_KEY_IDENTIFIER => self.subject_key_id = Some(element?.octets()?.to_vec()),
            oids::AUTHORITY_KEY_IDENTIFIER => self.authority_key_id = Some(authority_key_id(&element?)?),
            oids::CERTIFICATE_POLICIES => self.policies = Some(policies(&element?)?),
            oids::POLICY_MAPPINGS => self.policy_mappings = Some(policy_mappings(&element?)?),
            oids::POLICY_CONSTRAINTS => self.policy_constraints = Some(policy_constraints(&element?)?),
            oids::INHIBIT_ANY_POLICY => self.inhibit_any_policy = Some(count(&element?)?),
            oids::NAME_CONSTRAINTS => self.name_constraints = Some(name_constraints(&element?)?),
            oids::CRL_DISTRIBUTION_POINTS => self.crl_points = Some(distribution_points(&element?)?),
            oids::AUTHORITY_INFO_ACCESS => self.access = access(&element?)?,
            oids::OCSP_NO_CHECK => self.ocsp_no_check = true,
            // Understood in the sense that they ask nothing of path validation.
            oids::ISSUER_ALT_NAME
            | oids::SUBJECT_INFO_ACCESS
            | oids::FRESHEST_CRL
            | oids::SUBJECT_DIRECTORY_ATTRIBUTES => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn key_usage(element: &Element<'_>) -> der::Result<KeyUsage> {
    let (_, bytes) = element.bits()?;
    let first = bytes.first().copied().unwrap_or(0);
    let second = bytes.get(1).copied().unwrap_or(0);
    Ok(KeyUsage(u16::from_be_bytes([first, second])))
}

fn oid_list(element: &Element<'_>) -> der::Result<Vec<Oid>> {
    let mut list = element.of(Tag::SEQUENCE)?.children()?;
    let mut oids = Vec::new();
    while !list.is_empty() {
        bounded(oids.len(), element)?;
        oids.push(list.expect(Tag::OID)?.oid()?);
    }
    if oids.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(oids) }
}

fn bounded(count: usize, element: &Element<'_>) -> der::Result<()> {
    if count < MAX_ENTRIES { Ok(()) } else { Err(element.error(Problem::TooLarge)) }
}

/// A non-negative number; anything beyond 32 bits means "never", which `u32::MAX` says as well.
fn count(element: &Element<'_>) -> der::Result<u32> {
    let bytes = element.unsigned()?;
    if bytes.len() > 4 {
        return Ok(u32::MAX);
    }
    Ok(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

fn basic_constraints(element: &Element<'_>) -> der::Result<BasicConstraints> {
    let mut fields = element.of(Tag::SEQUENCE)?.children()?;
    let ca = match fields.optional(Tag::BOOLEAN)? {
        Some(flag) => flag.boolean()?,
        None => false,
    };
    let path_length = fields.optional(Tag::INTEGER)?.map(|number| count(&number)).transpose()?;
    fields.finish()?;
    Ok(BasicConstraints { ca, path_length })
}

pub(crate) fn authority_key_id(element: &Element<'_>) -> der::Result<AuthorityKeyId> {
    let mut fields = element.of(Tag::SEQUENCE)?.children()?;
    let mut id = AuthorityKeyId::default();
    if let Some(key) = fields.optional(Tag::context(0))? {
        id.key = Some(key.primitive()?.to_vec());
    }
    if let Some(names) = fields.optional(Tag::context(1))? {
        id.issuer = GeneralName::read_all(names.children()?, MAX_ENTRIES)?;
    }
    if let Some(serial) = fields.optional(Tag::context(2))? {
        id.serial = Some(serial.primitive()?.to_vec());
    }
    fields.finish()?;
    Ok(id)
}

/// Policy identifiers without their qualifiers, which change nothing in validation.
fn policies(element: &Element<'_>) -> der::Result<Vec<Oid>> {
    let mut list = element.of(Tag::SEQUENCE)?.children()?;
    let mut policies = Vec::new();
    while !list.is_empty() {
        bounded(policies.len(), element)?;
        let mut fields = list.sequence()?;
        let policy = fields.expect(Tag::OID)?.oid()?;
        fields.optional(Tag::SEQUENCE)?;
        fields.finish()?;
        // §4.2.1.4: a policy must not appear twice.
        if policies.contains(&policy) {
            return Err(element.error(Problem::BadValue));
        }
        policies.push(policy);
    }
    if policies.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(policies) }
}

fn policy_mappings(element: &Element<'_>) -> der::Result<Vec<(Oid, Oid)>> {
    let mut list = element.of(Tag::SEQUENCE)?.children()?;
    let mut mappings = Vec::new();
    while !list.is_empty() {
        bounded(mappings.len(), element)?;
        let mut fields = list.sequence()?;
        mappings.push((fields.expect(Tag::OID)?.oid()?, fields.expect(Tag::OID)?.oid()?));
        fields.finish()?;
    }
    if mappings.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(mappings) }
}

fn policy_constraints(element: &Element<'_>) -> der::Result<PolicyConstraints> {
    let mut fields = element.of(Tag::SEQUENCE)?.children()?;
    let mut number = |tag: u32| -> der::Result<Option<u32>> {
        fields.optional(Tag::context(tag))?.map(|field| count(&field.implicit(Tag::INTEGER))).transpose()
    };
    let constraints = PolicyConstraints { require_explicit: number(0)?, inhibit_mapping: number(1)? };
    fields.finish()?;
    Ok(constraints)
}

fn name_constraints(element: &Element<'_>) -> der::Result<NameConstraints> {
    let mut fields = element.of(Tag::SEQUENCE)?.children()?;
    let mut trees = |tag: u32| -> der::Result<Option<Vec<GeneralName>>> {
        let Some(list) = fields.optional(Tag::context(tag))? else { return Ok(None) };
        let mut list = list.children()?;
        let mut names = Vec::new();
        while !list.is_empty() {
            bounded(names.len(), element)?;
            let mut subtree = list.sequence()?;
            names.push(GeneralName::from_element(&subtree.element()?)?);
            subtree.finish()?;
        }
        if names.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(Some(names)) }
    };
    let (permitted, excluded) = (trees(0)?, trees(1)?);
    fields.finish()?;
    if permitted.is_none() && excluded.is_none() {
        return Err(element.error(Problem::BadValue));
    }
    Ok(NameConstraints { permitted: permitted.unwrap_or_default(), excluded: excluded.unwrap_or_default() })
}

/// `ReasonFlags` under an implicit tag, the first bit highest.
pub(crate) fn reason_flags(field: &Element<'_>) -> der::Result<u16> {
    key_usage(&field.implicit(Tag::BIT_STRING)).map(|flags| flags.0)
}

fn distribution_points(element: &Element<'_>) -> der::Result<Vec<DistributionPoint>> {
    let mut list = element.of(Tag::SEQUENCE)?.children()?;
    let mut points = Vec::new();
    while !list.is_empty() {
        bounded(points.len(), element)?;
        let mut fields = list.sequence()?;
        let mut point = DistributionPoint::default();
        if let Some(name) = fields.optional(Tag::context(0))? {
            (point.names, point.relative) = distribution_point_name(&name)?;
        }
        if let Some(reasons) = fields.optional(Tag::context(1))? {
            point.reasons = Some(reason_flags(&reasons)?);
        }
        if let Some(issuer) = fields.optional(Tag::context(2))? {
            point.crl_issuer = GeneralName::read_all(issuer.children()?, MAX_ENTRIES)?;
        }
        fields.finish()?;
        points.push(point);
    }
    if points.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(points) }
}

/// `DistributionPointName` inside its explicit tag: full names, or "relative to the issuer".
pub(crate) fn distribution_point_name(
    field: &Element<'_>,
) -> der::Result<(Vec<GeneralName>, Option<Vec<u8>>)> {
    let mut inside = field.children()?;
    let choice = inside.element()?;
    inside.finish()?;
    if choice.tag() == Tag::context(0) {
        return Ok((GeneralName::read_all(choice.children()?, MAX_ENTRIES)?, None));
    }
    choice.of(Tag::context(1))?.children()?;
    Ok((Vec::new(), Some(choice.content().to_vec())))
}

fn access(element: &Element<'_>) -> der::Result<Vec<(Oid, GeneralName)>> {
    let mut list = element.of(Tag::SEQUENCE)?.children()?;
    let mut entries = Vec::new();
    while !list.is_empty() {
        bounded(entries.len(), element)?;
        let mut fields = list.sequence()?;
        let method = fields.expect(Tag::OID)?.oid()?;
        entries.push((method, GeneralName::from_element(&fields.element()?)?));
        fields.finish()?;
    }
    if entries.is_empty() { Err(element.error(Problem::BadValue)) } else { Ok(entries) }
}
