//! Identities (RFC 8621 §6): one for each address that leads to the account, and to the boxes whose delegate it is (RULES M26), and those
//! that people made beside them. Whether an address may be used is asked each time.

use std::collections::HashMap;

use mail::{AccountId, EmailAddress, IdentityId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Account, DelegateRight, KeptIdentity, SendsAs, Tx};

use crate::Error;
use crate::args::{self, Args, invalid};
use crate::call::Context;

const PROPERTIES: [&str; 8] =
    ["id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"];
/// Identities whose states can be told apart one by one.
const TOLD_APART_MAX: usize = 100;
/// Digits of an identity's id in a state, and of its content.
const ID_DIGITS: usize = 32;
const CONTENT_DIGITS: usize = 8;

/// A name and address to send as.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: IdentityId,
    pub(crate) address: EmailAddress,
    pub(crate) name: String,
    /// As whom one sends with it.
    pub(crate) sends: SendsAs,
    /// Whether it was made beside that of its address.
    pub(crate) may_delete: bool,
    /// What its holder says beside name and address.
    kept: Option<KeptIdentity>,
}

impl Identity {
    pub(crate) fn property(&self, name: &str) -> Value {
        let list = |kept: Option<&String>| {
            kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
        };
        let text = |kept: Option<&String>| json!(kept.map_or("", String::as_str));
        let kept = self.kept.as_ref();
        match name {
            "id" => json!(self.id),
            "name" => json!(self.name),
            "email" => json!(self.address),
            "replyTo" => list(kept.map(|kept| &kept.reply_to)),
            "bcc" => list(kept.map(|kept| &kept.bcc)),
            "textSignature" => text(kept.map(|kept| &kept.text_signature)),
            "htmlSignature" => text(kept.map(|kept| &kept.html_signature)),
            "mayDelete" => json!(self.may_delete),
            _ => Value::Null,
        }
    }

    /// As it is kept once something of it is changed.
    pub(crate) fn to_keep(&self) -> KeptIdentity {
        self.kept.clone().unwrap_or_else(|| KeptIdentity {
            identity_id: self.id,
            email: String::new(),
            name: self.name.clone(),
            reply_to: "null".to_owned(),
            bcc: "null".to_owned(),
            text_signature: String::new(),
            html_signature: String::new(),
        })
    }

    /// Its part of a state.
    fn mark(&self) -> String {
        let shown: Vec<Value> = PROPERTIES.iter().map(|name| self.property(name)).collect();
        let digest = blake3::hash(Value::Array(shown).to_string().as_bytes()).to_hex();
        format!("{}{}", self.id, &digest.as_str()[..CONTENT_DIGITS])
    }
}

/// Always the same for an address of an account, so nothing has to be kept.
fn identity_id(account_id: AccountId, address: &EmailAddress) -> IdentityId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"identity");
    hasher.update(account_id.as_bytes());
    hasher.update(address.folded().as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    IdentityId::from_bytes(id)
}

/// The account and whom it may send as now: itself first.
pub(crate) async fn identities(
    tx: &mut Tx,
    account_id: AccountId,
    now: Timestamp,
) -> Result<Option<(Account, Vec<Identity>)>, store::Error> {
    let Some(account) = tx.account(account_id).await? else { return Ok(None) };
    let mut identities = Vec::new();
    let own = (account_id, account.display_name.clone(), SendsAs::Itself);
    add_addresses(tx, account_id, own, now, &mut identities).await?;
    for delegation in tx.delegations_of(account_id).await? {
        let box_id = delegation.box_id;
        let sends = match tx.delegated(box_id, account_id, now).await? {
            Some(DelegateRight::SendAs) => SendsAs::Box(box_id),
            Some(DelegateRight::SendOnBehalf) => SendsAs::BoxOnBehalf(box_id),
            None => continue,
        };
        let Some(found) = tx.account(box_id).await? else { continue };
        add_addresses(tx, account_id, (box_id, found.display_name, sends), now, &mut identities).await?;
    }
    let kept = tx.kept_identities(account_id).await?;
    Ok(Some((account, with_kept(identities, kept))))
}

/// What people said about identities, and those they made: while their address may be used.
fn with_kept(mut identities: Vec<Identity>, kept: Vec<KeptIdentity>) -> Vec<Identity> {
    let (made, changed): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| !kept.email.is_empty());
    let made: Vec<Identity> = made
        .into_iter()
        .filter_map(|kept| {
            let address: EmailAddress = kept.email.parse().ok()?;
            let base = identities.iter().find(|identity| identity.address == address)?;
            Some(Identity {
                id: kept.identity_id,
                name: kept.name.clone(),
                may_delete: true,
                kept: Some(kept),
                ..base.clone()
            })
        })
        .collect();
    let mut changed: HashMap<IdentityId, KeptIdentity> =
        changed.into_iter().map(|kept| (kept.identity_id, kept)).collect();
    for identity in &mut identities {
        if let Some(kept) = changed.remove(&identity.id) {
            identity.name.clone_from(&kept.name);
            identity.kept = Some(kept);
        }
    }
    identities.extend(made);
    identities
}

