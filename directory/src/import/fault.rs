//! What is wrong with a people list or a line of it, and how to put it right (UX A6: row errors in plain words).

use crate::address::{AddressFault, NameFault};
use crate::{Said, Sentence};

/// What is wrong with a list as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// Larger than it may be.
    TooLarge {
        /// The most it may be.
        bytes_max: usize,
    },
    /// Not in an encoding that is certain.
    Encoding {
        /// The first line that does not fit.
        line: u64,
    },
    /// A workbook, not a text.
    Workbook,
    /// Nothing in it, or a header only.
    Empty,
    /// No column with names; holds the header that was found.
    NoNameColumn(String),
    /// No column with codes or none with names in a list of agencies; holds the header that was found.
    NoCodeColumn(String),
    /// JSON, and not a list of agencies.
    NotAList,
    /// Two columns for the same thing; holds the second one's name.
    ColumnTwice(String),
    /// More columns than there may be.
    TooManyColumns {
        /// The most there may be.
        columns_max: usize,
    },
    /// More people than there may be.
    TooManyRows {
        /// The most there may be.
        rows_max: usize,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A cell is too long.
    TooLong,
    /// More cells than the header has.
    ExtraCells,
    /// A bad name.
    Name(NameFault),
    /// A bad office's name.
    Position(NameFault),
    /// A bad address.
    Address(AddressFault),
    /// An address of another domain.
    OtherDomain {
        /// The address.
        address: String,
        /// The domain of the list.
        domain: String,
    },
    /// The address stands in an earlier line.
    TwiceInFile {
        /// The address.
        address: String,
        /// That line.
        line: u64,
    },
    /// The address is somebody else's, or was (RULES M23).
    Taken {
        /// The address.
        address: String,
        /// Whether it only was.
        closed: bool,
    },
    /// The person's account was closed: reopening it is a decision, not an import (RULES M20).
    ClosedBefore(String),
    /// The agency has no such unit.
    UnknownUnit(String),
    /// Several units have the name.
    UnitNotClear(String),
    /// Not a role.
    UnknownRole(String),
    /// Administrators are not made by list.
    AdminByList,
}

impl Said for FileFault {
    fn said(&self) -> Sentence {
        match self {
            Self::TooLarge { bytes_max } => Sentence::new(
                "file_too_large",
                format!("Tệp lớn quá {} MB. Hãy chia theo cơ quan.", bytes_max >> 20),
                format!("The file is larger than {} MB. Divide it by agency.", bytes_max >> 20),
            ),
            Self::Encoding { line } => Sentence::new(
                "file_encoding",
                format!(
                    "Dòng {line}: tệp không phải Unicode (UTF-8). Có thể tệp dùng bảng mã cũ (TCVN3, VNI, Windows-1258). Trong Excel: Lưu thành → “CSV UTF-8”; nếu chữ dùng phông .VnTime hoặc VNI-Times thì chuyển sang Unicode trước."
                ),
                format!(
                    "Line {line}: the file is not Unicode (UTF-8). It may be in an old encoding (TCVN3, VNI, Windows-1258). In Excel: Save as → “CSV UTF-8”; convert text in .VnTime or VNI-Times fonts to Unicode first."
                ),
            ),
            Self::Workbook => Sentence::new(
                "file_is_workbook",
                "Đây là tệp Excel. Hãy mở và lưu thành “CSV UTF-8” rồi nhập lại.",
                "This is an Excel workbook. Open it, save it as “CSV UTF-8”, and import that.",
            ),
            Self::Empty => Sentence::new(
                "file_empty",
                "Tệp không có dòng dữ liệu nào sau dòng tiêu đề.",
                "The file has no line of data after its header.",
            ),
            Self::NoNameColumn(found) => Sentence::new(
                "file_no_name_column",
                format!(
                    "Dòng tiêu đề thiếu cột “Họ tên” (đã đọc: {found}). Dòng đầu phải là tên cột: ho_ten, dia_chi, don_vi, chuc_vu, vai_tro."
                ),
                format!(
                    "The header has no column “full_name” (found: {found}). The first line names the columns: full_name, address, unit, position, role."
                ),
            ),
            Self::NoCodeColumn(found) => Sentence::new(
                "file_no_code_column",
                format!(
                    "Dòng tiêu đề thiếu cột “code” hoặc “name” (đã đọc: {found}). Các cột: code, code102, old_code, name, parent, mail, valid_from, valid_to, successor, decision."
                ),
                format!(
                    "The header has no column “code” or “name” (found: {found}). The columns: code, code102, old_code, name, parent, mail, valid_from, valid_to, successor, decision."
                ),
            ),
            Self::NotAList => Sentence::new(
                "file_not_a_list",
                "Tệp JSON không phải danh sách đơn vị (getAgenciesList, getAgenciesListQD20, getSynchronizeUnit).",
                "The JSON is not a list of agencies (getAgenciesList, getAgenciesListQD20, getSynchronizeUnit).",
            ),
            Self::ColumnTwice(name) => Sentence::new(
                "file_column_twice",
                format!("Cột “{name}” trùng ý nghĩa với một cột đứng trước."),
                format!("Column “{name}” means the same as one before it."),
            ),
            Self::TooManyColumns { columns_max } => Sentence::new(
                "file_too_many_columns",
                format!("Tệp có quá {columns_max} cột."),
                format!("The file has more than {columns_max} columns."),
            ),
            Self::TooManyRows { rows_max } => Sentence::new(
                "file_too_many_rows",
                format!("Tệp có quá {rows_max} dòng. Hãy chia theo cơ quan."),
                format!("The file has more than {rows_max} lines. Divide it by agency."),
            ),
        }
    }
}

