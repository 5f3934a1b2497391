//! New packages, exactly as RULES 2.9.1 shows them: the SDK's order of elements (E3), the prefixes that one
//! receiver insists on (E2), each file wrapped in a ZIP with one entry (E13), everything that E36 demands except the
//! XML signature, which goes in when the agency's key has signed. Ids and times are handed in, so the same input
//! gives the same bytes.
//!
//! VXP 4.1: the vendor's builder leaves empty values out. RULES 2.9.1 writes them as empty elements, and so do the
//! vendor's samples; readers that expect an element find one, so this writer does too.

mod xml;

use std::io;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use mail::{AgencyCode, Timestamp};
use store::Spool;

use self::xml::{Markup, Xml};
use super::attachment::extension_of;
use super::model::{
    Answered, BusinessType, Code, DocumentType, OtherInfo, PromulgationInfo, Replacement, SignerInfo, Staff,
    StatusAddress, Update,
};
use super::text::{is_date, is_xml_char};
use crate::Error;
use crate::document_id::DocumentIdentifier;
use crate::status::StatusCode;

/// Why a package cannot be written: the field, and what is wrong with it (RULES E37).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Longer than receivers take: the field and its limit in characters.
    #[error("{0} is longer than {1} characters")]
    TooLong(&'static str, usize),
    /// Holds a character that XML cannot carry.
    #[error("{0} holds a character that XML cannot carry")]
    Character(&'static str),
    /// Not of its form.
    #[error("{0} is not of its form")]
    Form(&'static str),
}

impl Unwritable {
    /// The field of the standard.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing(field) | Self::TooLong(field, _) | Self::Character(field) | Self::Form(field) => {
                field
            }
        }
    }

    /// The sentence in Vietnamese; `Display` is the English one.
    pub fn vi(&self) -> String {
        match self {
            Self::Missing(field) => format!("Thiếu {field}"),
            Self::TooLong(field, max) => format!("{field} dài quá {max} ký tự"),
            Self::Character(field) => format!("{field} có ký tự mà XML không mang được"),
            Self::Form(field) => format!("{field} không đúng dạng"),
        }
    }
}

/// A party of a package to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewParty {
    /// The code the receiver knows it by.
    pub organ_id: AgencyCode,
    /// The superior body.
    pub organization_in_charge: String,
    /// The name; must be there.
    pub organ_name: String,
    /// The postal address.
    pub organ_add: String,
    /// The mail address.
    pub email: String,
    /// Telephone.
    pub telephone: String,
    /// Fax.
    pub fax: String,
    /// Web site.
    pub website: String,
}

/// What the document does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewBusiness {
    /// New, recall, update or replacement.
    pub kind: BusinessType,
    /// The original, for an update; a recall repeats the original's ids in the header instead (RULES E9).
    pub document_id: Option<DocumentIdentifier>,
    /// Why; a sentence is made up when empty.
    pub reason: String,
    /// Whether a paper copy follows (RULES R15).
    pub paper: bool,
    /// For an update.
    pub update: Option<Update>,
    /// For a replacement, at least one.
    pub replacements: Vec<Replacement>,
}

/// How a file is packed (RULES E13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// In a ZIP with one entry, as the vendor's receivers expect it. A `.zip` file goes as it is.
    #[default]
    Zipped,
    /// As it is, for peers that want it so.
    Bare,
}

/// A file to send.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// A fresh random id; it names the entry in the ZIP and binds manifest and attachment.
    pub id: [u8; 16],
    /// The user's name for it.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The file, wherever it lies.
    pub content: Spool,
    /// How to pack it.
    pub packing: Packing,
}

