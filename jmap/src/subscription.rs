//! Push subscriptions (RFC 8620 §7.2): where a client that has no connection open wants to be told of changes, how it proves that the
//! address is its own, and what is sent there. The program carries it.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail::{ModSeq, PushId, Timestamp};
use serde_json::{Map, Value, json};
use store::{NewPush, Push, PushChange, Tx};

use crate::args::{self, Args, invalid};
use crate::call::Context;
use crate::error::SetError;
use crate::push::{Types, changed, state_change};
use crate::{Api, Error};

/// Voluntary identification of who pushes (RFC 9749 §2).
pub const VAPID: &str = "urn:ietf:params:jmap:webpush-vapid";

/// How long a subscription lives unless it is prolonged, and at most: RFC 8620 §7.2 asks for 48 hours at least, and suggests that
/// clients come back each week.
const LIFE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Letters of an address. Those of the large push services are below 300.
const URL_MAX: usize = 1_000;
/// Letters of a client's name for itself.
const DEVICE_MAX: usize = 255;
/// Types of data that may be named, and letters of one.
const TYPES_MAX: usize = 64;

/// Keys come with padding and without.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const PROPERTIES: [&str; 5] = ["id", "deviceClientId", "verificationCode", "expires", "types"];

/// An object of `PushSubscription/get`. Address and keys never leave the house again (RFC 8620 §7.2.1).
fn object(push: &Push, wanted: &[String]) -> Value {
    let mut object = Map::new();
    for name in wanted {
        let value = match name.as_str() {
            "id" => json!(push.push_id),
            "deviceClientId" => json!(push.device_client_id),
            // Whoever asks before it has given the code back does not learn it here.
            "verificationCode" if push.is_verified => json!(push.code),
            "expires" => json!(push.expires_at.to_rfc3339_utc()),
            "types" => types_of(&push.types),
            _ => Value::Null,
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object)
}

fn types_of(kept: &str) -> Value {
    serde_json::from_str(kept).unwrap_or_default()
}

/// The address of a push: `https`, a host, nothing that is for people. Where it may lead is decided by who carries it.
fn url(value: Option<Value>) -> Result<String, SetError> {
    let wrong = || SetError::invalid("url", "an absolute https address of at most 1000 letters");
    let Some(Value::String(url)) = value else { return Err(wrong()) };
    let rest = url.strip_prefix("https://").ok_or_else(wrong)?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = url.len() <= URL_MAX && url.bytes().all(|b| b.is_ascii_graphic());
    match is_plain && !host.is_empty() && !host.contains('@') && !url.contains('#') {
        true => Ok(url),
        false => Err(wrong()),
    }
}

/// The client's public key and its secret (RFC 8291 §2).
type Keys = ([u8; 65], [u8; 16]);

/// The client's key and secret (RFC 8291 §2.1, §3.2).
fn keys(value: Option<Value>) -> Result<Option<Keys>, SetError> {
    let wrong = || SetError::invalid("keys", "a P-256 point and 16 bytes, both in base64url");
    let mut keys = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(keys)) => keys,
        Some(_) => return Err(wrong()),
    };
    let mut take = |name: &str| match keys.remove(name) {
        Some(Value::String(text)) if text.len() <= 100 => BASE64_URL.decode(text).map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    let point: [u8; 65] = take("p256dh")?.try_into().map_err(|_| wrong())?;
    let secret: [u8; 16] = take("auth")?.try_into().map_err(|_| wrong())?;
    match point.first() {
        Some(4) => Ok(Some((point, secret))),
        _ => Err(wrong()),
    }
}

/// `types`, as it is kept.
fn types(value: Value) -> Result<String, SetError> {
    let wrong = || SetError::invalid("types", "null or a list of at most 64 names of types");
    let is_name = |value: &Value| value.as_str().is_some_and(|name| matches!(name.len(), 1..=TYPES_MAX));
    match &value {
        Value::Null => {}
        Value::Array(names) if (1..=TYPES_MAX).contains(&names.len()) && names.iter().all(is_name) => {}
        _ => return Err(wrong()),
    }
    Ok(value.to_string())
}

/// `expires`: what the client wants, within what the house allows.
fn expires(value: Option<Value>, now: Timestamp) -> Result<Timestamp, SetError> {
    let latest = now.plus(LIFE_MAX);
    match value {
        None | Some(Value::Null) => Ok(latest),
        Some(Value::String(text)) => match Timestamp::parse_rfc3339(&text) {
            Ok(moment) if text.ends_with('Z') && moment > now => Ok(moment.min(latest)),
            _ => Err(SetError::invalid("expires", "a UTCDate to come")),
        },
        Some(_) => Err(SetError::invalid("expires", "a UTCDate to come")),
    }
}

/// Nothing may be left of an object whose known properties were taken.
fn nothing_left(object: &Map<String, Value>) -> Result<(), SetError> {
    match object.keys().next() {
        None => Ok(()),
        Some(name) => {
            Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set, or not to this value"))
        }
    }
}

