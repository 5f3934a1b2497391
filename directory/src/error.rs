//! What can go wrong in the directory, whose turn it is, and what a person is told.

use std::fmt;

use store::AccountState;

use crate::address::{AddressFault, NameFault};
use crate::codes::CodeFault;
use crate::delegates::DelegateFault;
use crate::import::FileFault;
use crate::mail_policy::RuleFault;
use crate::passwords::PasswordFault;
use crate::{Said, Sentence};

/// An error of the directory. All but [`Store`](Self::Store), [`Hashing`](Self::Hashing) and [`Busy`](Self::Busy) are the
/// caller's: the same request fails again until somebody changes it or the directory.
#[derive(Debug)]
pub enum Error {
    /// An agency code of the wrong shape.
    Code(CodeFault),
    /// An agency code that names another agency.
    CodeTaken {
        /// The code.
        code: String,
        /// Name and code of the agency that has it.
        by: String,
    },
    /// No agency answers to the code.
    NoAgency(String),
    /// The agency is not there on the day a change is to begin; its name and code.
    NotThatDay(String),
    /// A successor that is closed by then, or the agency itself; its name and code.
    BadSuccessor(String),
    /// An agency cannot be its own superior or focal point; its name and code.
    OfItself(String),
    /// Not a mail address.
    BadMail(String),
    /// There is no such system.
    NoSystem(String),
    /// Not a domain name.
    BadDomain(String),
    /// The domain is an unrelated agency's.
    DomainTaken {
        /// The domain.
        domain: String,
        /// Name and code of the agency that has it.
        by: String,
    },
    /// Mail for the domain does not end here.
    NoDomain(String),
    /// A bad name of a person, mailbox, agency or office.
    Name(NameFault),
    /// A bad address.
    Address(AddressFault),
    /// The address is somebody's, or was (RULES M23).
    AddressTaken {
        /// The address.
        address: String,
        /// Whether it only was.
        closed: bool,
    },
    /// No account has the address.
    NoAccount(String),
    /// The agency has no such unit.
    NoUnit(String),
    /// A unit's code of the wrong shape.
    BadUnit(String),
    /// A system's id of the wrong shape.
    BadSystem(String),
    /// The system is another agency's.
    SystemTaken {
        /// The system.
        system: String,
        /// Name and code of its agency.
        by: String,
    },
    /// Another system speaks for the agency.
    AnotherSystem(String),
    /// A secret that is too short, too long or cannot be typed.
    BadSecret,
    /// Not `host:port`.
    BadTarget(String),
    /// The password breaks the rules.
    Password(Vec<PasswordFault>),
    /// The account is closed for good (RULES M20).
    Closed,
    /// An account does not go from one state to the other.
    BadTransition {
        /// Where it is.
        from: AccountState,
        /// Where it was to go.
        to: AccountState,
    },
    /// A change of an account without a decision number or ticket (RULES M20).
    NoDecision,
    /// Not the scope of a rule of mail.
    BadScope(String),
    /// Something is to end before it begins.
    Expired,
    /// Not a rule of mail.
    Policy(RuleFault),
    /// Somebody cannot be a delegate of a box, or is none (RULES M26).
    Delegation(DelegateFault),
    /// A people list that cannot be read at all.
    File(FileFault),
    /// Too much hashing is going on; try again.
    Busy,
    /// The hash function refused its parameters: a fault of ours.
    Hashing(String),
    /// The memory's own.
    Store(store::Error),
}

/// What the directory answers.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Store(error) => error.is_temporary(),
            _ => false,
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<CodeFault> for Error {
    fn from(fault: CodeFault) -> Self {
        Self::Code(fault)
    }
}

impl From<NameFault> for Error {
    fn from(fault: NameFault) -> Self {
        Self::Name(fault)
    }
}

impl From<DelegateFault> for Error {
    fn from(fault: DelegateFault) -> Self {
        Self::Delegation(fault)
    }
}

impl From<FileFault> for Error {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}

