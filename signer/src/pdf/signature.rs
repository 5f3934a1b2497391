//! Signatures in a PDF: found through the form and by looking at every object, their dictionaries read
//! (ISO 32000-1 §12.8.1), their ranges held to one shape, each other shape refused by name.

use super::document::View;
use super::form::{self, Field};
use super::object::{Dict, Object, ObjectId, text_string};
use super::revision;
use super::xref::Entry;
use crate::message::{Code, Reason};
use mail::Timestamp;
use std::collections::HashMap;

/// What a signature in a PDF is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An approval signature: the usual one.
    Approval,
    /// A certification with what it permits afterwards (DocMDP `/P`, ISO 32000-1 table 254): 1 nothing, 2 forms and
    /// signatures, 3 comments too.
    Certification(u8),
    /// A document timestamp (ISO 32000-2 §12.8.5): an RFC 3161 token over the file.
    DocTimestamp,
}

/// The container in `/Contents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubFilter {
    /// `adbe.pkcs7.detached`.
    Pkcs7Detached,
    /// `adbe.pkcs7.sha1`: the container holds the SHA-1 digest of the ranges (ISO 32000-1 §12.8.3.3.1); weak.
    Pkcs7Sha1,
    /// `ETSI.CAdES.detached` (PAdES).
    CadesDetached,
    /// `ETSI.RFC3161`.
    Rfc3161,
}

/// Which fields a signature locks (FieldMDP or the field's `/Lock`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// All fields.
    All,
    /// Only these.
    Include(Vec<String>),
    /// All but these.
    Exclude(Vec<String>),
}

impl Lock {
    /// Whether a field of this full name is locked.
    pub fn holds(&self, name: &str) -> bool {
        let under = |list: &Vec<String>| {
            list.iter()
                .any(|n| name == n || name.strip_prefix(n.as_str()).is_some_and(|r| r.starts_with('.')))
        };
        match self {
            Self::All => true,
            Self::Include(list) => under(list),
            Self::Exclude(list) => !under(list),
        }
    }
}

/// One signature as it stands in the file: facts, no judgement.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The field's full name.
    pub field: String,
    /// The signature dictionary.
    pub id: ObjectId,
    /// What it is for.
    pub kind: Kind,
    /// Its container.
    pub sub_filter: SubFilter,
    /// `[0 a b c]`: the signed bytes are `0..a` and `b..b+c`.
    pub byte_range: [usize; 4],
    /// The CMS or token, without the padding zeros.
    pub contents: Vec<u8>,
    /// `/M`: what the signer's clock claimed.
    pub claimed: Option<Timestamp>,
    /// `/Reason`.
    pub reason: Option<String>,
    /// `/Location`.
    pub location: Option<String>,
    /// Fields locked from now on.
    pub locks: Vec<Lock>,
    /// What may be changed afterwards (DocMDP `/P`): 1 nothing, 2 forms and signatures, 3 comments too; an approval
    /// signature says it, too, when its field's lock does. `None`: it does not say.
    pub level: Option<u8>,
    /// The chain section its revision closes.
    pub(crate) section: usize,
}

impl Signature {
    /// Where the signed revision ends.
    pub fn end(&self) -> usize {
        let [_, _, start, len] = self.byte_range;
        start.saturating_add(len)
    }

    /// A certification that lets forms be filled in, even what was filled in before.
    pub(crate) fn permits_filling(&self) -> bool {
        matches!(self.kind, Kind::Certification(2 | 3))
    }

    /// The two signed pieces of the file.
    pub fn pieces<'a>(&self, bytes: &'a [u8]) -> [&'a [u8]; 2] {
        let [_, first, start, _] = self.byte_range;
        [bytes.get(..first).unwrap_or_default(), bytes.get(start..self.end()).unwrap_or_default()]
    }
}

/// A signature found, or why what was found is none.
#[derive(Clone, Debug)]
pub struct Found {
    /// The field's full name, or the object's number when no field holds it.
    pub field: String,
    /// The signature dictionary's object number.
    pub id: ObjectId,
    /// The signature, or its fault.
    pub signature: Result<Signature, Reason>,
}

