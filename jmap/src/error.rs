//! What can go wrong, whose turn it is, and how a client is told: the one place where an error becomes an answer.

use serde_json::{Map, Value, json};

use crate::Response;

/// An error of a whole request, of one method call, or of the upload and download doors. Descriptions are for
/// the client's developers; they hold no private data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not I-JSON (RFC 8620 §3.6.1). The client's fault.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The request is JSON of another shape (RFC 8620 §3.6.1). The client's fault.
    #[error("not a request: {0}")]
    NotRequest(String),
    /// The request uses what this server does not have (RFC 8620 §3.6.1).
    #[error("unknown capability {0}")]
    UnknownCapability(String),
    /// The request is larger than the named limit of the session's core capability.
    #[error("more than {0} allows")]
    Limit(&'static str),

    /// No such method under the capabilities in use.
    #[error("no such method")]
    UnknownMethod,
    /// An argument is missing, of a wrong type or not allowed.
    #[error("{0}")]
    InvalidArguments(String),
    /// A back reference leads nowhere (RFC 8620 §3.7).
    #[error("{0}")]
    InvalidResultReference(String),
    /// The account is not there, or not this caller's: the two look the same.
    #[error("no such account")]
    AccountNotFound,
    /// The account to copy from is not there, or not this caller's (RFC 8620 §5.4).
    #[error("no such account to copy from")]
    FromAccountNotFound,
    /// One call asks for more objects or bytes than the server works on at once.
    #[error("{0}")]
    RequestTooLarge(&'static str),
    /// The client may not have that (RFC 8620 §3.6.2).
    #[error("{0}")]
    Forbidden(&'static str),
    /// A type of data that is not looked up (RFC 9404 §4.3).
    #[error("no such type of data here")]
    UnknownDataType,
    /// Another room says no: its stable word, and why.
    #[error("{1}")]
    Refused(&'static str, String),
    /// `ifInState` is not the present state.
    #[error("the state is another one")]
    StateMismatch,
    /// The server cannot say what changed since that state.
    #[error("{0}")]
    CannotCalculateChanges(&'static str),
    /// More changed than the client wants to hear of at once.
    #[error("more changed than `maxChanges`")]
    TooManyChanges,
    /// The filter is understood and not offered.
    #[error("{0}")]
    UnsupportedFilter(String),
    /// The sort is understood and not offered.
    #[error("{0}")]
    UnsupportedSort(String),
    /// The anchor is not among the results.
    #[error("the anchor is not among the results")]
    AnchorNotFound,

    /// Nothing there, or not for this caller.
    #[error("not found")]
    NotFound,
    /// Larger than `maxSizeUpload`.
    #[error("larger than maxSizeUpload")]
    TooLarge,
    /// The account holds all it may hold.
    #[error("the account is full")]
    OverQuota,

    /// The memory did not answer. Trying again later makes sense.
    #[error("storage is not available now")]
    Unavailable(#[source] store::Error),
    /// A fault of ours; an operator finds the cause in the log.
    #[error("the server failed")]
    Failed(#[source] store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            error if error.is_temporary() => Self::Unavailable(error),
            store::Error::NotFound(_) => Self::NotFound,
            store::Error::Full(_) => Self::OverQuota,
            error => Self::Failed(error),
        }
    }
}

/// The prefix of request-level error types (RFC 8620 §3.6.1).
const REQUEST_ERROR: &str = "urn:ietf:params:jmap:error:";

impl Error {
    /// The word of RFC 8620 §3.6.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "notJSON",
            Self::NotRequest(_) => "notRequest",
            Self::UnknownCapability(_) => "unknownCapability",
            Self::Limit(_) => "limit",
            Self::UnknownMethod => "unknownMethod",
            Self::InvalidArguments(_) => "invalidArguments",
            Self::InvalidResultReference(_) => "invalidResultReference",
            Self::AccountNotFound => "accountNotFound",
            Self::FromAccountNotFound => "fromAccountNotFound",
            Self::RequestTooLarge(_) => "requestTooLarge",
            Self::Forbidden(_) => "forbidden",
            Self::UnknownDataType => "unknownDataType",
            Self::Refused(code, _) => code,
            Self::StateMismatch => "stateMismatch",
            Self::CannotCalculateChanges(_) => "cannotCalculateChanges",
            Self::TooManyChanges => "tooManyChanges",
            Self::UnsupportedFilter(_) => "unsupportedFilter",
            Self::UnsupportedSort(_) => "unsupportedSort",
            Self::AnchorNotFound => "anchorNotFound",
            Self::NotFound => "notFound",
            Self::TooLarge => "tooLarge",
            Self::OverQuota => "overQuota",
            Self::Unavailable(_) => "serverUnavailable",
            Self::Failed(_) => "serverFail",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotFound | Self::AccountNotFound => 404,
            Self::TooLarge | Self::OverQuota => 413,
            Self::Unavailable(_) => 503,
            Self::Failed(_) => 500,
            _ => 400,
        }
    }

    /// The arguments of an `error` response to one method call.
    pub(crate) fn to_arguments(&self) -> Value {
        self.note();
        json!({ "type": self.kind(), "description": self.to_string() })
    }

    /// The answer to the whole request, as problem details (RFC 7807).
    pub fn to_response(&self) -> Response {
        self.note();
        let mut problem = Map::new();
        let kind = match self {
            Self::NotJson(_) | Self::NotRequest(_) | Self::UnknownCapability(_) | Self::Limit(_) => {
                format!("{REQUEST_ERROR}{}", self.kind())
            }
            // The doors have no error types of their own; the status says it all.
            _ => "about:blank".to_owned(),
        };
        problem.insert("type".to_owned(), kind.into());
        problem.insert("status".to_owned(), self.status().into());
        problem.insert("detail".to_owned(), self.to_string().into());
        if let Self::Limit(limit) = self {
            problem.insert("limit".to_owned(), (*limit).into());
        }
        Response {
            status: self.status(),
            content_type: "application/problem+json",
            body: Value::Object(problem).to_string().into_bytes(),
        }
    }

    /// A failure of ours is told in the log once, where it becomes an answer.
    fn note(&self) {
        if let Self::Failed(cause) | Self::Unavailable(cause) = self {
            tracing::error!("a mail request failed: {cause}");
        }
    }
}

/// Why one object of a `/set` was left as it was (RFC 8620 §5.3, RFC 8621 §2.5, §4.6, §7.5).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SetError(Map<String, Value>);

impl SetError {
    /// What was examined is not taken: `kind` for good, or later (RULES R10: `forbidden`).
    pub(crate) fn not_taken(refused: mail::Refused, kind: &'static str) -> Self {
        let kind = if refused.is_temporary() { "serverUnavailable" } else { kind };
        Self::new(kind, format!("{} / {}", refused.vi, refused.en)).with("reason", refused.name)
    }

    pub(crate) fn new(kind: &str, description: impl Into<String>) -> Self {
        let mut error = Map::new();
        error.insert("type".to_owned(), kind.into());
        error.insert("description".to_owned(), description.into().into());
        Self(error)
    }

    /// With one more property.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// `invalidProperties`, naming one.
    pub(crate) fn invalid(property: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new("invalidProperties", description).with("properties", vec![Value::from(property.into())])
    }

    pub(crate) fn not_found() -> Self {
        Self::new("notFound", "not found")
    }

    pub(crate) fn kind(&self) -> &str {
        self.0.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

impl From<store::Error> for SetError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound(_) => Self::not_found(),
            store::Error::Full(what) => Self::new("overQuota", format!("{what} is full")),
            store::Error::Refused(why) => Self::new("forbidden", why),
            store::Error::Conflict(what) => Self::new("invalidProperties", format!("already there: {what}")),
            error => {
                tracing::error!("an object of a mail request failed: {error}");
                match error.is_temporary() {
                    true => Self::new("serverUnavailable", "storage is not available now; try again later"),
                    false => Self::new("serverFail", "the server failed"),
                }
            }
        }
    }
}

impl From<Error> for SetError {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}