/// A subscription that a client wants.
pub(crate) struct Wanted {
    device_client_id: String,
    url: String,
    keys: Option<([u8; 65], [u8; 16])>,
    types: String,
    expires_at: Timestamp,
}

impl Wanted {
    pub(crate) fn read(mut wanted: Map<String, Value>, now: Timestamp) -> Result<Self, SetError> {
        let device_client_id = match wanted.remove("deviceClientId") {
            Some(Value::String(device)) if matches!(device.len(), 1..=DEVICE_MAX) => device,
            _ => return Err(SetError::invalid("deviceClientId", "a text of 1 to 255 letters")),
        };
        let expires_at = expires(wanted.remove("expires"), now)?;
        if wanted.remove("verificationCode").is_some_and(|code| !code.is_null()) {
            return Err(SetError::invalid("verificationCode", "null until the code has come"));
        }
        let read = Self {
            device_client_id,
            url: url(wanted.remove("url"))?,
            keys: keys(wanted.remove("keys"))?,
            types: types(wanted.remove("types").unwrap_or_default())?,
            expires_at,
        };
        nothing_left(&wanted)?;
        Ok(read)
    }
}

impl Context<'_> {
    /// `PushSubscription/get` (RFC 8620 §7.2.1): of whoever is signed in, so no account is named.
    pub(crate) async fn push_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let given = args.texts("ids")?;
        let wanted = args.texts("properties")?;
        args.finish()?;
        let mut wanted = wanted.unwrap_or_else(|| PROPERTIES.map(str::to_owned).to_vec());
        if wanted.iter().any(|name| ["url", "keys"].contains(&name.as_str())) {
            return Err(Error::Forbidden("`url` and `keys` are never handed out"));
        }
        if let Some(unknown) = wanted.iter().find(|name| !PROPERTIES.contains(&name.as_str())) {
            return Err(invalid(unknown, "property of a PushSubscription"));
        }
        if !wanted.iter().any(|name| name == "id") {
            wanted.push("id".to_owned());
        }
        let ids = args::ids::<PushId>(given, &self.created, self.api.limits.objects_in_get_max)?;
        let (account_id, now) = (self.caller.account_id, self.now);
        let found = self
            .api
            .store
            .read((), move |tx, ()| Box::pin(async move { tx.pushes(account_id, now).await }))
            .await?;
        let Some(mut ids) = ids else {
            let list: Vec<Value> = found.iter().map(|push| object(push, &wanted)).collect();
            return Ok(json!({ "list": list, "notFound": [] }));
        };
        let mut list = Vec::with_capacity(ids.valid.len());
        for id in ids.valid {
            match found.iter().find(|push| push.push_id == id) {
                Some(push) => list.push(object(push, &wanted)),
                None => ids.not_found.push(id.to_string()),
            }
        }
        Ok(json!({ "list": list, "notFound": ids.not_found }))
    }

    /// `PushSubscription/set` (RFC 8620 §7.2.2): no account, no states.
    pub(crate) async fn push_set(&mut self, mut args: Args) -> Result<Value, Error> {
        let create = args.object("create")?.unwrap_or_default();
        let update = args.object("update")?.unwrap_or_default();
        let destroy = args.texts("destroy")?.unwrap_or_default();
        args.finish()?;
        if create.len() + update.len() + destroy.len() > self.api.limits.objects_in_set_max {
            return Err(Error::RequestTooLarge("more objects than maxObjectsInSet"));
        }
        let mut outcome = Outcome::default();
        for (creation, wanted) in create {
            let made = self.push_create(wanted).await;
            if let Ok(made) = &made
                && let Some(id) = made["id"].as_str()
            {
                self.created.insert(creation.clone(), id.to_owned());
            }
            outcome.put("created", "notCreated", creation, made);
        }
        for (id, patch) in update {
            let changed = self.push_update(&id, patch).await;
            outcome.put("updated", "notUpdated", id, changed);
        }
        for id in destroy {
            match self.push_destroy(&id).await {
                Ok(()) => outcome.destroyed.push(id.into()),
                Err(error) => outcome.put("", "notDestroyed", id, Err(error)),
            }
        }
        Ok(outcome.into_value())
    }

    async fn push_create(&self, wanted: Value) -> Result<Value, SetError> {
        let Value::Object(wanted) = wanted else {
            return Err(SetError::new("invalidProperties", "a PushSubscription is an object"));
        };
        let wanted = Wanted::read(wanted, self.now)?;
        let mut code = [0; 16];
        self.api.chance.fill(&mut code);
        let new = NewPush {
            account_id: self.caller.account_id,
            device_client_id: wanted.device_client_id,
            url: wanted.url,
            keys: wanted.keys,
            types: wanted.types,
            code: BASE64_URL.encode(code).trim_end_matches('=').to_owned(),
            expires_at: wanted.expires_at,
        };
        let input = (new, self.now);
        let id: PushId = self
            .api
            .store
            .write("subscribe to pushes", input, |tx, (new, now)| {
                Box::pin(async move { tx.add_push(new, *now).await })
            })
            .await?;
        // The server says what it made of what the client did not say (RFC 8620 §5.3), and the address and the keys to nobody.
        Ok(json!({ "id": id, "expires": wanted.expires_at.to_rfc3339_utc() }))
    }

    async fn push_update(&self, id: &str, patch: Value) -> Result<Value, SetError> {
        let push_id: PushId = self.real_id(id)?;
        let Value::Object(mut patch) = patch else {
            return Err(SetError::new("invalidPatch", "a patch is an object"));
        };
        let (account_id, now) = (self.caller.account_id, self.now);
        let code = patch.remove("verificationCode");
        let asked = patch.remove("expires");
        let expires_at = match asked.clone() {
            None => None,
            some => Some(expires(some, now)?),
        };
        let types = patch.remove("types").map(types).transpose()?;
        nothing_left(&patch)?;
        let change = PushChange { is_verified: false, expires_at, types };
        self.api
            .store
            .write("change a push subscription", (change, code), move |tx, (change, code)| {
                Box::pin(async move {
                    let push = tx.push(account_id, push_id, now).await?;
                    let push = push.ok_or(store::Error::NotFound("the push subscription"))?;
                    let is_verified = match code {
                        None | Some(Value::Null) => false,
                        Some(Value::String(code)) if *code == push.code => true,
                        Some(_) => {
                            return Err(SetError::invalid("verificationCode", "not the code that was sent"));
                        }
                    };
                    let change = PushChange { is_verified, ..change.clone() };
                    Ok(tx.change_push(account_id, push_id, &change, now).await?)
                })
            })
            .await?;
        // Only what came out otherwise than asked is said.
        let said = expires_at.map(Timestamp::to_rfc3339_utc);
        match said {
            Some(said) if asked.as_ref().and_then(Value::as_str) != Some(&said) => {
                Ok(json!({ "expires": said }))
            }
            _ => Ok(Value::Null),
        }
    }

    async fn push_destroy(&self, id: &str) -> Result<(), SetError> {
        let push_id: PushId = self.real_id(id)?;
        let (account_id, now) = (self.caller.account_id, self.now);
        let gone: bool = self
            .api
            .store
            .write("remove a push subscription", (), move |tx, ()| {
                Box::pin(async move {
                    match tx.push(account_id, push_id, now).await? {
                        Some(_) => tx.remove_push(account_id, push_id, now).await,
                        None => Ok::<_, store::Error>(false),
                    }
                })
            })
            .await?;
        gone.then_some(()).ok_or_else(SetError::not_found)
    }
}