/// All signatures of the newest view, in the order of their ranges; and the names of fields still empty.
pub(crate) fn find(view: &View<'_>) -> Result<(Vec<Found>, Vec<String>), Reason> {
    let mut found: Vec<Found> = Vec::new();
    let mut empty = Vec::new();
    let mut known: HashMap<u32, usize> = HashMap::new();
    for field in form::fields(view)? {
        match &field.value {
            Object::Null => empty.push(field.name),
            Object::Ref(id) if known.contains_key(&id.number) => {
                // Two fields with one signature: a reader would show it twice.
                let index = known.get(&id.number).copied().unwrap_or(0);
                if let Some(first) = found.get_mut(index) {
                    first.signature = Err(Reason::of(Code::SigDictionary, "shared by two fields"));
                }
            }
            Object::Ref(id) => {
                known.insert(id.number, found.len());
                found.push(Found { signature: read(view, &field, *id), field: field.name, id: *id });
            }
            _ => found.push(Found {
                field: field.name,
                id: field.id.unwrap_or(ObjectId { number: 0, generation: 0 }),
                signature: Err(Reason::of(Code::SigDictionary, "not an object of its own")),
            }),
        }
        if found.len() > view.file.limits.signatures {
            return Err(Reason::of(Code::Budget, "signatures"));
        }
    }
    orphans(view, &known, &mut found)?;
    found.sort_by_key(|f| f.signature.as_ref().map_or(usize::MAX, Signature::end));
    Ok((found, empty))
}

/// Dictionaries with a `/ByteRange` that no field leads to. One that a good signature covers as something nobody
/// uses was there, and cleared away, when that was made; usage rights (ISO 32000-1 §12.8.2.3) are a reader's licence and
/// nobody's signature.
fn orphans(view: &View<'_>, known: &HashMap<u32, usize>, found: &mut Vec<Found>) -> Result<(), Reason> {
    let rights = usage_rights(view);
    let ends = found.iter().filter_map(|f| f.signature.as_ref().ok()).map(Signature::end);
    let covered = ends.max().unwrap_or(0);
    for number in candidates(view) {
        if known.contains_key(&number) || rights == Some(number) {
            continue;
        }
        let loaded = match view.load(number) {
            Ok(loaded) => loaded,
            Err(reason) if reason.code == Code::Budget => return Err(reason),
            // A damaged object is nobody's signature; whether it matters is asked when something changed.
            Err(_) => continue,
        };
        let Some(dict) = loaded.object.dict() else { continue };
        let early = loaded.span.is_none_or(|span| span.end <= covered);
        if !dict.has(b"ByteRange") || !dict.has(b"Contents") || early {
            continue;
        }
        let id = ObjectId { number, generation: 0 };
        let signature = Err(Reason::of(Code::SigOrphan, format_args!("object {id}")));
        found.push(Found { field: format!("object {id}"), id, signature });
        if found.len() > view.file.limits.signatures {
            return Err(Reason::of(Code::Budget, "signatures"));
        }
    }
    Ok(())
}