impl Said for Fault {
    fn said(&self) -> Sentence {
        match self {
            Self::Name(fault) => fault.said(),
            Self::Address(fault) => fault.said(),
            Self::Position(_) => Sentence::new(
                "position_bad",
                "Chức vụ quá dài hoặc có ký tự không hợp lệ.",
                "The position is too long or holds a character that may not stand there.",
            ),
            Self::TooLong => Sentence::new(
                "too_long",
                "Một ô trong dòng quá dài; có thể dấu ngoặc kép chưa đóng.",
                "A cell of the line is too long; perhaps a quotation mark is not closed.",
            ),
            Self::ExtraCells => Sentence::new(
                "line_extra_cells",
                "Dòng có nhiều ô hơn dòng tiêu đề; ô nào có dấu phân cách bên trong phải đặt trong ngoặc kép.",
                "The line has more cells than the header; a cell with a separator in it must be quoted.",
            ),
            Self::UnknownUnit(unit) => Sentence::new(
                "unit_unknown",
                format!("Cơ quan không có đơn vị “{unit}”. Sửa mã hay tên đơn vị, hoặc thêm đơn vị trước."),
                format!("The agency has no unit “{unit}”. Correct its code or name, or add it first."),
            ),
            Self::UnitNotClear(unit) => Sentence::new(
                "unit_not_clear",
                format!("Có nhiều đơn vị tên “{unit}”; hãy ghi mã đơn vị."),
                format!("Several units are called “{unit}”; give the unit's code."),
            ),
            Self::UnknownRole(role) => Sentence::new(
                "role_unknown",
                format!(
                    "Không có vai trò “{role}”. Dùng: văn thư, lãnh đạo, chuyên viên (clerk, leader, staff)."
                ),
                format!(
                    "There is no role “{role}”. Use: clerk, leader, staff (văn thư, lãnh đạo, chuyên viên)."
                ),
            ),
            Self::AdminByList => Sentence::new(
                "role_admin_by_list",
                "Không cấp quyền quản trị bằng danh sách; hãy thêm từng tài khoản quản trị.",
                "Administrators are not made by list; add each by itself.",
            ),
            _ => self.of_addresses(),
        }
    }
}

impl Fault {
    fn of_addresses(&self) -> Sentence {
        match self {
            Self::OtherDomain { address, domain } => Sentence::new(
                "address_other_domain",
                format!("Địa chỉ {address} không thuộc tên miền {domain}."),
                format!("Address {address} is not of domain {domain}."),
            ),
            Self::TwiceInFile { address, line } => Sentence::new(
                "address_twice_in_file",
                format!("Địa chỉ {address} đã có ở dòng {line}."),
                format!("Address {address} stands in line {line} already."),
            ),
            Self::Taken { address, closed: true } => Sentence::new(
                "address_was_taken",
                format!("Địa chỉ {address} đã từng cấp cho tài khoản khác và không cấp lại."),
                format!("Address {address} was another account's and is never given again."),
            ),
            Self::Taken { address, .. } => Sentence::new(
                "address_taken",
                format!("Địa chỉ {address} đã thuộc về người khác."),
                format!("Address {address} is somebody else's."),
            ),
            Self::ClosedBefore(address) => Sentence::new(
                "account_closed",
                format!(
                    "Người này đã có tài khoản {address} và tài khoản đó đã đóng. Nếu là người khác, hãy ghi sẵn địa chỉ."
                ),
                format!(
                    "This person had account {address}, which is closed. For somebody else, give an address."
                ),
            ),
            _ => Sentence::new("internal", "Lỗi bên trong hệ thống.", "Internal fault."),
        }
    }
}
