//! Agencies, their units, domains and routes, and the systems that speak for them on the exchange.
//!
//! Every verb says whether it changed anything, so that a script may run twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::{AgencyCode, AgencyId, Chance, Domain, Secret, Timestamp, UnitId};
use store::{Agency, AgencyNames, Audit, NewAgency, NewSystem, Store, Tx, Unit};

use crate::address::{NameFault, TITLE_CHARS_MAX, title};
use crate::codes::{CodeRules, Scheme, level_1};
use crate::words::quoted;
use crate::{Error, HOUSE, Result};

/// What came of adding something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added<T> {
    /// It was added or changed.
    New(T),
    /// It was there already, just so.
    Unchanged(T),
}

impl<T> Added<T> {
    /// What was added, or was there.
    pub fn into_inner(self) -> T {
        match self {
            Self::New(value) | Self::Unchanged(value) => value,
        }
    }

    /// Whether anything changed.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// An agency to add, as an administrator writes it.
#[derive(Clone, Debug, Default)]
pub struct AgencyToAdd {
    /// Its code, of either scheme (RULES I1, I2).
    pub code: String,
    /// Its QCVN 102 code beside a QĐ 20 one (RULES I5).
    pub code102: Option<String>,
    /// Its full name.
    pub name: String,
    /// The domain of its mail. One that a related agency has (same level-1 code) is shared with it.
    pub domain: Option<String>,
    /// The code of its superior.
    pub parent: Option<String>,
    /// The decision that says so, or empty.
    pub decision: String,
}

struct CheckedAgency {
    agency_id: AgencyId,
    names: AgencyNames,
    domain: Option<Domain>,
    parent: Option<AgencyCode>,
}

/// Adds an agency, with its domain.
///
/// # Errors
/// [`Error::Code`], [`Error::CodeTaken`], [`Error::Name`], [`Error::BadDomain`], [`Error::DomainTaken`], [`Error::NoAgency`]
/// (the superior).
pub async fn add_agency(
    store: &Store,
    rules: &CodeRules,
    new: &AgencyToAdd,
    actor: &str,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<Added<Agency>> {
    let (code, scheme) = rules.judge(&new.code)?;
    let code102 = match &new.code102 {
        Some(text) => Some(rules.judge_102(text)?),
        None => (scheme == Scheme::Qcvn102).then(|| code.clone()),
    };
    let name = title(&new.name)?;
    if name.is_empty() {
        return Err(NameFault::Missing.into());
    }
    let decision = title(&new.decision)?;
    let checked = CheckedAgency {
        agency_id: AgencyId::new(now, chance),
        names: AgencyNames { code, code102, name, mail: String::new(), parent_id: None, decision },
        domain: new.domain.as_deref().map(domain_of).transpose()?,
        parent: new.parent.as_deref().map(agency_code).transpose()?,
    };
    store
        .write("add an agency", (checked, actor.to_owned(), now), |tx, (new, actor, now)| {
            Box::pin(async move { add_checked_agency(tx, new, actor, *now).await })
        })
        .await
}

async fn add_checked_agency(
    tx: &mut Tx,
    new: &CheckedAgency,
    actor: &str,
    now: Timestamp,
) -> Result<Added<Agency>> {
    let CheckedAgency { agency_id, names, domain, parent } = new;
    if let Some(there) = tx.agency_by_code(&names.code, now).await? {
        let same_102 = names.code102.is_none() || names.code102 == there.code102;
        if !same_102 || there.code != names.code || there.name != names.name {
            return Err(Error::CodeTaken { code: names.code.to_string(), by: called(&there) });
        }
        let gained = match domain {
            Some(domain) => give_domain(tx, domain, Some(&there), actor, now).await?.is_new(),
            None => false,
        };
        return Ok(if gained { Added::New(there) } else { Added::Unchanged(there) });
    }
    if let Some(code102) = &names.code102
        && let Some(there) = tx.agency_by_code(code102, now).await?
    {
        return Err(Error::CodeTaken { code: code102.to_string(), by: called(&there) });
    }
    let mut names = names.clone();
    if let Some(parent) = parent {
        let found = tx.agency_by_code(parent, now).await?;
        names.parent_id = Some(found.ok_or_else(|| Error::NoAgency(parent.to_string()))?.agency_id);
    }
    let code = names.code.to_string();
    tx.add_agency(&NewAgency { agency_id: *agency_id, names, valid_from: now }, now).await?;
    let added = tx.agency(*agency_id, now).await?.ok_or(Error::NoAgency(code))?;
    tx.audit(*agency_id, now, actor, Audit::AgencyChanged, &agency_id.to_string(), "").await?;
    if let Some(domain) = domain {
        give_domain(tx, domain, Some(&added), actor, now).await?;
    }
    Ok(Added::New(added))
}

/// Adds a unit of an agency, or renames it. `code` is short, lower-case and without marks (`vp`, `stttt`).
///
/// # Errors
/// [`Error::BadUnit`], [`Error::Name`], [`Error::NoAgency`].
pub async fn add_unit(
    store: &Store,
    agency: &str,
    code: &str,
    name: &str,
    actor: &str,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<Added<Unit>> {
    let shaped = code.starts_with(|c: char| c.is_ascii_lowercase())
        && code.len() <= 20
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !shaped {
        return Err(Error::BadUnit(quoted(code)));
    }
    let name = title(name)?;
    if name.is_empty() {
        return Err(NameFault::Missing.into());
    }
    let input =
        (agency_code(agency)?, code.to_owned(), name, UnitId::new(now, chance), actor.to_owned(), now);
    store
        .write("add a unit", input, |tx, (agency, code, name, unit_id, actor, now)| {
            Box::pin(async move {
                let agency_id = need_agency(tx, agency, *now).await?.agency_id;
                let there = tx.unit_by_code(agency_id, code).await?;
                if let Some(there) = there.filter(|unit| unit.name == *name) {
                    return Ok(Added::Unchanged(there));
                }
                let unit = Unit {
                    unit_id: *unit_id,
                    agency_id,
                    parent_id: None,
                    code: code.clone(),
                    name: name.clone(),
                };
                tx.put_unit(&unit, *now).await?;
                tx.audit(agency_id, *now, actor, Audit::AgencyChanged, code, r#"{"what":"unit"}"#).await?;
                // A renamed unit keeps its first id.
                let unit = tx.unit_by_code(agency_id, code).await?.unwrap_or(unit);
                Ok(Added::New(unit))
            })
        })
        .await
}

/// Adds a domain whose mail ends here, of one agency or (with none) shared by all.
///
/// # Errors
/// [`Error::BadDomain`], [`Error::NoAgency`], [`Error::DomainTaken`].
pub async fn add_domain(
    store: &Store,
    domain: &str,
    agency: Option<&str>,
    actor: &str,
    now: Timestamp,
) -> Result<Added<Domain>> {
    let input = (domain_of(domain)?, agency.map(agency_code).transpose()?, actor.to_owned(), now);
    store
        .write("add a domain", input, |tx, (domain, agency, actor, now)| {
            Box::pin(async move {
                let agency = match agency {
                    Some(code) => Some(need_agency(tx, code, *now).await?),
                    None => None,
                };
                let added = give_domain(tx, domain, agency.as_ref(), actor, *now).await?;
                Ok(if added.is_new() { Added::New(domain.clone()) } else { Added::Unchanged(domain.clone()) })
            })
        })
        .await
}

/// Adds a domain, or gives one that is nobody's to an agency. One that a related agency has stays that agency's.
async fn give_domain(
    tx: &mut Tx,
    domain: &Domain,
    agency: Option<&Agency>,
    actor: &str,
    now: Timestamp,
) -> Result<Added<()>> {
    let there = tx.domains().await?.into_iter().find(|(name, _)| name == domain);
    match (&there, agency) {
        (Some(_), None) => return Ok(Added::Unchanged(())),
        (Some((_, Some(owner))), Some(agency)) if *owner == agency.agency_id => {
            return Ok(Added::Unchanged(()));
        }
        (Some((_, Some(owner))), Some(agency)) => {
            let owner = tx.agency(*owner, now).await?.ok_or(store::Error::Damaged("a domain's agency"))?;
            return match are_related(&owner, agency) {
                true => Ok(Added::Unchanged(())),
                false => Err(Error::DomainTaken { domain: domain.to_string(), by: called(&owner) }),
            };
        }
        _ => {}
    }
    tx.put_domain(domain, agency.map(|a| a.agency_id), now).await?;
    let owner = agency.map_or(HOUSE, |a| a.agency_id.into());
    tx.audit(owner, now, actor, Audit::DomainChanged, domain.as_str(), "").await?;
    Ok(Added::New(()))
}

/// Whether an agency's people may have addresses of a domain: its own, a shared one, or a related agency's.
pub(crate) async fn may_use_domain(
    tx: &mut Tx,
    domain: &Domain,
    agency: &Agency,
    now: Timestamp,
) -> Result<()> {
    let there = tx.domains().await?.into_iter().find(|(name, _)| name == domain);
    let Some((_, owner)) = there else { return Err(Error::NoDomain(domain.to_string())) };
    let Some(owner) = owner.filter(|owner| *owner != agency.agency_id) else { return Ok(()) };
    let owner = tx.agency(owner, now).await?.ok_or(store::Error::Damaged("a domain's agency"))?;
    match are_related(&owner, agency) {
        true => Ok(()),
        false => Err(Error::DomainTaken { domain: domain.to_string(), by: called(&owner) }),
    }
}

/// Whether two agencies are of one province or ministry (same level-1 code), or one is the other's superior.
fn are_related(a: &Agency, b: &Agency) -> bool {
    level_1(&a.code.folded()) == level_1(&b.code.folded())
        || a.parent_id == Some(b.agency_id)
        || b.parent_id == Some(a.agency_id)
}

/// A system admitted to the exchange, and its secret, to be shown once.
#[derive(Clone, Debug)]
pub struct AdmittedSystem {
    /// Its id.
    pub system_id: String,
    /// The agency it speaks for.
    pub agency: Agency,
    /// What it signs its headers with.
    pub secret: Secret<String>,
    /// Whether it was known and got a new secret.
    pub was_known: bool,
}

/// Admits a system to the exchange, speaking for an agency (RULES I4). Without a secret one is drawn: 32 bytes, base64url.
/// A system the agency already has gets the new secret.
///
/// # Errors
/// [`Error::BadSystem`], [`Error::BadSecret`], [`Error::NoAgency`], [`Error::SystemTaken`], [`Error::AnotherSystem`].
pub async fn add_system(
    store: &Store,
    system_id: &str,
    agency: &str,
    secret: Option<Secret<String>>,
    actor: &str,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<AdmittedSystem> {
    let system_id = system_id.trim().to_owned();
    let shaped = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !(1..=64).contains(&system_id.len()) || !system_id.bytes().all(shaped) {
        return Err(Error::BadSystem(quoted(&system_id)));
    }
    let secret = match secret {
        Some(secret) => secret,
        None => draw_secret(chance),
    };
    let text = secret.expose_secret();
    if !(8..=512).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::BadSecret);
    }
    let code = agency_code(agency)?;
    let agency: Agency =
        store.read(code, |tx, code| Box::pin(async move { need_agency(tx, code, now).await })).await?;
    store.ready_to_seal(agency.agency_id, now).await?;
    let new = NewSystem { system_id: system_id.clone(), agency_id: agency.agency_id, secret: secret.clone() };
    let was_known = store
        .write("admit a system", (new, actor.to_owned(), now), |tx, (new, actor, now)| {
            Box::pin(async move { admit(tx, new, actor, *now).await })
        })
        .await?;
    Ok(AdmittedSystem { system_id, agency, secret, was_known })
}

async fn admit(tx: &mut Tx, new: &NewSystem, actor: &str, now: Timestamp) -> Result<bool> {
    let known = tx.system(&new.system_id, now).await?;
    if let Some(known) = known.as_ref().filter(|known| known.agency_id != new.agency_id) {
        let owner = tx.agency(known.agency_id, now).await?;
        let by = owner.as_ref().map(called).unwrap_or_default();
        return Err(Error::SystemTaken { system: new.system_id.clone(), by });
    }
    if let Some(speaking) = tx.system_of(new.agency_id).await?
        && speaking != new.system_id.to_ascii_lowercase()
    {
        return Err(Error::AnotherSystem(speaking));
    }
    tx.add_system(new, now).await?;
    tx.audit(new.agency_id, now, actor, Audit::SystemChanged, &new.system_id, "").await?;
    Ok(known.is_some())
}

fn draw_secret(chance: &dyn Chance) -> Secret<String> {
    let mut drawn = [0u8; 32];
    chance.fill(&mut drawn);
    Secret::new(URL_SAFE_NO_PAD.encode(Secret::new(drawn).expose_secret()))
}

/// Sends a domain's mail to a fixed place; `*` is every domain without a route of its own.
///
/// # Errors
/// [`Error::BadDomain`], [`Error::BadTarget`].
pub async fn add_route(
    store: &Store,
    domain: &str,
    target: &str,
    actor: &str,
    now: Timestamp,
) -> Result<Added<(String, String)>> {
    let (domain, target) = route_words(domain, target)?;
    store
        .write("add a route", (domain, target, actor.to_owned(), now), |tx, (domain, target, actor, now)| {
            Box::pin(async move {
                let route = (domain.clone(), target.clone());
                // A domain without its own route answers with the one of `*`.
                let fallback = if domain == "*" { None } else { tx.route("*").await? };
                let there = tx.route(domain).await?;
                if there.as_ref() == Some(target) && fallback.as_ref() != Some(target) {
                    return Ok(Added::Unchanged(route));
                }
                tx.put_route(domain, target).await?;
                tx.audit(HOUSE, *now, actor, Audit::DomainChanged, domain, r#"{"what":"route"}"#).await?;
                Ok(Added::New(route))
            })
        })
        .await
}

/// A route as it is kept: its domain, or `*`, and its place.
///
/// # Errors
/// [`Error::BadDomain`], [`Error::BadTarget`].
pub fn route_words(domain: &str, target: &str) -> Result<(String, String)> {
    let domain = if domain.trim() == "*" { "*".to_owned() } else { domain_of(domain)?.as_str().to_owned() };
    Ok((domain, target_of(target)?))
}

/// `host:port`, the host a domain name or an address (IPv6 in brackets).
fn target_of(text: &str) -> Result<String> {
    let bad = || Error::BadTarget(quoted(text));
    let text = text.trim();
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port_fits =
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.parse::<std::net::Ipv4Addr>().is_ok()
                || (host.len() <= 253 && host.parse::<Domain>().is_ok())
        }
    };
    if port_fits && host_fits { Ok(text.to_ascii_lowercase()) } else { Err(bad()) }
}

fn domain_of(text: &str) -> Result<Domain> {
    text.trim().parse().map_err(|_| Error::BadDomain(quoted(text)))
}

/// Reads a code that names an agency; its shape is not judged, only what it names.
pub(crate) fn agency_code(text: &str) -> Result<AgencyCode> {
    text.parse().map_err(|_| Error::NoAgency(quoted(text)))
}

/// The agency that answers to a code, or an explanation.
pub(crate) async fn need_agency(tx: &mut Tx, code: &AgencyCode, at: Timestamp) -> Result<Agency> {
    tx.agency_by_code(code, at).await?.ok_or_else(|| Error::NoAgency(code.to_string()))
}

/// An agency as people are told of it.
pub(crate) fn called(agency: &Agency) -> String {
    format!("{} ({})", mail::text::clip(&agency.name, 4 * TITLE_CHARS_MAX), agency.code)
}