impl From<AddressFault> for Error {
    fn from(fault: AddressFault) -> Self {
        Self::Address(fault)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl Said for Error {
    fn said(&self) -> Sentence {
        match self {
            Self::Code(fault) => fault.said(),
            Self::Name(fault) => fault.said(),
            Self::Address(fault) => fault.said(),
            Self::Password(faults) => all(faults),
            Self::File(fault) => fault.said(),
            Self::Policy(fault) => fault.said(),
            Self::Delegation(fault) => fault.said(),
            Self::BadScope(_) | Self::Expired => self.of_policy(),
            Self::CodeTaken { .. }
            | Self::NoAgency(_)
            | Self::NoUnit(_)
            | Self::BadUnit(_)
            | Self::NotThatDay(_)
            | Self::BadSuccessor(_)
            | Self::OfItself(_)
            | Self::BadMail(_) => self.of_agencies(),
            Self::BadDomain(_) | Self::DomainTaken { .. } | Self::NoDomain(_) | Self::BadTarget(_) => {
                self.of_domains()
            }
            Self::BadSystem(_)
            | Self::NoSystem(_)
            | Self::SystemTaken { .. }
            | Self::AnotherSystem(_)
            | Self::BadSecret => self.of_systems(),
            _ => self.of_accounts(),
        }
    }
}

impl Error {
    fn of_policy(&self) -> Sentence {
        match self {
            Self::BadScope(scope) => Sentence::new(
                "policy_scope",
                format!(
                    "“{scope}” không phải phạm vi: house, agency:MÃ, unit:MÃ/ĐƠN-VỊ hoặc account:ĐỊA-CHỈ."
                ),
                format!("“{scope}” is no scope: house, agency:CODE, unit:CODE/UNIT or account:ADDRESS."),
            ),
            Self::Expired => Sentence::new(
                "policy_expired",
                "Thời hạn phải ở sau thời điểm hiện tại.",
                "The end must lie in the future.",
            ),
            _ => self.internal(),
        }
    }

    fn of_agencies(&self) -> Sentence {
        match self {
            Self::CodeTaken { code, by } => Sentence::new(
                "agency_code_taken",
                format!("Mã “{code}” đang là mã của {by}. Mỗi mã chỉ thuộc một cơ quan tại một thời điểm."),
                format!("Code “{code}” is the code of {by}. At any time a code belongs to one agency."),
            ),
            Self::NoAgency(code) => Sentence::new(
                "agency_unknown",
                format!("Không có cơ quan nào mang mã “{code}”."),
                format!("No agency answers to code “{code}”."),
            ),
            Self::NotThatDay(agency) => Sentence::new(
                "agency_not_that_day",
                format!("Vào ngày đó chưa có {agency}; chọn ngày muộn hơn."),
                format!("{agency} is not there on that day; choose a later one."),
            ),
            Self::BadSuccessor(agency) => Sentence::new(
                "agency_bad_successor",
                format!(
                    "Không đóng được {agency}: cơ quan kế thừa phải là cơ quan khác, còn hoạt động vào ngày đó."
                ),
                format!(
                    "{agency} cannot be closed: a successor must be another agency that is active on that day."
                ),
            ),
            Self::OfItself(agency) => Sentence::new(
                "agency_of_itself",
                format!("{agency} không thể là cấp trên hay đầu mối của chính mình."),
                format!("{agency} cannot be its own superior or focal point."),
            ),
            Self::BadMail(mail) => Sentence::new(
                "agency_bad_mail",
                format!("“{mail}” không phải địa chỉ thư."),
                format!("“{mail}” is not a mail address."),
            ),
            Self::NoUnit(unit) => Sentence::new(
                "unit_unknown",
                format!("Cơ quan không có đơn vị “{unit}”. Thêm đơn vị trước, hoặc sửa mã hay tên đơn vị."),
                format!("The agency has no unit “{unit}”. Add it first, or correct its code or name."),
            ),
            Self::BadUnit(unit) => Sentence::new(
                "unit_code_shape",
                format!(
                    "Mã đơn vị “{unit}” chỉ gồm chữ thường không dấu và chữ số, bắt đầu bằng chữ, tối đa 20 ký tự."
                ),
                format!(
                    "Unit code “{unit}” may hold lower-case letters and digits only, begins with a letter, and has 20 characters at most."
                ),
            ),
            _ => self.internal(),
        }
    }

    fn of_domains(&self) -> Sentence {
        match self {
            Self::BadDomain(domain) => Sentence::new(
                "domain_bad",
                format!("“{domain}” không phải tên miền hợp lệ."),
                format!("“{domain}” is not a valid domain name."),
            ),
            Self::DomainTaken { domain, by } => Sentence::new(
                "domain_taken",
                format!("Tên miền {domain} đang thuộc về {by}, không cùng hệ thống cơ quan."),
                format!("Domain {domain} belongs to {by}, which is not related to this agency."),
            ),
            Self::NoDomain(domain) => Sentence::new(
                "domain_unknown",
                format!("Tên miền {domain} chưa được thêm vào hệ thống này."),
                format!("Domain {domain} has not been added here."),
            ),
            Self::BadTarget(target) => Sentence::new(
                "route_bad",
                format!("“{target}” không có dạng máy:cổng, ví dụ 10.0.0.5:25 hoặc [2001:db8::1]:25."),
                format!("“{target}” is not of the form host:port, such as 10.0.0.5:25 or [2001:db8::1]:25."),
            ),
            _ => self.internal(),
        }
    }

    fn of_systems(&self) -> Sentence {
        match self {
            Self::BadSystem(system) => Sentence::new(
                "system_id_shape",
                format!(
                    "Mã hệ thống “{system}” chỉ gồm chữ cái không dấu, chữ số, dấu chấm, gạch ngang, gạch dưới; tối đa 64 ký tự."
                ),
                format!(
                    "System id “{system}” may hold letters, digits, dots, dashes and underscores only; 64 at most."
                ),
            ),
            Self::NoSystem(system) => Sentence::new(
                "system_unknown",
                format!("Không có hệ thống “{system}”."),
                format!("There is no system “{system}”."),
            ),
            Self::SystemTaken { system, by } => Sentence::new(
                "system_taken",
                format!("Hệ thống {system} đã thuộc về {by}."),
                format!("System {system} already belongs to {by}."),
            ),
            Self::AnotherSystem(system) => Sentence::new(
                "system_another_speaks",
                format!(
                    "Cơ quan này đang kết nối qua hệ thống {system}; mỗi cơ quan chỉ có một hệ thống kết nối."
                ),
                format!("System {system} speaks for this agency; one system speaks for each agency."),
            ),
            Self::BadSecret => Sentence::new(
                "secret_bad",
                "Khóa bí mật phải dài 8–512 ký tự, không dấu, không có khoảng trắng.",
                "The secret must be 8 to 512 printable ASCII characters without blanks.",
            ),
            _ => self.internal(),
        }
    }

    fn of_accounts(&self) -> Sentence {
        match self {
            Self::AddressTaken { address, closed: false } => Sentence::new(
                "address_taken",
                format!("Địa chỉ {address} đã có người dùng."),
                format!("Address {address} is taken."),
            ),
            Self::AddressTaken { address, closed: true } => Sentence::new(
                "address_was_taken",
                format!("Địa chỉ {address} đã từng cấp cho tài khoản khác và không cấp lại."),
                format!("Address {address} was another account's and is never given again."),
            ),
            Self::NoAccount(address) => Sentence::new(
                "account_unknown",
                format!("Không có tài khoản {address}."),
                format!("There is no account {address}."),
            ),
            Self::Closed => Sentence::new(
                "account_closed",
                "Tài khoản đã đóng, không mở lại được.",
                "The account is closed for good.",
            ),
            Self::BadTransition { from, to } => Sentence::new(
                "account_transition",
                format!(
                    "Tài khoản đang ở trạng thái “{}”, không chuyển thẳng sang “{}”.",
                    from.as_str(),
                    to.as_str()
                ),
                format!("An account that is {} does not become {}.", from.as_str(), to.as_str()),
            ),
            Self::NoDecision => Sentence::new(
                "decision_missing",
                "Cần số quyết định hoặc mã phiếu yêu cầu.",
                "A decision number or ticket is needed.",
            ),
            Self::Busy => Sentence::new("busy", "Hệ thống đang bận, hãy thử lại.", "Busy now; try again."),
            Self::Store(error) if error.is_temporary() => Sentence::new(
                "storage_unavailable",
                "Kho dữ liệu tạm thời chưa sẵn sàng, hãy thử lại.",
                format!("Storage is not ready; try again ({error})."),
            ),
            Self::Store(error) => Sentence::new(
                "storage_error",
                "Lỗi kho dữ liệu; xem nhật ký hệ thống.",
                format!("Storage failed: {error}."),
            ),
            _ => self.internal(),
        }
    }

    fn internal(&self) -> Sentence {
        Sentence::new("internal", "Lỗi bên trong hệ thống; xem nhật ký.", "Internal fault; see the log.")
    }
}

/// Several faults in one breath, under the code of the first.
fn all(faults: &[PasswordFault]) -> Sentence {
    let said: Vec<Sentence> = faults.iter().map(Said::said).collect();
    let join = |of: fn(&Sentence) -> &str| said.iter().map(of).collect::<Vec<_>>().join(" ");
    Sentence::new(said.first().map_or("password_unusable", |s| s.code), join(|s| &s.vi), join(|s| &s.en))
}
