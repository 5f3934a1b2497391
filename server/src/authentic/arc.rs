//! The chain of those who passed a message on (ARC, RFC 8617): its form judged more strictly than the library does, and a set of our
//! own put before what we pass on.
//!
//! ```text
//!   taken in:  verify::arc_of ─► form: one of each field for every instance ─► signatures ─► none, pass, fail ─► Authentication-Results
//!   passed on: seal ─► what our own Authentication-Results said ─► ARC-Authentication-Results, ARC-Message-Signature, ARC-Seal
//! ```

use super::fields::{self, Field};
use super::results;
use super::sign::{Prepared, Signer, relaxed_field};

/// Sets in a chain (RFC 8617 §4.2.1).
const SETS_MAX: u32 = 50;
/// Tags in one field; honest ones have ten.
const TAGS_MAX: usize = 50;

const RESULTS: &str = "ARC-Authentication-Results";
const SIGNATURE: &str = "ARC-Message-Signature";
const SEAL: &str = "ARC-Seal";

/// What a chain says of the one before it (`cv=`, RFC 8617 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validation {
    None,
    Pass,
    Fail,
}

impl Validation {
    fn read(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "none" => Some(Self::None),
            "pass" => Some(Self::Pass),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// The form of a message's chain (RFC 8617 §5.2, steps 1 to 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// No field of a chain.
    None,
    /// One of each field for every instance from 1, and what they say of one another fits.
    Whole(u32),
    /// Anything else, with the highest instance that is written in it.
    Broken(u32),
    /// The last to seal it found it broken: nobody adds to it any more (RFC 8617 §5.1).
    Ended,
}

/// The fields of one instance.
#[derive(Default)]
struct Set<'a> {
    results: Vec<&'a [u8]>,
    signatures: Vec<&'a [u8]>,
    seals: Vec<(&'a [u8], Option<Validation>)>,
}

/// What a message's fields say, whatever the signatures are worth.
pub(super) fn form(message: &[u8]) -> Form {
    chain(&fields::split(message).0).form()
}

/// All sets by instance, and whether every field could be read.
struct Chain<'a> {
    /// From the first instance; one that no field names is empty.
    sets: Vec<Set<'a>>,
    is_readable: bool,
}

fn chain<'a>(fields: &[Field<'a>]) -> Chain<'a> {
    let mut chain = Chain { sets: Vec::new(), is_readable: true };
    for field in fields {
        let instance = match () {
            () if field.is(RESULTS) => results_instance(field.value),
            () if field.is(SIGNATURE) => tags(field.value).and_then(|tags| signature_instance(&tags)),
            () if field.is(SEAL) => tags(field.value).and_then(|tags| seal_instance(&tags)),
            () => continue,
        };
        let Some(instance) = instance else {
            chain.is_readable = false;
            continue;
        };
        while chain.sets.len() < instance as usize {
            chain.sets.push(Set::default());
        }
        let Some(set) = chain.sets.get_mut(instance as usize - 1) else { continue };
        match () {
            () if field.is(RESULTS) => set.results.push(field.value),
            () if field.is(SIGNATURE) => set.signatures.push(field.value),
            () => {
                let cv = tags(field.value).and_then(|tags| Validation::read(find(&tags, "cv")?));
                set.seals.push((field.value, cv));
            }
        }
    }
    chain
}

impl Chain<'_> {
    fn form(&self) -> Form {
        let highest = u32::try_from(self.sets.len()).unwrap_or(SETS_MAX);
        if self.sets.is_empty() && self.is_readable {
            return Form::None;
        }
        if self.sets.last().is_some_and(|last| last.seals.iter().any(|(_, cv)| *cv == Some(Validation::Fail)))
        {
            return Form::Ended;
        }
        let is_whole = self.is_readable && self.sets.iter().enumerate().all(|(n, set)| set.is_whole(n == 0));
        if is_whole { Form::Whole(highest) } else { Form::Broken(highest) }
    }
}

impl Set<'_> {
    /// One of each, and the seal says `none` in the first set and `pass` in each other (RFC 8617 §5.2 step 3).
    fn is_whole(&self, is_first: bool) -> bool {
        let wanted = if is_first { Validation::None } else { Validation::Pass };
        self.results.len() == 1
            && self.signatures.len() == 1
            && matches!(self.seals.as_slice(), [(_, Some(cv))] if *cv == wanted)
    }
}

/// A tag list (RFC 6376 §3.2): names and values; `None` when it is none, or a name stands twice in it.
fn tags(value: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(value).ok()?;
    let mut found: Vec<(String, String)> = Vec::new();
    let mut parts = text.split(';').peekable();
    while let Some(part) = parts.next() {
        let part = part.trim();
        if part.is_empty() && parts.peek().is_none() {
            break;
        }
        let (name, value) = part.split_once('=')?;
        let name = name.trim_end();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !begins || !is_name || found.iter().any(|(there, _)| there == name) || found.len() >= TAGS_MAX {
            return None;
        }
        // Folds within a value mean nothing in any tag of ours.
        found.push((name.to_owned(), value.split_ascii_whitespace().collect()));
    }
    Some(found)
}

