//! The print-out of a document for a receiver that is not ready for electronic ones (QĐ 28/2018 Đ21.2, RULES R17): the signed file as it is,
//! and a sheet to go with it that says what was printed, what it is worth, and where the stamp "ĐẾN" belongs. Nothing is written into the
//! signed file (RULES R78). That it went on paper is recorded.

use std::sync::Arc;

use mail::{AgencyId, DocumentId, Timestamp};
use serde_json::{Value, json};
use signer::page::escape;
use store::{Audit, Document};

use crate::Error;
use crate::accept::{Desk, ORIGINAL};
use crate::package::{self, Package};
use crate::vxp::hash::full_hex;

/// What is printed.
#[derive(Debug)]
pub struct PrintOut {
    /// The main document's name, fit for a disk.
    pub file_name: String,
    /// The main document, byte for byte.
    pub content: Arc<[u8]>,
    /// The sheet beside it, as a page.
    pub sheet: String,
}

impl Desk {
    /// Prints a document for one of its agencies, and records that it went on paper. `actor`: who prints.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`] for what that agency neither sent nor received; [`Error::Withdrawn`]; [`Error::SetAside`]; or the store's
    /// trouble.
    pub async fn print_out(
        &self,
        agency_id: AgencyId,
        document_id: DocumentId,
        actor: &str,
        now: Timestamp,
    ) -> Result<PrintOut, Error> {
        let read = self.store.read((agency_id, document_id), |tx, (agency_id, document_id)| {
            Box::pin(async move {
                let received = tx.receiver(*agency_id, *document_id).await?;
                let sender = received.map_or(*agency_id, |at| at.sender_id);
                let document = tx.document(sender, *document_id).await?.ok_or(Error::NoSuchDocument)?;
                match tx.is_set_aside(sender, *document_id).await? {
                    true => Err(Error::SetAside),
                    false => Ok(document),
                }
            })
        });
        let document: Document = read.await?;
        let bytes = match document.agency_id == agency_id {
            true => self.store.read_blob(agency_id, document.blob_id).await?.ok_or(Error::NoSuchDocument)?,
            false => self.package_for(agency_id, document_id).await?,
        };
        let Package::Document(read) = package::read(&bytes, &self.limits)? else {
            return Err(Error::NoSuchDocument);
        };
        let main = read.main_attachment().ok_or(Error::NoSuchDocument)?;
        let sha256 = full_hex(&main.sha256);
        let detail = json!({ "way": "paper", "file": sha256 }).to_string();
        let row = (agency_id, document_id.to_string(), actor.to_owned(), detail);
        let recorded = self.store.write("record a print-out", row, move |tx, row| {
            Box::pin(async move {
                let (agency_id, subject, actor, detail) = row;
                tx.audit(*agency_id, now, actor, Audit::DocumentPrinted, subject, detail).await
            })
        });
        let recorded: Result<(), store::Error> = recorded.await;
        recorded?;
        let file_name = main.display_name();
        let sheet = sheet(&document, &file_name, &sha256, now);
        Ok(PrintOut { file_name, content: main.content.clone(), sheet })
    }
}

/// The sheet, A4, in Vietnamese and English.
fn sheet(document: &Document, file_name: &str, sha256: &str, now: Timestamp) -> String {
    let facts: Value = serde_json::from_str(&document.facts).unwrap_or_default();
    let text = |path: &str| facts.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let worth = match document.legal_value == ORIGINAL {
        true => "Có giá trị pháp lý như bản gốc văn bản giấy / An original",
        false => "Để biết, tham khảo / For information",
    };
    let rows = [
        ("Số, ký hiệu / Number", text("/code")),
        ("Ngày ban hành / Date", text("/promulgationDate")),
        ("Loại / Type", text("/type")),
        ("Trích yếu / Subject", document.subject.clone()),
        ("Bên gửi / From", format!("{} ({})", text("/from/name"), document.from_code)),
        ("Người ký / Signer", format!("{} {}", text("/signer/position"), text("/signer/name"))),
        ("Tiếp nhận / Accepted", document.accepted_at.to_edxml()),
        ("Giá trị / Worth", worth.to_owned()),
        ("Chữ ký / Signatures", document.class.clone()),
        ("Tệp / File", file_name.to_owned()),
        ("SHA-256", sha256.to_owned()),
        ("Mã gửi / DocId", document.document_id.to_string()),
        ("In lúc / Printed", now.to_edxml()),
    ];
    let rows: String = rows
        .iter()
        .map(|(label, value)| {
            format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(label), escape(value.trim()))
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"vi\"><head><meta charset=\"utf-8\"><title>Bản in văn bản điện tử</title>\n\
         <style>@page{{size:A4;margin:20mm}}body{{font:12pt 'Times New Roman','Liberation Serif',serif}}\
         th{{text-align:left;vertical-align:top;padding-right:5mm;font-weight:normal}}td{{font-weight:bold;word-break:break-all}}\
         .den{{width:50mm;height:35mm;border:1px dashed;float:right;text-align:center;line-height:35mm}}</style></head>\n\
         <body><div class=\"den\">Chỗ đóng dấu ĐẾN</div>\n<h1>Bản in từ văn bản điện tử có chữ ký số</h1>\n\
         <p>Dùng khi bên nhận chưa sẵn sàng nhận văn bản điện tử (QĐ 28/2018/QĐ-TTg Đ21.2). Chữ ký số chỉ kiểm tra được trên tệp gốc.<br>\
         Print-out of a digitally signed document, for a receiver that is not ready. The signatures can be checked on the file alone.</p>\n\
         <table>\n{rows}</table></body></html>\n"
    )
}
