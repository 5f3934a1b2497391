//! What records officers and heads are told when something is set aside: that it is, and what to do; nothing of what stands in it
//! (RULES R11, R12).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{AccountId, AgencyId, EmailAddress, Timestamp};
use store::{Role, Tx};

use crate::Error;
use crate::accept::header_words;

/// Officers of one role and agency that are told. Ours: a records office has a handful.
const OFFICERS_MAX: i64 = 20;

/// The records officers and heads of one agency, who look after its secrets.
pub(super) struct Officers {
    pub(super) agency_id: AgencyId,
    pub(super) boxes: Vec<(AccountId, EmailAddress)>,
}

impl Officers {
    pub(super) async fn of(tx: &mut Tx, agency_id: AgencyId) -> Result<Self, Error> {
        let mut officers = Self { agency_id, boxes: Vec::new() };
        for role in [Role::Clerk, Role::Leader] {
            for account in tx.accounts_with_role(agency_id, role, OFFICERS_MAX).await? {
                officers.add(tx, account.account_id).await?;
            }
        }
        Ok(officers)
    }

    /// Somebody else who has to know.
    pub(super) async fn add(&mut self, tx: &mut Tx, account_id: AccountId) -> Result<(), Error> {
        if self.boxes.iter().all(|(known, _)| *known != account_id) {
            let address = tx.addresses(account_id).await?.into_iter().next();
            self.boxes.extend(address.map(|address| (account_id, address.address)));
        }
        Ok(())
    }
}

/// What a notice is about.
pub(super) struct What {
    subject: &'static str,
    text: String,
}

/// About a document of the exchange.
pub(super) fn document(doc_id: &str) -> What {
    let text = format!(
        "Hệ thống phát hiện dấu hiệu độ mật trong một văn bản đã tiếp nhận. Văn bản đã được tạm giữ: không ai đọc được, không có gì bị xóa.\r\n\
         Việc xử lý tiếp theo thuộc trách nhiệm của con người theo pháp luật về bảo vệ bí mật nhà nước.\r\n\
         Nếu phát hiện nhầm, văn thư và lãnh đạo cùng giải tỏa bằng lệnh: congvan secrecy release.\r\n\r\n\
         A mark of secrecy was found in a document that had been accepted. It is set aside: nobody can read it, nothing of it was deleted.\r\n\
         What follows is for people under the law on state secrets. If it is a false alarm, a records officer and a head release it\r\n\
         together: congvan secrecy release.\r\n\r\n\
         Mã gửi / DocId: {doc_id}\r\n"
    );
    What { subject: "Tạm giữ văn bản do có dấu hiệu độ mật", text }
}

/// About a mail.
pub(super) fn mail() -> What {
    let text = "Hệ thống phát hiện dấu hiệu độ mật trong một thư đã nhận. Thư đã được chuyển vào khu cách ly: không ai đọc được, không có \
                gì bị xóa.\r\n\
                Nếu phát hiện nhầm, văn thư và lãnh đạo cùng giải tỏa bằng lệnh: congvan secrecy release; xem danh sách: congvan secrecy list.\r\n\r\n\
                A mark of secrecy was found in a mail that had been delivered. It is in the quarantine: nobody can read it, nothing was deleted.\r\n\
                If it is a false alarm, a records officer and a head release it together: congvan secrecy release; the list: congvan secrecy list.\r\n";
    What { subject: "Cách ly thư do có dấu hiệu độ mật", text: text.to_owned() }
}

/// The message, in the Internet Message Format.
pub(super) fn message(what: &What, to: &Officers, hostname: &str, now: Timestamp) -> Vec<u8> {
    let addresses: Vec<String> = to.boxes.iter().map(|(_, address)| address.to_string()).collect();
    let headers = [
        format!("From: {}\r\n <congvan@{hostname}>", header_words("Hệ thống trao đổi văn bản", 6)),
        format!("To: {}", addresses.join(",\r\n ")),
        format!("Subject: {}", header_words(what.subject, 10)),
        format!("Date: {}", now.to_rfc5322()),
        "Auto-Submitted: auto-generated".to_owned(),
        "Importance: high".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
    ];
    let mut message = headers.join("\r\n");
    message.push_str("\r\n\r\n");
    for line in STANDARD.encode(&what.text).as_bytes().chunks(76) {
        message.push_str(&String::from_utf8_lossy(line));
        message.push_str("\r\n");
    }
    message.into_bytes()
}
