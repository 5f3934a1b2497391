//! What can go wrong in this room, and whose fault it is.

use crate::der;

/// Every failure of this room outside a verdict. A certificate that is not good enough is not an error but a
/// [`crate::path::Reason`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not what they claim to be. Theirs; do not retry.
    #[error("{what} cannot be read: {why}")]
    Encoding {
        /// Which structure: "certificate", "CRL", "OCSP response", …
        what: &'static str,
        /// Where and why.
        why: der::Error,
    },
    /// Well-formed ASN.1 that breaks its standard. Theirs; do not retry.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// The rule broken.
        why: &'static str,
    },
    /// Larger than [`crate::Limits`] allow. Theirs; do not retry.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in the unit its field in `Limits` states.
        limit: usize,
    },
    /// A standard feature this room does not have. Theirs or nobody's; do not retry.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The stated fingerprint is not the certificate's. The operator's; do not retry.
    #[error("fingerprint stated {stated}, certificate has {found}")]
    Fingerprint {
        /// What the operator stated.
        stated: crate::Fingerprint,
        /// What the certificate has.
        found: crate::Fingerprint,
    },
    /// The key file or PKCS #12 container cannot be opened with this password. The operator's.
    #[error("the key cannot be opened: wrong password or damaged file")]
    KeyLocked,
    /// The key cannot do this: wrong kind for the scheme, or too small. The operator's.
    #[error("the key does not fit: {0}")]
    KeyUnfit(&'static str),
    /// What stands for a key is not a name of one (see [`crate::keys::KeyName`]). The operator's.
    #[error("not the name of a key: {0}")]
    KeyName(&'static str),
    /// The name is good, but there is no such key, or there are several. The operator's.
    #[error("the key cannot be found: {0}")]
    KeyMissing(&'static str),
    /// The module of a token cannot be loaded. The operator's.
    #[error("the module {0}")]
    TokenModule(String),
    /// No token that fits the name is plugged in. The operator's; plugging it in helps.
    #[error("no token of that name is there")]
    TokenAbsent,
    /// The token refuses the PIN. It is not tried again: tokens lock themselves after few attempts.
    #[error("the token refuses the PIN; it was tried once and will not be tried again")]
    PinWrong,
    /// Another wrong PIN would lock the token, so this one is not even tried.
    #[error("the token would lock itself after one more wrong PIN, so none is tried; use its own tool first")]
    PinLastTry,
    /// The token has locked itself. The operator's: its own tool unlocks it.
    #[error("the token has locked itself after wrong PINs")]
    PinLocked,
    /// The token needs a PIN and none was given. The operator's.
    #[error("the token needs a PIN")]
    PinNeeded,
    /// All sessions of the token are in use and none came back in time. Ours; retrying helps.
    #[error("the token is busy")]
    TokenBusy,
    /// The token failed. Retrying may help.
    #[error("the token failed: {0}")]
    TokenFailed(String),
    /// The signature is not the key's signature over these bytes. Theirs.
    #[error("the signature does not match")]
    BadSignature,
    /// The cryptographic library failed. Ours; retrying may help.
    #[error("the cryptographic library failed")]
    Library,
}

/// Who has to act on an [`Error`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Whoever sent the bytes.
    Theirs,
    /// Whoever runs this house.
    Operator,
    /// This program.
    Ours,
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Encoding { .. }
            | Error::Malformed { .. }
            | Error::TooLarge { .. }
            | Error::Unsupported(_)
            | Error::BadSignature => Fault::Theirs,
            Error::Fingerprint { .. }
            | Error::KeyLocked
            | Error::KeyUnfit(_)
            | Error::KeyName(_)
            | Error::KeyMissing(_)
            | Error::TokenModule(_)
            | Error::TokenAbsent
            | Error::PinWrong
            | Error::PinLastTry
            | Error::PinLocked
            | Error::PinNeeded => Fault::Operator,
            Error::Library | Error::TokenBusy | Error::TokenFailed(_) => Fault::Ours,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Error::Library | Error::TokenBusy | Error::TokenFailed(_))
    }

    /// Stable code for logs, APIs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Encoding { .. } => "cert.encoding",
            Error::Malformed { .. } => "cert.malformed",
            Error::TooLarge { .. } => "cert.too-large",
            Error::Unsupported(_) => "cert.unsupported",
            Error::Fingerprint { .. } => "cert.fingerprint",
            Error::KeyLocked => "key.locked",
            Error::KeyUnfit(_) => "key.unfit",
            Error::KeyName(_) => "key.name",
            Error::KeyMissing(_) => "key.missing",
            Error::TokenModule(_) => "key.token-module",
            Error::TokenAbsent => "key.token-absent",
            Error::PinWrong => "key.pin-wrong",
            Error::PinLastTry => "key.pin-last-try",
            Error::PinLocked => "key.pin-locked",
            Error::PinNeeded => "key.pin-needed",
            Error::TokenBusy => "key.token-busy",
            Error::TokenFailed(_) => "key.token-failed",
            Error::BadSignature => "signature.mismatch",
            Error::Library => "crypto.failed",
        }
    }

    /// The sentence shown to a person in Vietnamese. The English one is `to_string`.
    pub fn vietnamese(&self) -> &'static str {
        match self {
            Error::Encoding { .. } | Error::Malformed { .. } => "Dữ liệu chứng thư không đúng định dạng.",
            Error::TooLarge { .. } => "Dữ liệu chứng thư vượt quá kích thước cho phép.",
            Error::Unsupported(_) => "Hệ thống chưa hỗ trợ loại dữ liệu chứng thư này.",
            Error::Fingerprint { .. } => "Dấu vân tay đã khai báo không khớp với chứng thư.",
            Error::KeyLocked => "Không mở được khóa: sai mật khẩu hoặc tệp khóa bị hỏng.",
            Error::KeyUnfit(_) => "Khóa không phù hợp với thuật toán ký yêu cầu.",
            Error::KeyName(_) => "Tên khóa không đúng dạng (tệp hoặc pkcs11:…).",
            Error::KeyMissing(_) => "Không tìm thấy đúng một khóa như đã chỉ định.",
            Error::TokenModule(_) => "Không nạp được thư viện của thiết bị ký số.",
            Error::TokenAbsent => "Không thấy thiết bị ký số đã chỉ định; hãy cắm thiết bị.",
            Error::PinWrong => "Sai mã PIN; hệ thống chỉ thử một lần vì thiết bị tự khóa sau vài lần sai.",
            Error::PinLastTry => {
                "Thiết bị sẽ tự khóa nếu sai PIN thêm một lần nên không thử; hãy dùng công cụ của thiết bị."
            }
            Error::PinLocked => "Thiết bị ký số đã bị khóa do nhập sai PIN nhiều lần.",
            Error::PinNeeded => "Thiết bị ký số cần mã PIN.",
            Error::TokenBusy => "Thiết bị ký số đang bận, vui lòng thử lại.",
            Error::TokenFailed(_) => "Thiết bị ký số gặp sự cố, vui lòng thử lại.",
            Error::BadSignature => "Chữ ký không khớp với dữ liệu.",
            Error::Library => "Thư viện mật mã gặp sự cố, vui lòng thử lại.",
        }
    }
}

/// Names the structure in which a reading error happened.
pub(crate) fn reading(what: &'static str) -> impl Fn(der::Error) -> Error {
    move |why| Error::Encoding { what, why }
}
