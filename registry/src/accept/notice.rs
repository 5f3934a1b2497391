//! The notice to a receiving agency's clerks that a document has arrived (RULES R31, R35): what it is and from whom,
//! never the document itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{AccountId, AgencyId, EmailAddress, Timestamp};
use store::{Agency, Role, Tx};

use super::route::Routed;
use crate::Error;
use crate::package::{Document, Priority};

/// Clerks of one agency that are told. Ours: a records office has a handful.
const CLERKS_MAX: i64 = 20;
/// Bytes in one encoded-word before encoding: with its frame and `Subject: ` no line is above 76 characters (RFC 2047
/// §2).
const WORD_BYTES: usize = 39;

/// The clerks of one receiving agency.
#[derive(Clone, Debug)]
pub(super) struct Clerks {
    pub(super) agency_id: AgencyId,
    pub(super) boxes: Vec<(AccountId, EmailAddress)>,
}

/// Who is to be told, agency by agency.
pub(super) async fn clerks(tx: &mut Tx, routed: &Routed) -> Result<Vec<Clerks>, Error> {
    let mut all = Vec::new();
    for receiver in &routed.receivers {
        let agency_id = receiver.agency.agency_id;
        let mut boxes = Vec::new();
        for account in tx.accounts_with_role(agency_id, Role::Clerk, CLERKS_MAX).await? {
            let address = tx.addresses(account.account_id).await?.into_iter().next();
            boxes.extend(address.map(|address| (account.account_id, address.address)));
        }
        if !boxes.is_empty() {
            all.push(Clerks { agency_id, boxes });
        }
    }
    Ok(all)
}

/// What a notice says beside the document.
pub(super) struct Facts<'n> {
    pub(super) document: &'n Document,
    pub(super) doc_id: &'n str,
    pub(super) sender: &'n Agency,
    pub(super) receiver: &'n Agency,
    pub(super) legal_value: &'n str,
    pub(super) hostname: &'n str,
    pub(super) now: Timestamp,
}

/// The message, in the Internet Message Format.
pub(super) fn message(facts: &Facts<'_>, to: &Clerks) -> Vec<u8> {
    let document = facts.document;
    let subject = format!("Văn bản đến: {} - {}", document.code.full(), document.subject);
    let mut headers = vec![
        format!("From: {}\r\n <congvan@{}>", words("Hệ thống trao đổi văn bản", 6), facts.hostname),
        format!("To: {}", to.boxes.iter().map(|(_, a)| a.to_string()).collect::<Vec<_>>().join(",\r\n ")),
        format!("Subject: {}", words(&subject, 10)),
        format!("Date: {}", facts.now.to_rfc5322()),
        format!("Message-ID: <{}.{}@{}>", facts.doc_id, to.agency_id, facts.hostname),
        "Auto-Submitted: auto-generated".to_owned(),
    ];
    if document.other_info.priority > Priority::Normal {
        headers.push("Importance: high".to_owned());
        headers.push("X-Priority: 1".to_owned());
    }
    headers.extend([
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
    ]);
    let mut message = headers.join("\r\n");
    message.push_str("\r\n\r\n");
    for line in STANDARD.encode(body(facts)).as_bytes().chunks(76) {
        message.push_str(&String::from_utf8_lossy(line));
        message.push_str("\r\n");
    }
    message.into_bytes()
}

/// The sixteen items of RULES R31, in their order.
fn body(facts: &Facts<'_>) -> String {
    let document = facts.document;
    let party = |agency: &Agency| format!("{} ({})", agency.name, agency.code);
    let files: Vec<String> = document.attachments.iter().map(|file| file.display_name()).collect();
    let signer = [&document.signer_info.position, &document.signer_info.full_name];
    let signer: Vec<&str> = signer.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let legal_value = match facts.legal_value {
        super::ORIGINAL => "có giá trị pháp lý như bản gốc văn bản giấy",
        _ => "để biết, tham khảo",
    };
    let answers: Vec<&str> = document.response_for.iter().map(|answer| answer.code.as_str()).collect();
    let items = [
        ("Mã định danh cơ quan gửi", facts.sender.code.as_str().to_owned()),
        ("Mã định danh văn bản", document.document_id.as_str().to_owned()),
        ("Số, ký hiệu", document.code.full()),
        ("Ngày ban hành", document.promulgation_info.date.clone()),
        ("Loại văn bản", document.document_type.name.clone()),
        ("Trích yếu", document.subject.clone()),
        ("Tệp kèm theo", files.join("; ")),
        ("Trạng thái", "Đã đến hệ thống".to_owned()),
        ("Người ký", signer.join(" ")),
        ("Mức độ khẩn", urgency(document.other_info.priority).to_owned()),
        ("Bên gửi", party(facts.sender)),
        ("Bên nhận", party(facts.receiver)),
        ("Thời gian nhận", facts.now.to_edxml()),
        ("Hạn xử lý", document.due_date.clone()),
        ("Trả lời văn bản", answers.join("; ")),
        ("Giá trị", legal_value.to_owned()),
    ];
    let mut text = String::from("Có văn bản đến qua hệ thống trao đổi văn bản điện tử.\r\n\r\n");
    for (label, value) in items {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let value = if value.is_empty() { "(không có)" } else { &value };
        text.push_str(&format!("{label}: {value}\r\n"));
    }
    text.push_str(&format!("\r\nMã gửi: {}\r\n", facts.doc_id));
    text.push_str("Thư này do hệ thống gửi tự động và không kèm văn bản.\r\n");
    text
}

fn urgency(priority: Priority) -> &'static str {
    match priority {
        Priority::Normal => "Thường",
        Priority::Urgent => "Khẩn",
        Priority::VeryUrgent => "Thượng khẩn",
        Priority::Express => "Hỏa tốc",
        Priority::ExpressAtHour => "Hỏa tốc hẹn giờ",
    }
}

/// Text in a header: encoded-words, one a line (RFC 2047), at most `words_max` of them. Nothing in the text can end
/// the header.
pub(crate) fn words(text: &str, words_max: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() && words.len() < words_max {
        let word = mail::text::clip(rest, WORD_BYTES);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = rest.get(word.len()..).unwrap_or_default();
    }
    words.join("\r\n ")
}

/// What the carrier of one clerk's copy is told. The null path: nobody is told when a notice cannot be delivered.
pub(crate) fn payload(
    account_id: AccountId,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<String, Error> {
    let recipient = OutboundRecipient::in_account(account_id, address.clone());
    let mail = OutboundMail::from_the_house(recipient, now);
    serde_json::to_string(&mail).map_err(|_| Error::Internal)
}