/// A document to send.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// Who sends.
    pub from: NewParty,
    /// Who receives; at least one, no code twice.
    pub to: Vec<NewParty>,
    /// The identifier.
    pub document_id: DocumentIdentifier,
    /// Number and notation; the number must be there.
    pub code: Code,
    /// Place and date of issue; the date must be `yyyy/MM/dd`.
    pub promulgation_info: PromulgationInfo,
    /// The type; the name must be there.
    pub document_type: DocumentType,
    /// Trích yếu; must be there. Written as `Content` too (RULES 2.3).
    pub subject: String,
    /// Who signed.
    pub signer_info: SignerInfo,
    /// `yyyy/MM/dd`, or empty.
    pub due_date: String,
    /// Urgency and other things.
    pub other_info: OtherInfo,
    /// Which documents it answers.
    pub response_for: Vec<Answered>,
    /// 0 to 3 (RULES 2.6).
    pub steering_type: u8,
    /// Codes of steering tasks.
    pub tasks: Vec<String>,
    /// "Nơi nhận".
    pub to_places: Vec<String>,
    /// What it does.
    pub business: NewBusiness,
    /// The records officer who sends.
    pub staff: Staff,
    /// The files, the main document first (RULES E16).
    pub attachments: Vec<NewAttachment>,
    /// When it is sent.
    pub sent: Timestamp,
}

/// A status to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatus {
    /// Who reports.
    pub from: NewParty,
    /// To whom, about what; the code and the identifier must be there (RULES E19).
    pub response_for: StatusAddress,
    /// The person behind it.
    pub staff: Staff,
    /// Which; must be of the list.
    pub code: StatusCode,
    /// In words; a reason for 02, 13 and 16 (RULES E20), else the code's own words when empty.
    pub description: String,
    /// When.
    pub sent: Timestamp,
}

/// Writes a document package into memory.
///
/// # Errors
/// [`Unwritable`] names the field that receivers would not take. Nothing is cut or corrected silently.
pub fn write_document(document: &NewDocument) -> Result<Vec<u8>, Unwritable> {
    let markup = lay_out(document)?;
    let mut package = Vec::with_capacity(markup.text.len());
    // Memory takes what it is given: what fails is a file that cannot be read.
    pour(document, &markup, &mut package).map_err(|_| Unwritable::Form("ContentTransferEncoded"))?;
    Ok(package)
}

/// Writes a document package wherever it is to lie: a window of one file at a time is in memory.
///
/// # Errors
/// [`Error::Unwritable`] as [`write_document`]; [`Error::Unavailable`] when a file cannot be read or the package not be written.
pub fn write_document_into(document: &NewDocument, out: &mut dyn io::Write) -> Result<(), Error> {
    let markup = lay_out(document)?;
    pour(document, &markup, out).map_err(|error| {
        tracing::warn!("a package could not be written: {error}");
        Error::Unavailable
    })
}

/// The markup of a package, and where in it the contents of its files belong.
fn lay_out(document: &NewDocument) -> Result<Markup, Unwritable> {
    check_document(document)?;
    let mut xml = Xml::new();
    xml.open("edXML:edXMLHeader");
    xml.open("edXML:MessageHeader");
    message_header(&mut xml, document)?;
    xml.close("edXML:MessageHeader");
    trace_header_list(&mut xml, document)?;
    xml.close("edXML:edXMLHeader");
    body(&mut xml, document)?;
    xml.close_envelope();
    if !document.attachments.is_empty() {
        xml.open("AttachmentEncoded");
        for attachment in &document.attachments {
            attachment_encoded(&mut xml, attachment)?;
        }
        xml.close("AttachmentEncoded");
    }
    Ok(xml.finish())
}

/// Writes the markup with each file in its place.
fn pour(document: &NewDocument, markup: &Markup, out: &mut dyn io::Write) -> io::Result<()> {
    let mut at = 0;
    for (attachment, place) in document.attachments.iter().zip(&markup.places) {
        out.write_all(markup.text.get(at..*place).unwrap_or_default())?;
        let mut base64 = EncoderWriter::new(&mut *out, &STANDARD);
        pack(attachment, &mut base64)?;
        base64.finish()?;
        at = *place;
    }
    out.write_all(markup.text.get(at..).unwrap_or_default())
}