async fn add_addresses(
    tx: &mut Tx,
    account_id: AccountId,
    (whose, name, sends): (AccountId, String, SendsAs),
    now: Timestamp,
    identities: &mut Vec<Identity>,
) -> Result<(), store::Error> {
    let addresses = tx.own_addresses(whose, now).await?;
    identities.extend(addresses.into_iter().map(|address| Identity {
        id: identity_id(account_id, &address),
        address,
        name: name.clone(),
        sends,
        may_delete: false,
        kept: None,
    }));
    Ok(())
}

impl Context<'_> {
    /// `Identity/get` (RFC 8621 §6.1).
    pub(crate) async fn identity_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            return Err(Error::InvalidArguments(format!(
                "an Identity has no property `{}`",
                mail::text::clip(unknown, 100)
            )));
        }
        let ids = args::ids::<IdentityId>(given, &self.created, self.api.limits.objects_in_get_max)?;
        let identities = self.identities(account_id).await?;
        let state = state(&identities);
        let wanted =
            |name: &str| name == "id" || properties.as_ref().is_none_or(|p| p.iter().any(|n| n == name));
        let object = |identity: &Identity| {
            let shown = PROPERTIES.into_iter().filter(|name| wanted(name));
            Value::Object(shown.map(|name| (name.to_owned(), identity.property(name))).collect::<Map<_, _>>())
        };
        let mut not_found = Vec::new();
        let list: Vec<Value> = match ids {
            None => identities.iter().map(object).collect(),
            Some(ids) => {
                not_found = ids.not_found;
                let mut list = Vec::with_capacity(ids.valid.len());
                for id in ids.valid {
                    match identities.iter().find(|identity| identity.id == id) {
                        Some(identity) => list.push(object(identity)),
                        None => not_found.push(id.to_string()),
                    }
                }
                list
            }
        };
        Ok(json!({ "accountId": account_id, "state": state, "list": list, "notFound": not_found }))
    }

    /// `Identity/changes` (RFC 8621 §6.2). Nothing is kept of what identities were: a state says it.
    pub(crate) async fn identity_changes(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let since = args.text("sinceState")?.ok_or_else(|| invalid("sinceState", "state"))?;
        let changes_max = args.unsigned("maxChanges")?;
        args.finish()?;
        if changes_max == Some(0) {
            return Err(Error::InvalidArguments("`maxChanges` is greater than 0".to_owned()));
        }
        let now = state(&self.identities(account_id).await?);
        let (created, updated, destroyed) = between(&since, &now)
            .ok_or(Error::CannotCalculateChanges("not a state that can be told apart; get all identities"))?;
        let count = created.len() + updated.len() + destroyed.len();
        if changes_max.is_some_and(|most| i64::try_from(count).unwrap_or(i64::MAX) > most) {
            return Err(Error::CannotCalculateChanges("more changed than `maxChanges`; get all identities"));
        }
        Ok(json!({
            "accountId": account_id, "oldState": since, "newState": now, "hasMoreChanges": false,
            "created": created, "updated": updated, "destroyed": destroyed,
        }))
    }

    pub(crate) async fn identities(&self, account_id: AccountId) -> Result<Vec<Identity>, Error> {
        let now = self.now;
        let found = self
            .api
            .store
            .read((), |tx, ()| Box::pin(async move { identities(tx, account_id, now).await }))
            .await?;
        found.map(|(_, identities)| identities).ok_or(Error::AccountNotFound)
    }
}

/// The id of every identity and a digest of what it shows, one after the other: what changed since can be told from it. Of very many, a digest
/// of all that.
pub(crate) fn state(identities: &[Identity]) -> String {
    let mut marks: Vec<String> = identities.iter().map(Identity::mark).collect();
    marks.sort_unstable();
    let whole = marks.concat();
    match marks.len() {
        // A state has a character at least (RFC 8620 §1.6.2).
        0 => "0".to_owned(),
        1..=TOLD_APART_MAX => whole,
        _ => blake3::hash(whole.as_bytes()).to_hex().as_str()[..16].to_owned(),
    }
}

/// The identities of a state, and what they showed; `None` when it does not say.
fn read_state(state: &str) -> Option<HashMap<&str, &str>> {
    if state == "0" {
        return Some(HashMap::new());
    }
    let is_one = !state.is_empty()
        && state.len().is_multiple_of(ID_DIGITS + CONTENT_DIGITS)
        && state.len() <= TOLD_APART_MAX * (ID_DIGITS + CONTENT_DIGITS)
        && state.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_one {
        return None;
    }
    let marks = (0..state.len()).step_by(ID_DIGITS + CONTENT_DIGITS);
    marks.map(|at| state.get(at..at + ID_DIGITS + CONTENT_DIGITS)?.split_at_checked(ID_DIGITS)).collect()
}

/// What came, changed and went between two states.
pub(crate) fn between<'s>(old: &'s str, new: &'s str) -> Option<(Vec<&'s str>, Vec<&'s str>, Vec<&'s str>)> {
    if old == new {
        return Some((Vec::new(), Vec::new(), Vec::new()));
    }
    let (old, new) = (read_state(old)?, read_state(new)?);
    let created = new.keys().filter(|id| !old.contains_key(*id)).copied().collect();
    let destroyed = old.keys().filter(|id| !new.contains_key(*id)).copied().collect();
    let is_other = |(id, shows): &(&&'s str, &&'s str)| old.get(**id).is_some_and(|other| other != *shows);
    let updated = new.iter().filter(is_other).map(|(id, _)| *id).collect();
    Some((created, updated, destroyed))
}