/// Numbers of objects in whose bytes `/ByteRange` stands. One that hides its name is nobody's signature to any reader.
fn candidates(view: &View<'_>) -> Vec<u32> {
    let places: Vec<usize> = memchr::memmem::find_iter(view.bytes(), b"/ByteRange").take(256).collect();
    if places.is_empty() {
        return Vec::new();
    }
    // The object that starts last before the place.
    let mut starts: Vec<(usize, u32)> = view
        .numbers()
        .filter_map(|number| match view.entry(number) {
            Entry::At { offset, .. } => Some((offset, number)),
            _ => None,
        })
        .collect();
    starts.sort_unstable();
    let holder = |place: usize| {
        let after = starts.partition_point(|(offset, _)| *offset <= place);
        starts.get(after.checked_sub(1)?).map(|(_, number)| *number)
    };
    let mut numbers: Vec<u32> = places.into_iter().filter_map(holder).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn usage_rights(view: &View<'_>) -> Option<u32> {
    let (_, catalog) = view.catalog().ok()?;
    let permissions = view.dict_at(&catalog, b"Perms").ok()??;
    [b"UR3".as_slice(), b"UR"].iter().find_map(|key| permissions.get(key).reference()).map(|id| id.number)
}

fn read(view: &View<'_>, field: &Field, id: ObjectId) -> Result<Signature, Reason> {
    let object = view.resolve(&Object::Ref(id))?;
    let Object::Dict(dict) = &*object else { return Err(Reason::new(Code::SigDictionary)) };
    let links = object.links();
    if links.ambiguous {
        return Err(Reason::of(Code::SigDuplicateKey, format_args!("object {id}")));
    }
    let Some(span) = view.load(id.number)?.span else {
        return Err(Reason::of(Code::SigInObjectStream, format_args!("object {id}")));
    };
    let byte_range = range(view, dict)?;
    let [_, first, second, _] = byte_range;
    let contents = contents(view, dict, first, second)?;
    if first < span.start || second > span.end {
        return Err(Reason::of(Code::RangeHole, format_args!("object {id}")));
    }
    let sub_filter = sub_filter(dict)?;
    let end = byte_range.iter().skip(2).fold(0usize, |n, part| n.saturating_add(*part));
    let section = revision::closes(view.file, end)?;
    let (kind, mut level, mut locks) = transforms(view, dict, id, sub_filter)?;
    if let Some(lock) = &field.lock {
        locks.extend(lock_of(view, lock)?);
        let said = lock.get(b"P").int().and_then(|p| u8::try_from(p).ok()).filter(|p| (1..=3).contains(p));
        level = level.into_iter().chain(said).min();
    }
    let text = |key: &[u8]| dict.get(key).text().map(|t| text_string(&t.bytes).chars().take(512).collect());
    Ok(Signature {
        field: field.name.clone(),
        id,
        kind,
        sub_filter,
        byte_range,
        contents,
        claimed: dict.get(b"M").text().and_then(|t| date(&t.bytes)),
        reason: text(b"Reason"),
        location: text(b"Location"),
        locks,
        level,
        section,
    })
}

/// `[0 a b c]` with `a < b`, `b + c` inside the file (each other shape has its own name).
fn range(view: &View<'_>, dict: &Dict) -> Result<[usize; 4], Reason> {
    let value = view.resolve(dict.get(b"ByteRange"))?;
    let items = match &*value {
        Object::Null => return Err(Reason::new(Code::RangeMissing)),
        Object::Array(items) => items.as_slice(),
        _ => return Err(Reason::new(Code::RangeShape)),
    };
    let numbers: Option<Vec<usize>> =
        items.iter().map(|i| i.int().and_then(|i| usize::try_from(i).ok())).collect();
    let Some([start, first, second, len]) = numbers.as_deref() else {
        return Err(Reason::new(Code::RangeShape));
    };
    if *start != 0 {
        return Err(Reason::new(Code::RangeStart));
    }
    let end = second.checked_add(*len).ok_or(Reason::new(Code::RangeOutside))?;
    if end > view.end {
        return Err(Reason::new(Code::RangeOutside));
    }
    if *first == 0 || *len == 0 || first >= second {
        return Err(Reason::new(Code::RangeOrder));
    }
    Ok([*start, *first, *second, *len])
}

/// `/Contents`: a hexadecimal string, exactly the hole, holding one DER or BER element and zeros.
fn contents(view: &View<'_>, dict: &Dict, first: usize, second: usize) -> Result<Vec<u8>, Reason> {
    let Some(text) = dict.get(b"Contents").text() else { return Err(Reason::new(Code::RangeContents)) };
    if !text.hexadecimal {
        return Err(Reason::new(Code::RangeContents));
    }
    if text.span != (first..second) {
        return Err(Reason::new(Code::RangeHole));
    }
    // White space inside the string would be unsigned bytes that mean nothing: no signer writes it.
    let inner = view.bytes().get(first + 1..second.saturating_sub(1)).unwrap_or_default();
    // It was read as digits and white space, so white space is all below the digits.
    let spaced = inner.iter().fold(false, |spaced, byte| spaced | (*byte < b'0'));
    if spaced || inner.len() != text.bytes.len() * 2 {
        return Err(Reason::new(Code::RangeContents));
    }
    if text.bytes.len() > view.file.limits.cms_bytes {
        return Err(Reason::of(Code::Budget, "signature size"));
    }
    let len = crate::asn1::element_len(&text.bytes).ok_or(Reason::new(Code::CmsSyntax))?;
    let (element, padding) = text.bytes.split_at_checked(len).ok_or(Reason::new(Code::CmsSyntax))?;
    match padding.iter().all(|b| *b == 0) {
        true => Ok(element.to_vec()),
        false => Err(Reason::new(Code::RangeContents)),
    }
}

fn sub_filter(dict: &Dict) -> Result<SubFilter, Reason> {
    match dict.get(b"SubFilter").name() {
        Some(b"adbe.pkcs7.detached") => Ok(SubFilter::Pkcs7Detached),
        Some(b"adbe.pkcs7.sha1") => Ok(SubFilter::Pkcs7Sha1),
        // A bare SHA-1 signature without any container (ISO 32000-2 has dropped it).
        Some(name @ b"adbe.x509.rsa_sha1") => Err(Reason::of(Code::SigSubFilterWeak, text_string(name))),
        Some(b"ETSI.CAdES.detached") => Ok(SubFilter::CadesDetached),
        Some(b"ETSI.RFC3161") => Ok(SubFilter::Rfc3161),
        other => {
            let name: String = other.map(text_string).unwrap_or_default().chars().take(64).collect();
            Err(Reason::of(Code::SigSubFilter, name))
        }
    }
}

/// `/Reference`: DocMDP and FieldMDP (ISO 32000-1 §12.8.2). It certifies when the catalog says so; a lock of the field
/// (ISO 32000-2 table 236) makes an approval signature say the same without certifying.
fn transforms(
    view: &View<'_>,
    dict: &Dict,
    id: ObjectId,
    sub_filter: SubFilter,
) -> Result<(Kind, Option<u8>, Vec<Lock>), Reason> {
    let doubled = || Reason::of(Code::SigDuplicateKey, format_args!("object {id}, Reference"));
    let (mut level, mut locks) = (None, Vec::new());
    for reference in view.array_at(dict, b"Reference")? {
        let reference = view.resolve(&reference)?;
        let Some(reference) = reference.dict() else { continue };
        let params = view.dict_at(reference, b"TransformParams")?.unwrap_or_default();
        if reference.ambiguous || params.ambiguous {
            return Err(doubled());
        }
        match reference.get(b"TransformMethod").name() {
            Some(b"DocMDP") => {
                let said = view.resolve(params.get(b"P"))?.int().unwrap_or(2);
                let said = u8::try_from(said).ok().filter(|p| (1..=3).contains(p));
                let said = said.ok_or(Reason::of(Code::SigDictionary, "DocMDP"))?;
                level = Some(level.map_or(said, |before: u8| before.min(said)));
            }
            Some(b"FieldMDP") => locks.extend(lock_of(view, &params)?),
            _ => {}
        }
    }
    let (_, catalog) = view.catalog()?;
    let permissions = view.dict_at(&catalog, b"Perms")?.unwrap_or_default();
    let certifies = permissions.get(b"DocMDP").reference() == Some(id);
    let kind = match (sub_filter, level) {
        (SubFilter::Rfc3161, _) => Kind::DocTimestamp,
        (_, Some(level)) if certifies => Kind::Certification(level),
        _ => Kind::Approval,
    };
    Ok((kind, level, locks))
}

/// What a lock dictionary or the parameters of FieldMDP lock.
pub(crate) fn lock_of(view: &View<'_>, params: &Dict) -> Result<Option<Lock>, Reason> {
    let names = view.array_at(params, b"Fields")?;
    let names = names.iter().take(4096).filter_map(|n| n.text().map(|t| text_string(&t.bytes))).collect();
    Ok(match params.get(b"Action").name() {
        Some(b"All") => Some(Lock::All),
        Some(b"Include") => Some(Lock::Include(names)),
        Some(b"Exclude") => Some(Lock::Exclude(names)),
        _ => None,
    })
}

/// `D:YYYYMMDDHHmmSSOHH'mm'` (ISO 32000-1 §7.9.4); a missing offset is taken as UTC.
pub(crate) fn date(bytes: &[u8]) -> Option<Timestamp> {
    let text = text_string(bytes);
    let text = text.strip_prefix("D:").unwrap_or(&text);
    let part = |from: usize, len: usize, default: i64| match text.get(from..from + len) {
        None => Some(default),
        Some(digits) => digits.parse::<i64>().ok().filter(|n| *n >= 0),
    };
    let year = i32::try_from(part(0, 4, -1)?).ok().filter(|y| *y > 0)?;
    let month = time::Month::try_from(u8::try_from(part(4, 2, 1)?).ok()?).ok()?;
    let day = u8::try_from(part(6, 2, 1)?).ok()?;
    let clock = [part(8, 2, 0)?, part(10, 2, 0)?, part(12, 2, 0)?];
    let [hour, minute, second] = clock.map(|n| u8::try_from(n).unwrap_or(u8::MAX));
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    let moment = date.with_hms(hour, minute, second).ok()?.assume_utc();
    let (hours, minutes) = (part(15, 2, 0), part(18, 2, 0).unwrap_or(0));
    let offset = hours.unwrap_or(0) * 3600 + minutes * 60;
    let offset = match text.get(14..15) {
        Some("+") => offset,
        Some("-") => -offset,
        _ => 0,
    };
    Some(Timestamp::from_secs(moment.unix_timestamp() - offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_32000_7_9_4_dates() {
        let rows = [
            ("D:20261122080000+07'00'", Some("2026-11-22T01:00:00Z")),
            ("D:20261122080000+07'00", Some("2026-11-22T01:00:00Z")),
            ("D:20261122080000Z", Some("2026-11-22T08:00:00Z")),
            ("D:2026", Some("2026-01-01T00:00:00Z")),
            ("D:20261322080000", None),
            ("yesterday", None),
        ];
        for (text, expected) in rows {
            assert_eq!(date(text.as_bytes()).map(|t| t.to_rfc3339_utc()).as_deref(), expected, "{text}");
        }
    }
}
