//! What every `/set` has in common: its arguments, its answer, and the state it leads to (RFC 8620 §5.3).

use mail::{AccountId, ModSeq};
use serde_json::{Map, Value, json};

use crate::args::{Args, invalid, resolve_id, state};
use crate::call::Context;
use crate::error::SetError;
use crate::{Error, args};

/// Objects or patches, each under its creation id or id.
type Named = Vec<(String, Map<String, Value>)>;

/// The acts asked for, in the order they are done.
pub(crate) struct SetRequest {
    pub(crate) account_id: AccountId,
    pub(crate) create: Named,
    pub(crate) update: Named,
    pub(crate) destroy: Vec<String>,
    if_in_state: Option<String>,
}

impl SetRequest {
    /// Takes the common arguments; what is left belongs to the method.
    pub(crate) fn read(cx: &Context<'_>, args: &mut Args) -> Result<Self, Error> {
        let account_id = args.account(cx.caller)?;
        let if_in_state = args.text("ifInState")?;
        let create = objects(args, "create")?;
        let update = objects(args, "update")?;
        let destroy = args.texts("destroy")?.unwrap_or_default();
        if create.len() + update.len() + destroy.len() > cx.api.limits.objects_in_set_max {
            return Err(Error::RequestTooLarge("more objects than maxObjectsInSet"));
        }
        Ok(Self { account_id, create, update, destroy, if_in_state })
    }

    /// Begins the answer at the present state, which must be the one the client expects.
    pub(crate) async fn begin(&self, cx: &Context<'_>) -> Result<SetAnswer, Error> {
        let account_id = self.account_id;
        let now =
            cx.api.store.read((), |tx, ()| Box::pin(async move { tx.modseq(account_id).await })).await?;
        match &self.if_in_state {
            Some(expected) if args::read_state(expected) != Some(now) => Err(Error::StateMismatch),
            _ => Ok(SetAnswer::at(now)),
        }
    }
}

fn objects(args: &mut Args, name: &str) -> Result<Named, Error> {
    let map = args.object(name)?.unwrap_or_default();
    map.into_iter()
        .map(|(key, value)| match value {
            Value::Object(object) => Ok((key, object)),
            _ => Err(invalid(name, "map of objects")),
        })
        .collect()
}

/// The answer as it grows.
pub(crate) struct SetAnswer {
    old: ModSeq,
    new: ModSeq,
    /// Whether `new` is `old` and this call's changes and nothing else.
    alone: bool,
    created: Map<String, Value>,
    not_created: Map<String, Value>,
    updated: Map<String, Value>,
    not_updated: Map<String, Value>,
    destroyed: Vec<Value>,
    not_destroyed: Map<String, Value>,
}

impl SetAnswer {
    fn at(state: ModSeq) -> Self {
        Self {
            old: state,
            new: state,
            alone: true,
            created: Map::new(),
            not_created: Map::new(),
            updated: Map::new(),
            not_updated: Map::new(),
            destroyed: Vec::new(),
            not_destroyed: Map::new(),
        }
    }

    /// Notes that an act of `steps` changes led to `modseq`.
    ///
    /// A client that stands at `oldState` moves to `newState` without asking, so nobody else's change may lie between
    /// the two. As soon as one does, `newState` stays behind, and the client learns the rest (its own changes
    /// among it) by asking.
    pub(crate) fn moved(&mut self, modseq: ModSeq, steps: i64) {
        self.alone = self.alone && modseq.0 == self.new.0 + steps;
        if self.alone {
            self.new = modseq;
        }
    }

    pub(crate) fn create(
        &mut self,
        cx: &mut Context<'_>,
        creation: String,
        outcome: Result<Value, SetError>,
    ) {
        match outcome {
            Ok(object) => {
                if let Some(id) = object.get("id").and_then(Value::as_str) {
                    cx.created.insert(creation.clone(), id.to_owned());
                }
                self.created.insert(creation, object);
            }
            Err(error) => {
                self.not_created.insert(creation, error.into_value());
            }
        }
    }

    pub(crate) fn update(&mut self, id: String, outcome: Result<Value, SetError>) {
        match outcome {
            Ok(changed) => self.updated.insert(id, changed),
            Err(error) => self.not_updated.insert(id, error.into_value()),
        };
    }

    pub(crate) fn destroy(&mut self, id: String, outcome: Result<(), SetError>) {
        match outcome {
            Ok(()) => self.destroyed.push(id.into()),
            Err(error) => {
                self.not_destroyed.insert(id, error.into_value());
            }
        }
    }

    /// The object created under a creation id in this call.
    pub(crate) fn created_under(&self, creation: &str) -> bool {
        self.created.contains_key(creation)
    }

    /// Whether an object was destroyed in this call.
    pub(crate) fn has_destroyed(&self, id: &str) -> bool {
        self.destroyed.iter().any(|gone| gone == id)
    }

    /// Whether an object was updated in this call.
    pub(crate) fn has_updated(&self, id: &str) -> bool {
        self.updated.contains_key(id)
    }

    pub(crate) fn into_value(self, account_id: AccountId) -> Value {
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
        json!({
            "accountId": account_id,
            "oldState": state(self.old),
            "newState": state(self.new),
            "created": or_null(self.created),
            "updated": or_null(self.updated),
            "destroyed": if self.destroyed.is_empty() { Value::Null } else { Value::Array(self.destroyed) },
            "notCreated": or_null(self.not_created),
            "notUpdated": or_null(self.not_updated),
            "notDestroyed": or_null(self.not_destroyed),
        })
    }
}

impl Context<'_> {
    /// An id in a `/set`, or what was created under a creation id; `notFound` when it is neither.
    pub(crate) fn real_id<T: std::str::FromStr>(&self, text: &str) -> Result<T, SetError> {
        resolve_id(text, &self.created).and_then(|id| id.parse().ok()).ok_or_else(SetError::not_found)
    }
}