fn find<'t>(tags: &'t [(String, String)], name: &str) -> Option<&'t str> {
    tags.iter().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
}

/// `i=`: 1 to 50, in one or two digits (RFC 8617 §4.2.1).
fn instance(text: &str) -> Option<u32> {
    let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && (1..=SETS_MAX).contains(number))
}

/// `i=1; host; …`: the instance comes first (RFC 8617 §4.1.1).
fn results_instance(value: &[u8]) -> Option<u32> {
    let end = value.iter().position(|byte| *byte == b';')?;
    let first = std::str::from_utf8(value.get(..end)?).ok()?;
    let (name, number) = first.split_once('=')?;
    (name.trim() == "i").then(|| instance(number.trim()))?
}

/// What every signature of a chain has: a domain, a selector, a signature, and an algorithm that is not broken (RFC 8301 §3.1).
fn has_signature(tags: &[(String, String)]) -> bool {
    let is_there = |name: &str| find(tags, name).is_some_and(|value| !value.is_empty());
    let is_strong = matches!(find(tags, "a"), Some("rsa-sha256" | "ed25519-sha256"));
    is_strong && ["b", "d", "s"].iter().all(|name| is_there(name))
}

/// A message signature (RFC 8617 §4.1.2): it covers From, and no field of a chain; nor does it leave the end of the body free.
fn signature_instance(tags: &[(String, String)]) -> Option<u32> {
    let covered: Vec<&str> = find(tags, "h")?.split(':').collect();
    let covers = |name: &str| covered.iter().any(|there| there.eq_ignore_ascii_case(name));
    let is_good = has_signature(tags)
        && find(tags, "bh").is_some_and(|hash| !hash.is_empty())
        && find(tags, "l").is_none()
        && covers("From")
        && ![RESULTS, SIGNATURE, SEAL].iter().any(|name| covers(name));
    find(tags, "i").and_then(instance).filter(|_| is_good)
}

/// A seal (RFC 8617 §4.1.3): what it covers is not its own choice.
fn seal_instance(tags: &[(String, String)]) -> Option<u32> {
    let is_good = has_signature(tags)
        && find(tags, "h").is_none()
        && find(tags, "cv").is_some_and(|cv| Validation::read(cv).is_some());
    find(tags, "i").and_then(instance).filter(|_| is_good)
}

/// Our set for a message that is passed on as it stands here, with its lines' ends (RFC 8617 §5.1). `None` when there is nothing to
/// say: we have not looked at its chain, or it ended already, or is as long as one may be.
///
/// # Errors
/// The key's.
pub(crate) fn seal(
    message: &[u8],
    host: &str,
    signer: &Signer<'_>,
    seconds: i64,
) -> Result<Option<String>, certs::Error> {
    let (all, _) = fields::split(message);
    let Some(found) = results::ours(&all, host) else { return Ok(None) };
    let Some(said) = results::arc_in(found).and_then(|word| Validation::read(&word)) else { return Ok(None) };
    let chain = chain(&all);
    let (sets, cv) = match (chain.form(), said) {
        (Form::None, Validation::None) => (0, Validation::None),
        (Form::Whole(sets), Validation::Pass) => (sets, Validation::Pass),
        (Form::Whole(sets) | Form::Broken(sets), Validation::Fail) => (sets, Validation::Fail),
        // It ended, or what we said is not of this chain.
        _ => return Ok(None),
    };
    if sets >= SETS_MAX {
        return Ok(None);
    }
    let instance = sets + 1;
    let found = String::from_utf8_lossy(found);
    let results = format!("{RESULTS}: i={instance};\r\n\t{}\r\n", found.trim());
    let signature = Prepared::passed_on(message).message_signature(signer, instance, seconds)?;
    let mut covered = Vec::new();
    if cv == Validation::Pass {
        for set in &chain.sets {
            set.canonical(&mut covered);
        }
    }
    for (name, field) in [(RESULTS, &results), (SIGNATURE, &signature)] {
        let value = field.split_once(':').map(|(_, value)| value).unwrap_or_default();
        relaxed_field(name, value.as_bytes(), &mut covered);
        covered.extend_from_slice(b"\r\n");
    }
    let unsigned = format!(
        " i={instance}; a={}; t={seconds}; cv={};\r\n\td={}; s={};\r\n\tb=",
        signer.algorithm_word(),
        cv.word(),
        signer.domain,
        signer.selector
    );
    let seal = signer.field(SEAL, &unsigned, &covered)?;
    Ok(Some([seal, signature, results].concat()))
}

impl Set<'_> {
    /// In the order a seal covers them (RFC 8617 §5.1.1).
    fn canonical(&self, out: &mut Vec<u8>) {
        let seals = self.seals.iter().map(|(value, _)| (SEAL, *value));
        let results = self.results.iter().map(|value| (RESULTS, *value));
        let signatures = self.signatures.iter().map(|value| (SIGNATURE, *value));
        for (name, value) in results.chain(signatures).chain(seals) {
            relaxed_field(name, value, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
#[path = "arc_tests.rs"]
mod tests;
