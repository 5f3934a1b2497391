//! Why a wish is not granted, and what the client hears of it.

use crate::codec::response::Code;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such mailbox.
    #[error("No such mailbox")]
    NoMailbox,
    /// There is one of that name.
    #[error("A mailbox of that name is there already")]
    MailboxExists,
    /// A name that no mailbox can have.
    #[error("Not a name of a mailbox: empty, too long, too deep, or with control characters")]
    BadName,
    /// The inbox and mailboxes with a role are part of the account.
    #[error("This mailbox is part of the account and stays where it is")]
    Fixed,
    /// A mailbox cannot lie in itself.
    #[error("A mailbox cannot lie in itself")]
    InItself,
    /// Mailboxes lie in it (RFC 9051 §6.3.5).
    #[error("Mailboxes lie in it; delete those first")]
    HasChildren,
    /// A use that another mailbox has, or that none has here (RFC 6154 §3).
    #[error("No mailbox can be made for that use")]
    BadUse,
    /// A message that is not taken, ever: it carries a mark of secrecy (RULES R7).
    #[error("{0}")]
    NotTaken(mail::Refused),
    /// Keywords that are none, or too many.
    #[error("Too many flags, or one that is none")]
    BadFlags,
    /// The memory could not do it.
    #[error("{}", in_words(.0))]
    Store(#[from] store::Error),
}

fn in_words(error: &store::Error) -> &'static str {
    match error {
        store::Error::Unavailable(_) | store::Error::Busy => "Busy now; try again",
        store::Error::Full("the mailbox account") => "The mailbox is full",
        store::Error::Full(_) => "There is no room for more",
        store::Error::NotFound(_) => "It is not there",
        store::Error::Conflict(_) => "It is there already",
        store::Error::Refused(_) => "It cannot be done",
        store::Error::SetAside => "It is set aside because of a mark of secrecy",
        store::Error::Damaged(_) => "What is stored is damaged; tell the administrator",
        store::Error::Internal(_) => "A fault of the server; tell the administrator",
    }
}

impl Error {
    /// RFC 9051 §7.1's word for it.
    pub fn code(&self) -> Code<'static> {
        match self {
            Self::NoMailbox | Self::Store(store::Error::NotFound(_)) => Code::NonExistent,
            Self::MailboxExists | Self::Store(store::Error::Conflict(_)) => Code::AlreadyExists,
            Self::BadName | Self::Fixed | Self::InItself => Code::Cannot,
            Self::HasChildren => Code::HasChildren,
            Self::BadUse => Code::UseAttr,
            Self::NotTaken(refused) if refused.is_temporary() => Code::Unavailable,
            Self::NotTaken(_) => Code::NoPerm,
            Self::BadFlags => Code::Limit,
            Self::Store(error) => match error {
                store::Error::Full("the mailbox account") => Code::OverQuota,
                store::Error::Full(_) => Code::Limit,
                store::Error::Refused(_) | store::Error::SetAside => Code::Cannot,
                store::Error::Damaged(_) => Code::Corruption,
                store::Error::Internal(_) => Code::ServerBug,
                _ => Code::Unavailable,
            },
        }
    }

    /// The same for a person, in Vietnamese.
    pub fn vi(&self) -> String {
        let words = match self {
            Self::NoMailbox => "Không có thư mục này",
            Self::MailboxExists => "Đã có thư mục tên này",
            Self::BadName => "Tên thư mục không hợp lệ",
            Self::Fixed => "Thư mục này thuộc về tài khoản, không đổi được",
            Self::InItself => "Thư mục không thể nằm trong chính nó",
            Self::HasChildren => "Thư mục còn thư mục con; hãy xóa thư mục con trước",
            Self::BadUse => "Không tạo được thư mục cho mục đích này",
            Self::NotTaken(refused) => return refused.vi.clone(),
            Self::BadFlags => "Quá nhiều nhãn, hoặc nhãn không hợp lệ",
            Self::Store(error) => match error {
                store::Error::Unavailable(_) | store::Error::Busy => "Hệ thống đang bận, hãy thử lại",
                store::Error::Full("the mailbox account") => "Hộp thư đã đầy",
                store::Error::Full(_) => "Không còn chỗ",
                store::Error::NotFound(_) => "Không tìm thấy",
                store::Error::Conflict(_) => "Đã có rồi",
                store::Error::Refused(_) => "Không thực hiện được",
                store::Error::SetAside => "Đang được tạm giữ do có dấu hiệu độ mật",
                store::Error::Damaged(_) => "Dữ liệu hỏng; hãy báo quản trị",
                store::Error::Internal(_) => "Lỗi máy chủ; hãy báo quản trị",
            },
        };
        words.to_owned()
    }

    /// What the operator has to hear of.
    pub fn trouble(&self) -> Option<&store::Error> {
        match self {
            Self::Store(
                error @ (store::Error::Unavailable(_)
                | store::Error::Busy
                | store::Error::Damaged(_)
                | store::Error::Internal(_)),
            ) => Some(error),
            _ => None,
        }
    }
}