/// Writes a status package (RULES 2.7, VXP 5).
///
/// # Errors
/// As [`write_document`].
pub fn write_status(status: &NewStatus) -> Result<Vec<u8>, Unwritable> {
    if matches!(status.code, StatusCode::Unknown(_)) {
        return Err(Unwritable::Form("StatusCode"));
    }
    if status.code.needs_reason() && status.description.trim().is_empty() {
        return Err(Unwritable::Missing("Description"));
    }
    let address = &status.response_for;
    if address.code.is_empty() {
        return Err(Unwritable::Missing("ResponseFor/Code"));
    }
    let document_id = address.document_id.as_ref().ok_or(Unwritable::Missing("ResponseFor/DocumentId"))?;
    let mut xml = Xml::new();
    xml.open("edXML:edXMLHeader");
    xml.open("edXML:MessageHeader");
    organization(&mut xml, "edXML:From", &status.from)?;
    xml.open("edXML:ResponseFor");
    xml.leaf("edXML:OrganId", address.organ_id.as_str())?;
    xml.leaf("edXML:Code", &address.code)?;
    xml.leaf("edXML:PromulgationDate", &address.promulgation_date)?;
    xml.leaf("edXML:DocumentId", document_id.as_str())?;
    xml.close("edXML:ResponseFor");
    staff_info(&mut xml, &status.staff)?;
    xml.leaf("edXML:StatusCode", status.code.as_str())?;
    let description = status.description.trim();
    xml.leaf("edXML:Description", if description.is_empty() { status.code.vi() } else { description })?;
    xml.leaf("edXML:Timestamp", &status.sent.to_edxml())?;
    xml.close("edXML:MessageHeader");
    xml.close("edXML:edXMLHeader");
    xml.close_envelope();
    Ok(xml.finish().text)
}

fn check_document(document: &NewDocument) -> Result<(), Unwritable> {
    let must = [
        ("To", document.to.is_empty()),
        ("Code/CodeNumber", document.code.number.trim().is_empty()),
        ("DocumentType/TypeName", document.document_type.name.trim().is_empty()),
        ("Subject", document.subject.trim().is_empty()),
        ("PromulgationInfo/PromulgationDate", document.promulgation_info.date.is_empty()),
    ];
    if let Some((field, _)) = must.into_iter().find(|(_, missing)| *missing) {
        return Err(Unwritable::Missing(field));
    }
    if !is_date(&document.promulgation_info.date) {
        return Err(Unwritable::Form("PromulgationInfo/PromulgationDate"));
    }
    if !document.due_date.is_empty() && !is_date(&document.due_date) {
        return Err(Unwritable::Form("DueDate"));
    }
    if document.steering_type > 3 {
        return Err(Unwritable::Form("SteeringType"));
    }
    let business = &document.business;
    match business.kind {
        BusinessType::Update if business.update.is_none() => {
            return Err(Unwritable::Missing("BussinessDocumentInfo"));
        }
        BusinessType::Replacement if business.replacements.is_empty() => {
            return Err(Unwritable::Missing("ReplacementInfoList"));
        }
        _ => {}
    }
    let mut seen = std::collections::HashSet::new();
    if !document.to.iter().all(|party| seen.insert(party.organ_id.folded())) {
        return Err(Unwritable::Form("To/OrganId"));
    }
    let mut ids = std::collections::HashSet::new();
    if !document.attachments.iter().all(|attachment| ids.insert(attachment.id)) {
        return Err(Unwritable::Form("Attachment/ContentId"));
    }
    Ok(())
}

fn organization(xml: &mut Xml, name: &'static str, party: &NewParty) -> Result<(), Unwritable> {
    if party.organ_name.trim().is_empty() {
        return Err(Unwritable::Missing("OrganName"));
    }
    if party.organ_id.as_str().len() > 35 {
        return Err(Unwritable::TooLong("OrganId", 35));
    }
    xml.open(name);
    xml.leaf("edXML:OrganId", party.organ_id.as_str())?;
    xml.leaf("edXML:OrganizationInCharge", &party.organization_in_charge)?;
    xml.leaf("edXML:OrganName", &party.organ_name)?;
    xml.leaf("edXML:OrganAdd", &party.organ_add)?;
    xml.leaf("edXML:Email", &party.email)?;
    xml.leaf("edXML:Telephone", &party.telephone)?;
    xml.leaf("edXML:Fax", &party.fax)?;
    xml.leaf("edXML:Website", &party.website)?;
    xml.close(name);
    Ok(())
}