/// The answer of a `/set` as it grows.
#[derive(Default)]
struct Outcome {
    maps: Map<String, Value>,
    destroyed: Vec<Value>,
}

impl Outcome {
    fn put(&mut self, done: &str, not_done: &str, id: String, outcome: Result<Value, SetError>) {
        let (list, value) = match outcome {
            Ok(value) => (done, value),
            Err(error) => (not_done, error.into_value()),
        };
        self.maps.entry(list).or_insert_with(|| json!({}))[id] = value;
    }

    fn into_value(mut self) -> Value {
        if !self.destroyed.is_empty() {
            self.maps.insert("destroyed".to_owned(), Value::Array(self.destroyed));
        }
        for list in ["created", "updated", "destroyed", "notCreated", "notUpdated", "notDestroyed"] {
            self.maps.entry(list).or_insert(Value::Null);
        }
        Value::Object(self.maps)
    }
}

/// What is sent to a new subscription (RFC 8620 §7.2.2): whoever reads it can give the code back.
pub fn verification(push: &Push) -> Value {
    json!({ "@type": "PushVerification", "pushSubscriptionId": push.push_id, "verificationCode": push.code })
}

/// What a verified subscription is to be told now, if anything it asked for changed, and the state that leads to.
///
/// # Errors
/// [`store::Error::NotFound`] when the account is gone.
pub async fn news(
    tx: &mut Tx,
    account_id: mail::AccountId,
    push: &Push,
) -> Result<(ModSeq, Option<Value>), store::Error> {
    let types = match types_of(&push.types) {
        Value::Array(names) => Types::named(names.iter().filter_map(Value::as_str)),
        _ => Types::all(),
    };
    let (now, changed) = changed(tx, account_id, types, push.told).await?;
    Ok((now, (!changed.is_empty()).then(|| state_change(account_id, &changed, now))))
}

impl Api {
    /// The key that all pushes are signed with (RFC 9749 §2): a client may bind its subscription at the push service to it.
    pub(crate) fn vapid_capability(&self) -> Value {
        json!({ "applicationServerKey": self.push_key })
    }
}
