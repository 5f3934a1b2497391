//! Identities (RFC 8621 §6): one for each address that leads to the account, and to the boxes whose delegate it is (RULES M26).

use mail::{AccountId, EmailAddress, IdentityId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Account, DelegateRight, SendsAs, Tx};

use crate::Error;
use crate::args::{self, Args, invalid};
use crate::call::Context;

const PROPERTIES: [&str; 8] =
    ["id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"];

/// A name and address to send as.
pub(crate) struct Identity {
    pub(crate) id: IdentityId,
    pub(crate) address: EmailAddress,
    pub(crate) name: String,
    /// As whom one sends with it.
    pub(crate) sends: SendsAs,
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
    Ok(Some((account, identities)))
}

async fn add_addresses(
    tx: &mut Tx,
    account_id: AccountId,
    (whose, name, sends): (AccountId, String, SendsAs),
    now: Timestamp,
    identities: &mut Vec<Identity>,
) -> Result<(), store::Error> {
    let addresses = tx.addresses(whose).await?;
    let valid = addresses.into_iter().filter(|address| address.valid_to.is_none_or(|end| end > now));
    identities.extend(valid.map(|found| Identity {
        id: identity_id(account_id, &found.address),
        address: found.address,
        name: name.clone(),
        sends,
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
            let Value::Object(object) = json!({
                "id": identity.id, "name": identity.name, "email": identity.address, "replyTo": null,
                "bcc": null, "textSignature": "", "htmlSignature": "", "mayDelete": false,
            }) else {
                return Value::Null;
            };
            Value::Object(object.into_iter().filter(|(name, _)| wanted(name)).collect::<Map<_, _>>())
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

    /// `Identity/changes` (RFC 8621 §6.2): addresses change seldom, and what they were is not kept.
    pub(crate) async fn identity_changes(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let since = args.text("sinceState")?.ok_or_else(|| invalid("sinceState", "state"))?;
        args.unsigned("maxChanges")?;
        args.finish()?;
        let identities = self.identities(account_id).await?;
        if state(&identities) != since {
            return Err(Error::CannotCalculateChanges("the addresses changed; get all identities"));
        }
        Ok(json!({
            "accountId": account_id, "oldState": since, "newState": since, "hasMoreChanges": false,
            "created": [], "updated": [], "destroyed": [],
        }))
    }

    async fn identities(&self, account_id: AccountId) -> Result<Vec<Identity>, Error> {
        let now = self.now;
        let found = self
            .api
            .store
            .read((), |tx, ()| Box::pin(async move { identities(tx, account_id, now).await }))
            .await?;
        found.map(|(_, identities)| identities).ok_or(Error::AccountNotFound)
    }
}

/// A digest of everything an identity shows.
fn state(identities: &[Identity]) -> String {
    let mut hasher = blake3::Hasher::new();
    for identity in identities {
        hasher.update(identity.name.as_bytes());
        hasher.update(identity.id.as_bytes());
        hasher.update(identity.address.to_string().as_bytes());
    }
    hasher.finalize().to_hex().as_str()[..16].to_owned()
}