fn message_header(xml: &mut Xml, document: &NewDocument) -> Result<(), Unwritable> {
    organization(xml, "edXML:From", &document.from)?;
    for party in &document.to {
        organization(xml, "edXML:To", party)?;
    }
    xml.leaf("edXML:DocumentId", document.document_id.as_str())?;
    xml.open("edXML:Code");
    xml.leaf("edXML:CodeNumber", &document.code.number)?;
    xml.leaf("edXML:CodeNotation", &document.code.notation)?;
    xml.close("edXML:Code");
    xml.open("edXML:PromulgationInfo");
    xml.leaf("edXML:Place", &document.promulgation_info.place)?;
    xml.leaf("edXML:PromulgationDate", &document.promulgation_info.date)?;
    xml.close("edXML:PromulgationInfo");
    xml.open("edXML:DocumentType");
    xml.leaf("edXML:Type", &document.document_type.number.unwrap_or(0).to_string())?;
    xml.leaf("edXML:TypeDetail", &document.document_type.detail.unwrap_or(0).to_string())?;
    xml.leaf("edXML:TypeName", &document.document_type.name)?;
    xml.close("edXML:DocumentType");
    xml.leaf("edXML:Subject", &document.subject)?;
    xml.leaf("edXML:Content", &document.subject)?;
    xml.open("edXML:SignerInfo");
    xml.leaf("edXML:Competence", &document.signer_info.competence)?;
    xml.leaf("edXML:Position", &document.signer_info.position)?;
    xml.leaf("edXML:FullName", &document.signer_info.full_name)?;
    xml.close("edXML:SignerInfo");
    xml.leaf("edXML:DueDate", &document.due_date)?;
    other_info(xml, &document.other_info)?;
    for answered in &document.response_for {
        xml.open("edXML:ResponseFor");
        xml.leaf("edXML:OrganId", &answered.organ_id)?;
        xml.leaf("edXML:Code", &answered.code)?;
        xml.leaf("edXML:DocumentId", answered.document_id.as_ref().map_or("", |id| id.as_str()))?;
        xml.leaf("edXML:PromulgationDate", &answered.promulgation_date)?;
        xml.close("edXML:ResponseFor");
    }
    xml.leaf("edXML:SteeringType", &document.steering_type.to_string())?;
    xml.list("edXML:ResponseForTask", "edXML:TaskCode", &document.tasks)?;
    xml.list("edXML:ToPlaces", "edXML:Place", &document.to_places)
}

fn other_info(xml: &mut Xml, info: &OtherInfo) -> Result<(), Unwritable> {
    let count = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    let joined = |name, list: &[String]| match list.iter().any(|item| item.contains(';')) {
        true => Err(Unwritable::Form(name)),
        false => Ok(list.join(";")),
    };
    xml.open("edXML:OtherInfo");
    xml.leaf("edXML:Priority", &info.priority.number().to_string())?;
    xml.leaf("edXML:SphereOfPromulgation", &info.sphere_of_promulgation)?;
    xml.leaf("edXML:TyperNotation", &info.typer_notation)?;
    xml.leaf("edXML:PromulgationAmount", &count(info.promulgation_amount.or(Some(1))))?;
    xml.leaf("edXML:PageAmount", &count(info.page_amount.or(Some(1))))?;
    if !info.reply_fors.is_empty() {
        xml.leaf("edXML:ReplyFors", &joined("ReplyFors", &info.reply_fors)?)?;
    }
    xml.leaf("edXML:Direction", if info.direction == Some(true) { "true" } else { "false" })?;
    if !info.reference_codes.is_empty() {
        xml.leaf("edXML:ReferenceCodes", &joined("ReferenceCodes", &info.reference_codes)?)?;
    }
    let none = [String::new()];
    let appendixes = if info.appendixes.is_empty() { &none[..] } else { &info.appendixes };
    xml.list("edXML:Appendixes", "edXML:Appendix", appendixes)?;
    xml.close("edXML:OtherInfo");
    Ok(())
}

