//! The one error of this room. It says whose fault it is, whether to try again, and speaks both languages; how it
//! looks on the wire is decided in one place, [`crate::vxp::answer::refused`].

use mail::AgencyCode;

use crate::accept::SignatureFault;
use crate::keys::Scope;
use crate::office::OfficeFault;
use crate::package::{Refusal, Unwritable};
use crate::secrecy::Hit;
use crate::tombstone::Tombstone;

/// Whose turn it is to do something about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The caller must change what it sends.
    Caller,
    /// We must mend something.
    Ours,
    /// Nobody; time will.
    Nobody,
}

/// An agency code that names nobody any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The code.
    pub code: AgencyCode,
    /// The codes of those that followed; none when nobody did.
    pub followed: Vec<AgencyCode>,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller is not who it says, or nobody we know; the two are not told apart.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The signature fails and the signed text shows marks of damage (VXP 2.1).
    #[error("not authenticated; header text damaged on the way")]
    DamagedHeaders,
    /// A parameter of a call is missing or has no meaning: its name, and what would be right.
    #[error("bad parameter {name}: expected {expected}")]
    BadParameter {
        /// The parameter as the call names it.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// There is no such call.
    #[error("no such call")]
    NoSuchCall,
    /// No such document, or not for the caller; the two are not told apart (VXP 3.10).
    #[error("no such document")]
    NoSuchDocument,
    /// Receivers, or an agency to be changed, that nobody registered.
    #[error("unknown agency codes")]
    UnknownAgencies(Vec<AgencyCode>),
    /// Receivers that were closed or replaced, and may not be forwarded for any more (RULES I6); and those nobody registered.
    #[error("closed agency codes")]
    GoneAgencies {
        /// Which, and who followed.
        gone: Vec<Gone>,
        /// Those that nobody registered.
        unknown: Vec<AgencyCode>,
    },
    /// The sender is no agency of the calling system.
    #[error("agency {code} does not belong to system {system}")]
    NotYourAgency {
        /// The code that was given.
        code: String,
        /// The calling system.
        system: String,
    },
    /// The caller may not do this at all.
    #[error("not permitted")]
    Forbidden,
    /// The document was cancelled after a recall; what remains of it is here (RULES R39).
    #[error("recalled and cancelled")]
    Withdrawn(Box<Tombstone>),
    /// A mark of secrecy was found in it after it was stored: nobody reads it before two persons have released it (RULES R11).
    #[error("set aside")]
    SetAside,
    /// Under that identifier a recall is still to be answered (RULES R38).
    #[error("frozen by a recall")]
    Frozen,
    /// A person may not do this, or gave no good reason: a sentence for him.
    #[error("denied: {0}")]
    Denied(&'static str),
    /// The package has been here before: our own line is in its trace, or it went through too many hands (RULES R66).
    #[error("the package goes in circles")]
    Loop,
    /// The caller's key was not made for this.
    #[error("the key lacks the scope {0}")]
    OutOfScope(Scope),
    /// What was to be written as a package cannot be: which field, and why (RULES E37).
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// The same sender already sent another new document under that identifier (VXP 3.8).
    #[error("conflicts with an earlier package")]
    Conflict,
    /// The body is larger than the limit, in bytes.
    #[error("larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// The bytes that came are not the bytes that were hashed.
    #[error("changed or cut on the way")]
    DamagedBody,
    /// The package is not acceptable.
    #[error(transparent)]
    Package(#[from] Refusal),
    /// The package holds a state secret.
    #[error("marked as a state secret")]
    Secret(Hit),
    /// Files that the package announces have not come, or come more than once: how many (RULES R25).
    #[error("the package is not complete: {0} files")]
    Incomplete(usize),
    /// The signatures of the document are not what the exchange asks for (RULES R14).
    #[error("signatures: {0}")]
    Signature(SignatureFault),
    /// Paper is to follow and no reason is given (RULES R15).
    #[error("paper without a reason")]
    PaperReason,
    /// Paper is to follow by an item that no list of the sender or of who is above it has (RULES R62).
    #[error("no such item in the list")]
    PaperItem,
    /// What somebody wants to record is not as the law has it.
    #[error(transparent)]
    Office(#[from] OfficeFault),
    /// Too many calls.
    #[error("too many calls")]
    SlowDown,
    /// Something broke at our side.
    #[error("internal error")]
    Internal,
    /// At our side something is not to be had for the moment.
    #[error("temporarily unavailable")]
    Unavailable,
}

impl Error {
    /// The code on the wire, HTTP-like (VXP 3.1).
    pub fn status(&self) -> u16 {
        match self {
            Self::BadParameter { .. } => 400,
            Self::NotAuthenticated | Self::DamagedHeaders => 401,
            Self::NotYourAgency { .. }
            | Self::Forbidden
            | Self::Denied(_)
            | Self::OutOfScope(_)
            | Self::SetAside => 403,
            Self::NoSuchCall
            | Self::NoSuchDocument
            | Self::UnknownAgencies(_)
            | Self::GoneAgencies { .. } => 404,
            Self::Conflict | Self::Frozen => 409,
            Self::Withdrawn(_) => 410,
            Self::TooLarge { .. } => 413,
            Self::Package(refusal) if refusal.reason() == crate::package::Reason::TooLarge => 413,
            Self::DamagedBody
            | Self::Package(_)
            | Self::Secret(_)
            | Self::Incomplete(_)
            | Self::PaperReason
            | Self::PaperItem
            | Self::Loop
            | Self::Unwritable(_) => 422,
            Self::Signature(fault) if fault.ask_again() => 503,
            Self::Signature(_) | Self::Office(_) => 422,
            Self::SlowDown => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// The stable name, for logs and for people who search.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "vxp.not-authenticated",
            Self::DamagedHeaders => "vxp.damaged-headers",
            Self::BadParameter { .. } => "vxp.bad-parameter",
            Self::NoSuchCall => "vxp.no-such-call",
            Self::NoSuchDocument => "vxp.no-such-document",
            Self::UnknownAgencies(_) => "vxp.unknown-agencies",
            Self::GoneAgencies { .. } => "vxp.gone-agencies",
            Self::NotYourAgency { .. } => "vxp.not-your-agency",
            Self::Forbidden => "vxp.forbidden",
            Self::OutOfScope(_) => "out-of-scope",
            Self::Unwritable(_) => "unwritable",
            Self::Conflict => "vxp.conflict",
            Self::Frozen => "document.frozen",
            Self::Withdrawn(_) => "document.withdrawn",
            Self::SetAside => "document.set-aside",
            Self::Denied(_) => "two-person.denied",
            Self::Loop => "trace.loop",
            Self::TooLarge { .. } => "vxp.too-large",
            Self::DamagedBody => "vxp.damaged-body",
            Self::Package(refusal) => refusal.code(),
            Self::Secret(_) => "secrecy.refused",
            Self::Incomplete(_) => "package.incomplete",
            Self::Signature(fault) => fault.code(),
            Self::PaperReason => "package.paper-reason",
            Self::PaperItem => "package.paper-item",
            Self::Office(fault) => fault.code(),
            Self::SlowDown => "vxp.slow-down",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }

    /// Who must act.
    pub fn whose(&self) -> Whose {
        match self {
            Self::Internal => Whose::Ours,
            Self::SlowDown | Self::Unavailable => Whose::Nobody,
            Self::Signature(fault) if fault.ask_again() => Whose::Nobody,
            _ => Whose::Caller,
        }
    }

    /// Whether the same call may succeed later without being changed.
    pub fn is_worth_retrying(&self) -> bool {
        // A damaged body was damaged on the way: the same file sent again may arrive whole.
        match self {
            Self::SlowDown | Self::Unavailable | Self::Internal | Self::DamagedBody => true,
            Self::Signature(fault) => fault.ask_again(),
            _ => false,
        }
    }

    /// The sentence in Vietnamese.
    pub fn vi(&self) -> String {
        match self {
            Self::NotAuthenticated => "Không xác thực được hệ thống gọi".to_owned(),
            Self::DamagedHeaders => "Không xác thực được hệ thống gọi: nội dung header bị hỏng trên đường truyền; hãy dùng giá trị \
                 không dấu (ví dụ filePath) hoặc địa chỉ không có số cổng"
                .to_owned(),
            Self::BadParameter { name, expected } => format!("Tham số {name} không hợp lệ, cần: {expected}"),
            Self::NoSuchCall => "Không có dịch vụ này".to_owned(),
            Self::NoSuchDocument => "Không tìm thấy văn bản".to_owned(),
            Self::UnknownAgencies(codes) => format!("Mã đơn vị chưa đăng ký: {}", list(codes)),
            Self::GoneAgencies { gone, unknown } => {
                let gone = all_gone(gone, "không có mã kế thừa", "thay bằng");
                match unknown.as_slice() {
                    [] => format!("Mã đơn vị đã đóng: {gone}"),
                    codes => format!("Mã đơn vị đã đóng: {gone}; mã chưa đăng ký: {}", list(codes)),
                }
            }
            Self::NotYourAgency { code, system } => {
                format!("Đơn vị gửi {} không đúng với mã đã đăng ký: {}", plain(code), plain(system))
            }
            Self::Forbidden => "Hệ thống không được phép thực hiện việc này".to_owned(),
            Self::OutOfScope(scope) => format!("Khóa API không có quyền {scope}"),
            Self::Unwritable(fault) => fault.vi(),
            Self::Conflict => "Mã định danh văn bản đã được gửi với nội dung khác; hãy gửi cập nhật (loại 2) hoặc thay thế \
                 (loại 3)"
                .to_owned(),
            Self::Frozen => "Văn bản mang mã định danh này đang được thu hồi, chưa có đủ trả lời; chưa thể gửi cho nơi nhận mới".to_owned(),
            Self::Withdrawn(stone) => stone.vi(),
            Self::SetAside => "Văn bản đang được tạm giữ do có dấu hiệu độ mật; chưa ai được đọc".to_owned(),
            Self::Denied(why) => format!("Không được phép: {why}"),
            Self::Loop => "Gói tin đã đi qua hệ thống này hoặc qua quá nhiều hệ thống trung gian".to_owned(),
            Self::TooLarge { max } => format!("Gói tin vượt quá {max} byte"),
            Self::DamagedBody => "Nội dung bị thay đổi hoặc bị cắt trên đường truyền (hash-file không khớp)".to_owned(),
            Self::Package(refusal) => refusal.vi(),
            // RULES R10.
            Self::Secret(_) => {
                "Văn bản có độ mật – không gửi, nhận qua hệ thống (QĐ 28/2018 Đ1.2)".to_owned()
            }
            Self::Incomplete(count) => {
                format!("Gói tin không đầy đủ: {count} tệp có trong danh mục nhưng thiếu hoặc trùng")
            }
            Self::Signature(fault) => fault.vi(),
            Self::PaperReason => "Gửi kèm bản giấy phải nêu lý do: GOV_PM, AGENCY_LIST(mục) hoặc RECEIVER_NOT_READY (QĐ 28/2018 Đ7)".to_owned(),
            Self::PaperItem => "Mục nêu trong AGENCY_LIST không có trong danh mục gửi kèm bản giấy đang có hiệu lực của cơ quan hoặc cấp trên (QĐ 28/2018 Đ7.2.b)".to_owned(),
            Self::Office(fault) => fault.vi().to_owned(),
            Self::SlowDown => "Gọi quá nhiều lần, hãy thử lại sau".to_owned(),
            Self::Internal => "Lỗi hệ thống".to_owned(),
            Self::Unavailable => "Hệ thống tạm thời gián đoạn, hãy thử lại sau".to_owned(),
        }
    }

    /// The sentence in English.
    pub fn en(&self) -> String {
        match self {
            Self::NotAuthenticated => "The calling system could not be authenticated".to_owned(),
            Self::DamagedHeaders => "The calling system could not be authenticated: header text damaged on the way; use ASCII values \
                 (for example filePath) or an endpoint without port"
                .to_owned(),
            Self::BadParameter { name, expected } => format!("Parameter {name} is not valid, expected: {expected}"),
            Self::NoSuchCall => "There is no such call".to_owned(),
            Self::NoSuchDocument => "No such document".to_owned(),
            Self::UnknownAgencies(codes) => format!("Agency codes not registered: {}", list(codes)),
            Self::GoneAgencies { gone, unknown } => {
                let gone = all_gone(gone, "no code follows", "followed by");
                match unknown.as_slice() {
                    [] => format!("Agency codes closed: {gone}"),
                    codes => format!("Agency codes closed: {gone}; not registered: {}", list(codes)),
                }
            }
            Self::NotYourAgency { code, system } => {
                format!("Sending agency {} does not belong to system {}", plain(code), plain(system))
            }
            Self::Forbidden => "The system may not do this".to_owned(),
            Self::OutOfScope(scope) => format!("The API key lacks the scope {scope}"),
            Self::Unwritable(fault) => fault.to_string(),
            Self::Conflict => "The document identifier was already sent with other content; send an update (type 2) or a \
                 replacement (type 3)"
                .to_owned(),
            Self::Frozen => "A document under this identifier is being recalled and not all have answered; it may not go to new receivers".to_owned(),
            Self::Withdrawn(stone) => stone.en(),
            Self::SetAside => "The document is set aside because of a mark of secrecy; nobody may read it yet".to_owned(),
            Self::Denied(why) => format!("Not permitted: {why}"),
            Self::Loop => "The package has passed through here before, or through too many hands".to_owned(),
            Self::TooLarge { max } => format!("The package is larger than {max} bytes"),
            Self::DamagedBody => "The content was changed or cut on the way (hash-file does not match)".to_owned(),
            Self::Package(refusal) => refusal.en(),
            Self::Secret(_) => "The document is marked as a state secret and may not travel here".to_owned(),
            Self::Incomplete(count) => {
                format!("The package is not complete: {count} files of its manifest are missing or ambiguous")
            }
            Self::Signature(fault) => fault.en(),
            Self::PaperReason => "Paper may follow only for a reason: GOV_PM, AGENCY_LIST(item) or RECEIVER_NOT_READY (QĐ 28/2018 Đ7)".to_owned(),
            Self::PaperItem => "The item of AGENCY_LIST is in no list of the agency or of who is above it that holds now (QĐ 28/2018 Đ7.2.b)".to_owned(),
            Self::Office(fault) => fault.en().to_owned(),
            Self::SlowDown => "Too many calls, try again later".to_owned(),
            Self::Internal => "Internal error".to_owned(),
            Self::Unavailable => "Temporarily unavailable, try again later".to_owned(),
        }
    }
}

impl From<store::Error> for Error {
    /// What is the store's own trouble is said to the log here; the caller learns only whether to try again.
    fn from(error: store::Error) -> Self {
        if matches!(error, store::Error::SetAside) {
            return Self::SetAside;
        }
        tracing::warn!("the exchange could not use the store: {error}");
        if error.is_temporary() { Self::Unavailable } else { Self::Internal }
    }
}

/// Closed codes and who followed, at most ten of them.
fn all_gone(gone: &[Gone], nobody: &str, by: &str) -> String {
    let said = gone.iter().take(10).map(|gone| match gone.followed.as_slice() {
        [] => format!("{} ({nobody})", gone.code),
        followed => format!("{} ({by} {})", gone.code, list(followed)),
    });
    let mut text = said.collect::<Vec<_>>().join(", ");
    if gone.len() > 10 {
        text.push_str(&format!(" (+{})", gone.len() - 10));
    }
    text
}

/// Codes as one text, at most ten of them: a thousand would not help anybody.
fn list(codes: &[AgencyCode]) -> String {
    let mut text = codes.iter().take(10).map(AgencyCode::as_str).collect::<Vec<_>>().join(", ");
    if codes.len() > 10 {
        text.push_str(&format!(" (+{})", codes.len() - 10));
    }
    text
}

/// A value of the caller as it is safe to repeat: short, and of the characters of codes.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(64).collect()
}
