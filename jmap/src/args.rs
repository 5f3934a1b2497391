//! Arguments of a method call: taken out one by one by name and type; what is left over is refused.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use mail::{AccountId, ModSeq};
use serde_json::{Map, Value};

use crate::{Caller, Error};

/// The arguments of one call.
pub(crate) struct Args(pub(crate) Map<String, Value>);

pub(crate) fn invalid(name: &str, wanted: &str) -> Error {
    Error::InvalidArguments(format!("`{}` is no {wanted}", mail::text::clip(name, 100)))
}

impl Args {
    /// An argument; null is as good as absent (RFC 8620 §1.1: `Foo|null` with a default of null).
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// `accountId`, which must be the caller's own.
    pub(crate) fn account(&mut self, caller: &Caller) -> Result<AccountId, Error> {
        let text = self.text("accountId")?.ok_or_else(|| invalid("accountId", "id"))?;
        match text.parse::<AccountId>() {
            Ok(account_id) if account_id == caller.account_id => Ok(caller.account_id),
            _ => Err(Error::AccountNotFound),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, "text")),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Error> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(invalid(name, "boolean")),
        }
    }

    /// An `UnsignedInt` (RFC 8620 §1.3).
    pub(crate) fn unsigned(&mut self, name: &str) -> Result<Option<i64>, Error> {
        match self.signed(name)? {
            Some(number) if number < 0 => Err(invalid(name, "unsigned number")),
            number => Ok(number),
        }
    }

    /// An `Int` (RFC 8620 §1.3).
    pub(crate) fn signed(&mut self, name: &str) -> Result<Option<i64>, Error> {
        const INT_MAX: i64 = (1 << 53) - 1;
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) if (-INT_MAX..=INT_MAX).contains(&number) => Ok(Some(number)),
                _ => Err(invalid(name, "number")),
            },
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Error> {
        self.take(name).map(|value| texts(value, name)).transpose()
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(invalid(name, "object")),
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(invalid(name, "list")),
        }
    }

    /// Every argument must have been taken.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::InvalidArguments(format!(
                "`{}` is not an argument of this method",
                mail::text::clip(name, 100)
            ))),
        }
    }
}

pub(crate) fn texts(value: Value, name: &str) -> Result<Vec<String>, Error> {
    let Value::Array(list) = value else { return Err(invalid(name, "list")) };
    list.into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(invalid(name, "list of texts")),
        })
        .collect()
}

/// The ids of a `/get`, those that are none set apart, each once.
pub(crate) struct Ids<T> {
    pub(crate) valid: Vec<T>,
    pub(crate) not_found: Vec<String>,
}

/// Reads `ids`; `None` asks for everything. Creation ids (`#k`) stand for what was created under them.
pub(crate) fn ids<T: FromStr + Display + PartialEq>(
    given: Option<Vec<String>>,
    created: &HashMap<String, String>,
    at_most: usize,
) -> Result<Option<Ids<T>>, Error> {
    let Some(given) = given else { return Ok(None) };
    if given.len() > at_most {
        return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
    }
    let mut ids = Ids { valid: Vec::with_capacity(given.len()), not_found: Vec::new() };
    let mut seen = std::collections::HashSet::with_capacity(given.len());
    for text in given {
        let real = resolve_id(&text, created).unwrap_or(&text).to_owned();
        if !seen.insert(real.clone()) {
            continue;
        }
        match real.parse() {
            Ok(id) => ids.valid.push(id),
            Err(_) => ids.not_found.push(text),
        }
    }
    Ok(Some(ids))
}

/// What a creation id stands for; an id stands for itself; `None` when nothing was created under it.
pub(crate) fn resolve_id<'i>(text: &'i str, created: &'i HashMap<String, String>) -> Option<&'i str> {
    match text.strip_prefix('#') {
        Some(creation) => created.get(creation).map(String::as_str),
        None => Some(text),
    }
}

/// The state of an account's data, as clients see it.
pub(crate) fn state(modseq: ModSeq) -> String {
    modseq.to_string()
}

/// Reads a state; `None` when it is none of ours.
pub(crate) fn read_state(text: &str) -> Option<ModSeq> {
    // One spelling per state.
    let number: i64 = text.parse().ok().filter(|number| *number >= 0)?;
    (number.to_string() == text).then_some(ModSeq(number))
}