fn trace_header_list(xml: &mut Xml, document: &NewDocument) -> Result<(), Unwritable> {
    xml.open("edXML:TraceHeaderList");
    xml.open("edXML:TraceHeader");
    xml.leaf("edXML:OrganId", document.from.organ_id.as_str())?;
    xml.leaf("edXML:Timestamp", &document.sent.to_edxml())?;
    xml.close("edXML:TraceHeader");
    business(xml, &document.business, &document.staff)?;
    xml.close("edXML:TraceHeaderList");
    Ok(())
}

fn business(xml: &mut Xml, business: &NewBusiness, staff: &Staff) -> Result<(), Unwritable> {
    let reason = match (business.reason.trim(), business.kind) {
        ("", BusinessType::New) => "Văn bản điện tử mới",
        ("", BusinessType::Recall) => return Err(Unwritable::Missing("BussinessDocReason")),
        ("", BusinessType::Update) => "Cập nhật văn bản điện tử",
        ("", BusinessType::Replacement) => "Văn bản thay thế",
        (given, _) => given,
    };
    xml.open("edXML:Bussiness");
    if let Some(id) = &business.document_id {
        xml.leaf("edXML:DocumentId", id.as_str())?;
    }
    xml.leaf("edXML:BussinessDocType", &business.kind.number().to_string())?;
    xml.leaf("edXML:BussinessDocReason", reason)?;
    xml.leaf("edXML:Paper", if business.paper { "1" } else { "0" })?;
    if let Some(update) = &business.update {
        update_info(xml, update)?;
    }
    if !business.replacements.is_empty() {
        xml.open("edXML:ReplacementInfoList");
        for replacement in &business.replacements {
            xml.open("edXML:ReplacementInfo");
            xml.leaf("edXML:DocumentId", replacement.document_id.as_str())?;
            xml.list("edXML:OrganIdList", "edXML:OrganId", &replacement.organ_ids)?;
            xml.close("edXML:ReplacementInfo");
        }
        xml.close("edXML:ReplacementInfoList");
    }
    staff_info(xml, staff)?;
    xml.close("edXML:Bussiness");
    Ok(())
}

fn update_info(xml: &mut Xml, update: &Update) -> Result<(), Unwritable> {
    let flag = |yes: bool| if yes { "1" } else { "0" };
    xml.open("edXML:BussinessDocumentInfo");
    xml.leaf("edXML:DocumentInfo", flag(update.content_changed))?;
    xml.leaf("edXML:DocumentReceiver", flag(update.receivers_changed))?;
    if !update.receivers.is_empty() {
        xml.open("edXML:ReceiverList");
        for receiver in &update.receivers {
            xml.open("edXML:Receiver");
            xml.leaf("edXML:OrganId", &receiver.organ_id)?;
            xml.leaf("edXML:ReceiverType", flag(receiver.added))?;
            xml.close("edXML:Receiver");
        }
        xml.close("edXML:ReceiverList");
    }
    xml.close("edXML:BussinessDocumentInfo");
    Ok(())
}

fn staff_info(xml: &mut Xml, staff: &Staff) -> Result<(), Unwritable> {
    xml.open("edXML:StaffInfo");
    xml.leaf("edXML:Department", &staff.department)?;
    if !staff.department_id.is_empty() {
        xml.leaf("edXML:DepartmentId", &staff.department_id)?;
    }
    xml.leaf("edXML:Staff", &staff.staff)?;
    if !staff.staff_id.is_empty() {
        xml.leaf("edXML:StaffId", &staff.staff_id)?;
    }
    xml.leaf("edXML:Email", &staff.email)?;
    xml.leaf("edXML:Mobile", &staff.mobile)?;
    xml.close("edXML:StaffInfo");
    Ok(())
}

fn body(xml: &mut Xml, document: &NewDocument) -> Result<(), Unwritable> {
    xml.open("edXML:edXMLBody");
    xml.open_manifest();
    for attachment in &document.attachments {
        xml.open("edXML:Reference");
        xml.leaf("edXML:ContentId", &content_id(attachment))?;
        xml.leaf("edXML:ContentType", content_type(attachment))?;
        xml.leaf("edXML:Description", &attachment.description)?;
        xml.leaf("edXML:AttachmentName", &attachment.name)?;
        xml.close("edXML:Reference");
    }
    xml.close("edXML:edXMLManifest");
    xml.close("edXML:edXMLBody");
    Ok(())
}

fn attachment_encoded(xml: &mut Xml, attachment: &NewAttachment) -> Result<(), Unwritable> {
    if attachment.name.trim().is_empty() {
        return Err(Unwritable::Missing("AttachmentName"));
    }
    xml.open("Attachment");
    xml.leaf("ContentId", &content_id(attachment))?;
    xml.leaf("AttachmentName", &attachment.name)?;
    xml.leaf("Description", &attachment.description)?;
    xml.leaf("ContentType", content_type(attachment))?;
    // Beyond 4 GB it would take another kind of ZIP (APPNOTE 4.4.9).
    if attachment.content.len() >= u64::from(u32::MAX) {
        return Err(Unwritable::Form("ContentTransferEncoded"));
    }
    xml.content_transfer_encoded();
    xml.close("Attachment");
    Ok(())
}

fn uuid_text(id: &[u8; 16]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

fn content_id(attachment: &NewAttachment) -> String {
    format!("cid:{}", uuid_text(&attachment.id))
}

/// A receiver unwraps `application/zip` unless the extension is exactly `zip` (VXP 4.5).
fn goes_bare(attachment: &NewAttachment) -> bool {
    attachment.packing == Packing::Bare || extension_of(&attachment.name) == "zip"
}

fn content_type(attachment: &NewAttachment) -> &'static str {
    if !goes_bare(attachment) {
        return "application/zip";
    }
    // The vendor's own list, spelling included; what it does not know may not claim to be a ZIP (VXP 4.5).
    match extension_of(&attachment.name).to_ascii_lowercase().as_str() {
        "zip" if extension_of(&attachment.name) == "zip" => "application/zip",
        "pdf" => "application/pdf",
        "doc" => "application/doc",
        "docx" => "application/docx",
        _ => "application/octet-stream",
    }
}

/// The bytes to encode: the file, or a ZIP with it as its one entry, named by the id (RULES E12). It is written in one go, sizes
/// behind the data (APPNOTE 4.3.9), as the vendor's own builder does.
fn pack(attachment: &NewAttachment, out: &mut dyn io::Write) -> io::Result<()> {
    if goes_bare(attachment) {
        return attachment.content.write_to(out);
    }
    let extension: String =
        extension_of(&attachment.name).chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let dot = if extension.is_empty() { "" } else { "." };
    let name = format!("{}{dot}{extension}", uuid_text(&attachment.id));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        // A fixed time: the same file gives the same bytes.
        .last_modified_time(zip::DateTime::DEFAULT);
    let mut writer = zip::ZipWriter::new_stream(out);
    writer.start_file(name, options)?;
    attachment.content.write_to(&mut writer)?;
    writer.finish()?;
    Ok(())
}

/// The longest value receivers take, in characters (RULES 2.3, 2.9).
fn chars_max(local: &str) -> Option<usize> {
    match local {
        "Subject" | "Content" | "OrganizationInCharge" | "OrganAdd" | "AttachmentName" => Some(500),
        "OrganName" => Some(200),
        "Place" => Some(150),
        "DocumentId" | "TypeName" | "Email" | "Website" => Some(100),
        "Telephone" | "Fax" => Some(20),
        "CodeNumber" => Some(11),
        "CodeNotation" => Some(30),
        // RULES R30.
        "Description" | "BussinessDocReason" => Some(1000),
        _ => None,
    }
}

/// Checks a value before it is written.
fn check_value(local: &'static str, value: &str) -> Result<(), Unwritable> {
    if !value.chars().all(is_xml_char) {
        return Err(Unwritable::Character(local));
    }
    match chars_max(local) {
        Some(max) if value.chars().count() > max => Err(Unwritable::TooLong(local, max)),
        _ => Ok(()),
    }
}
