//! Stories and tables over whole packages. `minimal.edxml` is the sample of RULES 2.9.1.

use std::io::{Cursor, Write};

use super::*;
use crate::Limits;
use crate::status::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

mod writing;

const MINIMAL: &str = include_str!("tests/minimal.edxml");
const NS: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n";

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        // Else two of them differ when a second passes in between.
        let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The sample with a real file in it.
fn sample() -> String {
    MINIMAL.replace("@CONTENT@", &STANDARD.encode(zip_of(&[("5f.pdf", PDF)])))
}

fn status_sample(code: &str) -> String {
    format!(
        r#"<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader><edXML:MessageHeader>
<edXML:From><edXML:OrganName>Sở X</edXML:OrganName><edXML:OrganId>000.00.01.H07</edXML:OrganId></edXML:From>
<edXML:ResponseFor><edXML:OrganId>000.00.00.G22</edXML:OrganId><edXML:Code>7816/VPCP-TTĐT</edXML:Code>
<edXML:DocumentId>000.00.00.G22,2015/09/30,7816/VPCP-TTĐT</edXML:DocumentId></edXML:ResponseFor>
<edXML:StaffInfo><edXML:Staff>Trần Thị B</edXML:Staff></edXML:StaffInfo>
<edXML:StatusCode>{code}</edXML:StatusCode><edXML:Description>Lý do</edXML:Description>
<edXML:Timestamp>2015/09/20 11:08:36</edXML:Timestamp>
</edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"#
    )
}

fn read_text(text: &str) -> Result<Package, Refusal> {
    read(text.as_bytes(), &Limits::default())
}

fn document(text: &str) -> Document {
    match read_text(text).unwrap() {
        Package::Document(document) => *document,
        Package::Status(_) => panic!("a status"),
    }
}

fn oddities(package: &Package) -> Vec<Oddity> {
    package.warnings().iter().map(|warning| warning.oddity).collect()
}

#[test]
fn e3_the_sample_of_the_rule_book_reads_in_full() {
    let package = read_text(&sample()).unwrap();
    assert_eq!(oddities(&package), []);
    assert!(package.completeness().is_complete());
    let Package::Document(d) = package else { panic!() };
    assert_eq!(d.from.organ_id.as_str(), "000.00.01.H07");
    assert_eq!(d.from.organization_in_charge, "UBND tỉnh A");
    assert_eq!(d.to[0].organ_name, "UBND tỉnh C");
    assert_eq!(d.document_id.as_str(), "000.00.01.H07,2025/02/13,05/SX-VP");
    assert_eq!(d.code.full(), "05/SX-VP");
    assert_eq!((d.promulgation_info.place.as_str(), d.promulgation_info.date.as_str()), ("A", "2025/02/13"));
    assert_eq!((d.document_type.number, d.document_type.detail), (Some(18), Some(0)));
    assert_eq!(d.document_type.name, "Công văn");
    assert_eq!((d.subject.as_str(), d.content.as_str()), ("V/v phối hợp …", "V/v phối hợp …"));
    assert_eq!(d.signer_info.competence, "KT. GIÁM ĐỐC");
    assert_eq!(d.due_date, "2025/02/28");
    assert_eq!(d.other_info.priority, Priority::Urgent);
    assert_eq!((d.other_info.page_amount, d.other_info.direction), (Some(2), Some(false)));
    assert_eq!(d.steering_type, Some(1));
    assert_eq!(d.to_places, ["Như trên"]);
    assert_eq!(d.trace_headers[0].timestamp, "2025/02/13 09:16:02");
    assert_eq!((d.business_type(), d.paper.as_str()), (BusinessType::New, "0"));
    assert_eq!(d.business.as_ref().unwrap().staff[0].staff, "Trần Thị B");
    assert!(d.package_signed);
    let file = d.main_attachment().unwrap();
    assert_eq!((&file.content[..], file.wrapping, file.kind), (PDF, Wrapping::Zipped, FileKind::Pdf));
}

/// RULES R1, E4, E5, E22. Each row of the table in VXP 4.2 (and of VXP 5): what is changed in the sample, and the code it is refused with.
#[test]
#[rustfmt::skip]
fn vxp_4_2_refusals() {
    let s = sample();
    let r = |from: &str, to: &str| { assert!(s.contains(from), "{from}"); s.replacen(from, to, 1) };
    let decl = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let attachment = |name: &str, kind: &str, bytes: &[u8]| {
        r(&STANDARD.encode(zip_of(&[("5f.pdf", PDF)])), &STANDARD.encode(bytes))
            .replace("05-SX-VP.signed.pdf", name).replace("application/zip", kind)
    };
    let deep = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
    let rows: Vec<(&str, String, Reason)> = vec![
        ("doctype", r(decl, &format!("{decl}<!DOCTYPE edXML [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>")), Reason::Doctype),
        ("doctype, small letters", r(decl, &format!("{decl}<!doctype edXML>")), Reason::Doctype),
        ("digits before the declaration", format!("1212{s}"), Reason::Leading),
        ("blank before the declaration", format!("\n{s}"), Reason::Leading),
        ("text before the root", r(decl, "x"), Reason::Leading),
        ("text after the root", format!("{s}x"), Reason::Trailing),
        ("element after the root", format!("{s}<x/>"), Reason::Trailing),
        ("CDATA after the root", format!("{s}<![CDATA[ ]]>"), Reason::Trailing),
        ("second declaration", r("<edXML xmlns", &format!("{decl}<edXML xmlns")), Reason::NotWellFormed),
        ("unclosed", s.replace("</edXML>", ""), Reason::NotWellFormed),
        ("crossed tags", r("</edXML:Place>", "</edXML:Plaza>"), Reason::NotWellFormed),
        ("attribute twice", r("version=\"1.0\">", "version=\"1.0\" version=\"1.0\">"), Reason::NotWellFormed),
        ("attributes not separated", r("version=\"1.0\">", "version=\"1.0\"a=\"b\">"), Reason::NotWellFormed),
        ("bracket in an attribute", r("version=\"1.0\">", "version=\"<\">"), Reason::NotWellFormed),
        ("unquoted attribute", r("version=\"1.0\">", "version=1>"), Reason::NotWellFormed),
        ("end of CDATA in text", r("Như trên", "]]>"), Reason::NotWellFormed),
        ("dashes in a comment", r("Như trên", "<!-- a -- b -->"), Reason::NotWellFormed),
        ("bare ampersand", r("Như trên", "A & B"), Reason::NotWellFormed),
        ("unknown entity", r("Như trên", "&nbsp;"), Reason::Entity),
        ("forbidden character", r("Như trên", "\u{1}"), Reason::ForbiddenCharacter),
        ("reference to a forbidden character", r("Như trên", "&#1;"), Reason::ForbiddenCharacter),
        ("reference to half a character", r("Như trên", "&#xD800;"), Reason::ForbiddenCharacter),
        ("too deep", r("Như trên", &deep), Reason::TooDeep),
        ("another declared encoding", r("UTF-8", "windows-1258"), Reason::Encoding),
        ("declared UTF-16", r("UTF-8", "UTF-16"), Reason::Encoding),
        ("root of another name", s.replace("<edXML xmlns", "<edxml xmlns").replace("</edXML>", "</edxml>"), Reason::Root),
        ("root of the older namespace", s.replace(NS, "http://www.e-doc.vn/Schema/"), Reason::Root),
        ("root without namespace", r(&format!("<edXML xmlns=\"{NS}\">"), "<edXML>"), Reason::Root),
        ("envelope in another namespace", r(&format!("xmlns:edXML=\"{NS}\""), "xmlns:edXML=\"urn:x\""), Reason::Envelope),
        ("envelope without namespace", r(&format!(" xmlns:edXML=\"{NS}\""), ""), Reason::Envelope),
        ("no envelope", format!("<edXML xmlns=\"{NS}\"/>"), Reason::Envelope),
        ("no message header", r("<edXML:MessageHeader>", "<edXML:Other>").replace("</edXML:MessageHeader>", "</edXML:Other>"), Reason::Envelope),
        ("no DocumentId", r("<edXML:DocumentId>000.00.01.H07,2025/02/13,05/SX-VP</edXML:DocumentId>", ""), Reason::DocumentIdMissing),
        ("empty DocumentId", r("<edXML:DocumentId>000.00.01.H07,2025/02/13,05/SX-VP<", "<edXML:DocumentId> <"), Reason::DocumentIdMissing),
        ("no From", s.replace("edXML:From>", "edXML:Form>"), Reason::FromMissing),
        ("no To", s.replace("edXML:To>", "edXML:Two>"), Reason::ToMissing),
        ("From without OrganId", r("<edXML:OrganId>000.00.01.H07</edXML:OrganId>", ""), Reason::OrganIdMissing),
        ("To without OrganId", r("<edXML:OrganId>000.00.00.H27</edXML:OrganId>", "<edXML:OrganId/>"), Reason::OrganIdMissing),
        ("To with a name for a code", r("000.00.00.H27", "UBND tỉnh C"), Reason::OrganIdShape),
        ("SteeringType with blanks", r("<edXML:SteeringType>1<", "<edXML:SteeringType> 1<"), Reason::SteeringType),
        ("SteeringType empty", r("<edXML:SteeringType>1<", "<edXML:SteeringType><"), Reason::SteeringType),
        ("SteeringType blank", r("<edXML:SteeringType>1<", "<edXML:SteeringType> <"), Reason::SteeringType),
        ("SteeringType signed", r("<edXML:SteeringType>1<", "<edXML:SteeringType>+1<"), Reason::SteeringType),
        ("SteeringType too large", r("<edXML:SteeringType>1<", "<edXML:SteeringType>2147483648<"), Reason::SteeringType),
        ("BussinessDocType 4", r("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>4<"), Reason::BusinessType),
        ("BussinessDocType in words", r("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>new<"), Reason::BusinessType),
        ("attachment without a name", r("<AttachmentName>05-SX-VP.signed.pdf</AttachmentName>", ""), Reason::AttachmentName),
        ("Format that is a path", r("<ContentType>", "<Format>../x</Format><ContentType>"), Reason::AttachmentFormat),
        ("declared ZIP is none", attachment("a.pdf", "application/zip", PDF), Reason::BrokenZip),
        ("declared ZIP is empty", attachment("a.pdf", "application/zip", &zip_of(&[])), Reason::EmptyZip),
        ("ZIP entry leaves the folder", attachment("a.pdf", "application/zip", &zip_of(&[("../a.pdf", PDF)])), Reason::ZipEntryName),
        ("ZIP bomb", attachment("a.pdf", "application/zip", &zip_of(&[("a.pdf", &vec![0; 4 << 20])])), Reason::ZipBomb),
        ("placeholder for base64", r(&STANDARD.encode(zip_of(&[("5f.pdf", PDF)])), "[[content]]"), Reason::Base64),
        ("status code 14", status_sample("14"), Reason::StatusCode),
        ("status code empty", status_sample(""), Reason::StatusCode),
        ("status without address", status_sample("03").replace("<edXML:OrganId>000.00.00.G22</edXML:OrganId>", ""), Reason::ResponseForMissing),
        ("status without ResponseFor", status_sample("03").replace("edXML:ResponseFor>", "edXML:Other>"), Reason::ResponseForMissing),
        ("status of nothing", status_sample("03").replace("edXML:Code>", "edXML:X>").replace("edXML:DocumentId>", "edXML:Y>"), Reason::StatusOfNothing),
        ("nothing", String::new(), Reason::Empty),
        ("blanks", " \r\n".to_owned(), Reason::Empty),
        ("DocumentId too long", r("000.00.01.H07,2025/02/13,05/SX-VP", &"x".repeat(2001)), Reason::TooLong),
    ];
    for (what, text, reason) in &rows {
        match read_text(text) {
            Err(refusal) => {
                assert_eq!(refusal.reason(), *reason, "{what}: {refusal}");
                assert!(refusal.vi().len() > 20 && refusal.en().len() > 20);
            }
            Ok(_) => panic!("{what} is accepted"),
        }
    }
    let utf16: Vec<u8> = s.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&utf16[..], b"\xff\xfe<\0", b"<edXML>\xc3\x28</edXML>", b"<\0e\0"] {
        assert_eq!(read(bytes, &Limits::default()).unwrap_err().reason(), Reason::Encoding);
    }
}

#[test]
fn vxp_4_2_nothing_single_may_stand_twice() {
    let s = sample();
    for name in [
        "From",
        "DocumentId",
        "Code",
        "PromulgationInfo",
        "DocumentType",
        "Subject",
        "Content",
        "SignerInfo",
        "DueDate",
        "OtherInfo",
        "SteeringType",
        "MessageHeader",
        "Bussiness",
        "BussinessDocType",
        "OrganName",
        "edXMLBody",
        "CodeNumber",
    ] {
        let open = format!("<edXML:{name}>");
        let again = s.replacen(&open, &format!("<edXML:{name}/>{open}"), 1);
        assert_ne!(again, s, "{name}");
        assert_eq!(read_text(&again).unwrap_err().reason(), Reason::Repeated, "{name}");
    }
    let twice = s.replacen(
        "<edXML:OrganId>000.00.00.H27",
        "<edXML:OrganId>X</edXML:OrganId><edXML:OrganId>000.00.00.H27",
        1,
    );
    let refusal = read_text(&twice).unwrap_err();
    assert_eq!(refusal.reason(), Reason::Repeated);
    assert_eq!(refusal.path(), "edXML/edXMLEnvelope/edXMLHeader/MessageHeader/To/OrganId[2]");
    assert_eq!(refusal.reason().class().letter(), 'R');
    let status = status_sample("03");
    let twice =
        status.replace("<edXML:StatusCode>", "<edXML:StatusCode>01</edXML:StatusCode><edXML:StatusCode>");
    assert_eq!(read_text(&twice).unwrap_err().reason(), Reason::Repeated);
    let content = s.replacen(
        "</edXML:ContentTransferEncoded>",
        "</edXML:ContentTransferEncoded><ContentTransferEncoded/>",
        1,
    );
    assert_eq!(read_text(&content).unwrap_err().reason(), Reason::Repeated);
}

#[test]
fn the_codes_of_refusals_are_unique_and_their_sentences_differ() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    let sentences: std::collections::HashSet<String> =
        Reason::ALL.iter().map(|reason| Refusal::new(*reason, "").vi()).collect();
    assert_eq!(sentences.len(), Reason::ALL.len());
}

/// What the field is full of and VXP 6 accepts, and the warning it gives.
/// RULES E1, E3, E5.
#[test]
#[rustfmt::skip]
fn vxp_6_irregular_files_are_accepted() {
    let s = sample();
    let r = |from: &str, to: &str| { assert!(s.contains(from), "{from}"); s.replacen(from, to, 1) };
    let id = "<edXML:DocumentId>000.00.01.H07,2025/02/13,05/SX-VP</edXML:DocumentId>";
    let rows: Vec<(&str, String, &[Oddity])> = vec![
        ("byte order mark", format!("\u{FEFF}{s}"), &[]),
        ("no declaration", s.lines().skip(1).collect::<Vec<_>>().join("\n"), &[]),
        ("blank before the root, no declaration", format!("\n {}", s.lines().skip(1).collect::<String>()), &[]),
        ("CRLF", s.replace('\n', "\r\n"), &[]),
        ("trailing newlines and a comment", format!("{s}\r\n\r\n<!-- x -->\n"), &[]),
        ("no prefixes at all", s.replace("edXML:", "").replace("xmlns:edXML", "xmlns"), &[]),
        ("another prefix", s.replace("edXML:", "e:").replace("xmlns:edXML", "xmlns:e"), &[]),
        ("undeclared xlink", r("<edXML:Reference>", "<edXML:Reference xlink:href=\"a\" xlink:type=\"simple\">"), &[]),
        ("undeclared prefix of an element", r(&format!(" xmlns:edXML=\"{NS}\">U"), ">U"), &[]),
        ("prefixed AttachmentEncoded", s.replace("<AttachmentEncoded", "<edXML:AttachmentEncoded").replace("</AttachmentEncoded", "</edXML:AttachmentEncoded"), &[]),
        ("DocumentId last", r(id, "").replace("</edXML:MessageHeader>", &format!("{id}</edXML:MessageHeader>")), &[]),
        ("comments between elements", r(id, &format!("<!-- <edXML:DocumentId>x</edXML:DocumentId> -->{id}")), &[]),
        ("a comment in a value", r("Sở X tỉnh A", "Sở X<!-- x --> tỉnh A"), &[]),
        ("CDATA", r("Sở X tỉnh A", "<![CDATA[Sở X tỉnh A]]>"), &[]),
        ("processing instruction", r(id, &format!("<?x y?>{id}")), &[]),
        ("unknown elements", r(id, &format!("<edXML:New a=\"1\"><b/></edXML:New>{id}")), &[]),
        ("blanks in OrganId", r("<edXML:OrganId>000.00.00.H27<", "<edXML:OrganId>\r\n 000.00.00.H27 <"), &[]),
        ("empty ResponseFor", r(id, &format!("<edXML:ResponseFor/><edXML:ResponseFor><edXML:Code/></edXML:ResponseFor>{id}")), &[]),
        ("Signature without namespace", r(" xmlns=\"http://www.w3.org/2000/09/xmldsig#\"", ""), &[]),
        ("empty DigitalSignature", r("<edXML:edXMLBody>", "<edXML:DigitalSignature/><edXML:edXMLBody>"), &[]),
        ("Reference without ContentType", r("<edXML:ContentType>application/zip</edXML:ContentType>", ""), &[]),
        ("cid on one side only", r("<ContentId>cid:", "<ContentId>"), &[]),
        ("cid twice", r("<ContentId>cid:", "<ContentId>cid: cid:"), &[]),
        ("TraceHeader of null", r("<edXML:TraceHeader><edXML:OrganId>000.00.01.H07<", "<edXML:TraceHeader><edXML:OrganId>null<"), &[]),
        ("base64 in lines", r("UEsDB", "\r\n  UEs\r\n\tDB"), &[]),
        ("attributes on the list", r("<edXML:TraceHeaderList>", "<edXML:TraceHeaderList mustUnderstand='1' actor=\"x\" id='a'>"), &[]),
        ("the manifest's other name", s.replace("edXML:edXMLManifest", "edXML:Manifest"), &[]),
        ("own agency among the receivers", r("000.00.00.H27", "000.00.01.H07"), &[]),
        ("date with dashes", r("<edXML:DueDate>2025/02/28", "<edXML:DueDate>2025-02-28"), &[Oddity::Date]),
        ("impossible date", r("<edXML:DueDate>2025/02/28", "<edXML:DueDate>2025/02/30"), &[Oddity::Date]),
        ("day first", r("<edXML:PromulgationDate>2025/02/13", "<edXML:PromulgationDate>13/02/2025"), &[Oddity::Date]),
        ("no Subject", r("<edXML:Subject>V/v phối hợp …</edXML:Subject>", ""), &[Oddity::SubjectMissing]),
        ("no CodeNumber", r("<edXML:CodeNumber>05</edXML:CodeNumber>", ""), &[Oddity::CodeMissing]),
        ("no business type", r("<edXML:BussinessDocType>0</edXML:BussinessDocType>", ""), &[Oddity::BusinessMissing]),
        ("priority in words", r("<edXML:Priority>1<", "<edXML:Priority>gấp<"), &[Oddity::Number]),
        ("priority 9", r("<edXML:Priority>1<", "<edXML:Priority>9<"), &[Oddity::Number]),
        ("receiver twice", r("<edXML:To>", "<edXML:To><edXML:OrganId>000.00.00.h27</edXML:OrganId></edXML:To><edXML:To>"), &[Oddity::ReceiverRepeated]),
        ("manifest lists nothing", s.replace("edXML:Reference>", "edXML:Other>"), &[Oddity::Manifest]),
        ("long summary", r("<edXML:Content>", &format!("<edXML:Content>{}", "ă".repeat(3000))), &[Oddity::TooWide, Oddity::Clipped]),
        ("an address wider than its column", r("<edXML:Email>", &format!("<edXML:Email>{}", "a".repeat(101))), &[Oddity::TooWide]),
        ("StatusCode in a document", r(id, &format!("{id}<edXML:StatusCode>03</edXML:StatusCode>")), &[Oddity::StatusInDocument]),
        ("attachments inside the envelope", r("</edXML:edXMLBody>", "</edXML:edXMLBody><edXML:edXMLAttachments><Attachment/></edXML:edXMLAttachments>"), &[Oddity::MisplacedAttachments]),
    ];
    for (what, text, expected) in &rows {
        let package = read_text(text).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
        assert_eq!(oddities(&package), *expected, "{what}");
        let Package::Document(d) = package else { panic!("{what}") };
        assert_eq!(d.document_id.as_str(), "000.00.01.H07,2025/02/13,05/SX-VP", "{what}");
        assert_eq!((d.from.organ_name.as_str(), &d.attachments[0].content[..]), ("Sở X tỉnh A", PDF), "{what}");
    }
}

#[test]
fn e7_references_and_line_ends_in_values() {
    let text = sample().replacen("Sở X tỉnh A", " A &amp; B &lt;C&gt; &#272;&#x110;\r\nhàng hai ", 1);
    assert_eq!(document(&text).from.organ_name, "A & B <C> ĐĐ\nhàng hai");
}

/// RULES E4, E17.
#[test]
fn vxp_4_2_limits_on_numbers_of_things() {
    let s = sample();
    let to = |n: usize| {
        (0..n)
            .map(|i| format!("<edXML:To><edXML:OrganId>H{i}</edXML:OrganId></edXML:To>"))
            .collect::<String>()
    };
    let with_to = |n| s.replacen("<edXML:To>", &format!("{}<edXML:To>", to(n)), 1);
    assert_eq!(document(&with_to(999)).to.len(), 1000);
    assert_eq!(read_text(&with_to(1000)).unwrap_err().reason(), Reason::TooMany);
    let files = |n: usize| {
        let one = "<Attachment><AttachmentName>a.txt</AttachmentName><ContentTransferEncoded>YQ==</ContentTransferEncoded></Attachment>";
        s.replacen("<Attachment>", &format!("{}<Attachment>", one.repeat(n)), 1)
    };
    assert_eq!(document(&files(99)).attachments.len(), 100);
    assert_eq!(read_text(&files(100)).unwrap_err().reason(), Reason::TooMany);
    let small = Limits { package_bytes_max: s.len() - 1, ..Limits::default() };
    assert_eq!(read(s.as_bytes(), &small).unwrap_err().reason(), Reason::TooLarge);
    let attributes = |n: usize| (0..n).map(|i| format!(" a{i}=''")).collect::<String>();
    let many = s.replacen("<edXML:Place>", &format!("<edXML:Place{}>", attributes(65)), 1);
    assert!(read_text(&many).is_err());
    let elements = s.replacen("<edXML:Place>", &format!("{}<edXML:Place>", "<a/>".repeat(50_000)), 1);
    assert_eq!(read_text(&elements).unwrap_err().reason(), Reason::TooMany);
}

#[test]
fn e8_lists_are_divided_by_semicolons() {
    let list = "<edXML:ReplyFors>12/SX-VP; 13/SX-VP ;;</edXML:ReplyFors>";
    let text = sample().replacen("<edXML:Priority>", &format!("{list}<edXML:Priority>"), 1);
    assert_eq!(document(&text).other_info.reply_fors, ["12/SX-VP", "13/SX-VP"]);
}

#[test]
fn e10_a_recall_may_carry_the_letter_that_orders_it_or_nothing() {
    let recall = sample().replacen("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>1<", 1);
    let with_letter = document(&recall);
    assert_eq!((with_letter.business_type(), with_letter.attachments.len()), (BusinessType::Recall, 1));
    let (before, rest) = recall.split_once("<AttachmentEncoded").unwrap();
    let after = rest.split_once("</AttachmentEncoded>").unwrap().1;
    let without = document(&format!("{before}{after}"));
    assert_eq!((without.business_type(), without.attachments.len()), (BusinessType::Recall, 0));
}

#[test]
fn e16_the_first_reference_is_the_main_document_wherever_its_file_stands() {
    let s = sample();
    let cid = s.split_once("<ContentId>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let other = "<Attachment><ContentId>cid:khac</ContentId><AttachmentName>phu-luc.txt</AttachmentName>\
                 <ContentTransferEncoded>YQ==</ContentTransferEncoded></Attachment>";
    let second = "<edXML:Reference><edXML:ContentId>cid:khac</edXML:ContentId>\
                  <edXML:AttachmentName>phu-luc.txt</edXML:AttachmentName></edXML:Reference>";
    let text = s.replacen("<Attachment>", &format!("{other}<Attachment>"), 1).replacen(
        "</edXML:Reference>",
        &format!("</edXML:Reference>{second}"),
        1,
    );
    let read = document(&text);
    assert_eq!(read.attachments.len(), 2);
    let main = read.main_attachment().unwrap();
    assert_eq!((&main.content[..], format!("cid:{}", main.content_id)), (PDF, cid));
}

#[test]
fn a_package_of_one_mebibyte_and_its_budget() {
    let big: Vec<u8> = (0..1024 * 1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let text =
        MINIMAL.replace("application/zip", "application/pdf").replace("@CONTENT@", &STANDARD.encode(&big));
    assert_eq!(document(&text).attachments[0].content[..], big);
    let tight = Limits { unpacked_bytes_max: big.len() - 1, ..Limits::default() };
    assert_eq!(read(text.as_bytes(), &tight).unwrap_err().reason(), Reason::ZipBomb);
}

/// Bytes of which only windows are in memory.
struct Elsewhere<'b>(&'b [u8]);

impl Source for Elsewhere<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn held(&self) -> Option<&[u8]> {
        None
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(at, into)
    }
}

/// Notes how much memory was asked for at once, and what was seen.
#[derive(Default)]
struct Watching {
    most: std::cell::Cell<usize>,
    seen: Vec<Vec<u8>>,
}

impl Along for Watching {
    fn room(&self, bytes: usize) -> Result<Room, crate::Error> {
        self.most.set(self.most.get().max(bytes));
        Ok(Box::new(()))
    }

    fn file(&mut self, file: &Attachment) {
        self.seen.push(file.content.to_vec());
    }
}

/// Bytes that no packing makes shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn e12_a_package_says_the_same_wherever_it_lies() {
    let random = noise(300_000);
    let pdf = [PDF, &random].concat();
    let zipped = STANDARD.encode(zip_of(&[("5f.pdf", &pdf)]));
    let two = STANDARD.encode(zip_of(&[("5f.pdf", &pdf), ("6f.pdf", PDF)]));
    let bare = STANDARD.encode(&pdf);
    let lines = |end: &str| {
        bare.as_bytes()
            .chunks(76)
            .map(|line| std::str::from_utf8(line).unwrap().to_owned() + end)
            .collect::<String>()
    };
    let other_letter = if zipped.as_bytes()[100_000] == b'A' { 'B' } else { 'A' };
    let broken = format!("{}{other_letter}{}", &zipped[..100_000], &zipped[100_001..]);
    let bomb = STANDARD.encode(zip_of(&[("5f.pdf", &vec![b'x'; 60_000_000])]));
    let (zip, as_pdf) = ("application/zip", "application/pdf");
    let rows: &[(&str, &str, String)] = &[
        ("in a ZIP", zip, zipped.clone()),
        ("in a ZIP that nobody declared", as_pdf, zipped.clone()),
        ("in a ZIP of two", zip, two),
        ("bare", as_pdf, bare.clone()),
        ("bare, said to be a ZIP", zip, bare.clone()),
        ("in lines", as_pdf, lines("\r\n")),
        ("in lines that end in references", as_pdf, lines("&#xD;\n")),
        ("in CDATA", as_pdf, format!("<![CDATA[{bare}]]>")),
        ("references in CDATA", as_pdf, format!("<![CDATA[{}]]>", lines("&#13;"))),
        ("with a comment in it", as_pdf, format!("{}<!-- x -->{}", &bare[..100_000], &bare[100_000..])),
        ("in two sections", as_pdf, format!("{}<![CDATA[{}]]>", &bare[..200_000], &bare[200_000..])),
        ("cut off", as_pdf, bare[..bare.len() - 2].to_owned()),
        ("padded in the middle", as_pdf, format!("{}=={}", &bare[..200_000], &bare[200_000..])),
        ("damaged", zip, broken),
        ("a bomb", zip, bomb),
        ("another letter", as_pdf, format!("{}-{}", &bare[..200_000], &bare[200_001..])),
    ];
    let everything = Limits { held_bytes_max: usize::MAX, ..Limits::default() };
    for (what, content_type, content) in rows {
        let text = MINIMAL.replace("application/zip", content_type).replace("@CONTENT@", content);
        let here = read(text.as_bytes(), &Limits::default());
        let mut watching = Watching::default();
        let there = open(&Elsewhere(text.as_bytes()), &everything, &mut watching);
        match (here, there) {
            (Ok(here), Ok(there)) => assert!(here == there.package, "{what}"),
            (Err(here), Err(crate::Error::Package(there))) => assert_eq!(here, there, "{what}"),
            (here, there) => panic!("{what}: {} {}", here.is_ok(), there.is_ok()),
        }
        // And let go and fetched again.
        let Ok(Opened { package: Package::Document(away), .. }) = open(
            &Elsewhere(text.as_bytes()),
            &Limits { held_bytes_max: 0, ..Limits::default() },
            &mut Watching::default(),
        ) else {
            continue;
        };
        let file = &away.attachments[0];
        assert!(file.is_away() && file.size == watching.seen[0].len(), "{what}");
        let again = file.content_from(&Elsewhere(text.as_bytes()), &Limits::default()).unwrap();
        assert!(again[..] == watching.seen[0][..], "{what}");
        let mut other = text.clone().into_bytes();
        let in_the_middle = text.find(&content[..20]).unwrap() + 180_000;
        other[in_the_middle..in_the_middle + 10].copy_from_slice(b"AAAAAAAAAA");
        assert!(
            file.content_from(&Elsewhere(&other), &Limits::default()).is_err(),
            "{what}: another package"
        );
    }
}

#[test]
fn e12_the_one_file_of_a_zip_is_the_only_thing_in_memory() {
    let random = noise(900_000);
    let text = MINIMAL.replace("@CONTENT@", &STANDARD.encode(zip_of(&[("5f.pdf", &random)])));
    let mut watching = Watching::default();
    open(&Elsewhere(text.as_bytes()), &Limits::default(), &mut watching).unwrap();
    assert_eq!((watching.most.get(), watching.seen.len()), (random.len(), 1));
}

#[test]
fn a_text_that_is_longer_than_the_window_of_it_is_too_long() {
    let long = "A".repeat(200_000);
    let s = sample();
    let there = |text: &str| open(&Elsewhere(text.as_bytes()), &Limits::default(), &mut Watching::default());
    let wide = s.replacen("V/v phối hợp …</edXML:Subject>", &format!("{long}</edXML:Subject>"), 1);
    assert_ne!(wide, s);
    let found = there(&wide).unwrap().package;
    assert!(oddities(&found).contains(&Oddity::Clipped) && found == read_text(&wide).unwrap());
    let blank = " ".repeat(200_000);
    let spaced =
        s.replacen("V/v phối hợp …</edXML:Subject>", &format!("{blank}05{blank}</edXML:Subject>"), 1);
    assert!(there(&spaced).unwrap().package == read_text(&spaced).unwrap());
    let name = s.replacen("<AttachmentName>", &format!("<AttachmentName>{long}"), 1);
    assert_eq!(there(&name).unwrap_err().code(), read_text(&name).unwrap_err().code());
    let markup = s.replacen("<edXML:Place>", &format!("<!--{}--><edXML:Place>", "ă".repeat(9 << 20)), 1);
    assert!(
        matches!(there(&markup), Err(crate::Error::Package(refusal)) if refusal.reason() == Reason::TooLarge)
    );
}

#[test]
fn r25_e11_completeness() {
    let s = sample();
    let reference = |id: &str, name: &str| {
        format!(
            "<edXML:Reference><edXML:ContentId>{id}</edXML:ContentId><edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Reference>"
        )
    };
    let with = |more: &str| {
        document(&s.replacen("</edXML:edXMLManifest>", &format!("{more}</edXML:edXMLManifest>"), 1))
            .completeness()
    };
    assert!(with("").is_complete());
    let missing = with(&reference("cid:other", "phu-luc.pdf"));
    assert_eq!(
        (missing.missing.as_slice(), missing.blocks_acceptance()),
        (&["phu-luc.pdf".to_owned()][..], true)
    );
    let twice = with(&reference("1f0f0526-f922-40c6-bbb6-7d92cf22a7ba", "again.pdf"));
    assert!(!twice.ambiguous.is_empty() && twice.blocks_acceptance());
    let none = document(&s.replace("edXML:Reference>", "edXML:Other>")).completeness();
    assert_eq!((none.unlisted.len(), none.blocks_acceptance(), none.is_complete()), (1, false, false));
    let empty = s.replace("application/zip", "x").replace(&STANDARD.encode(zip_of(&[("5f.pdf", PDF)])), "");
    let empty = document(&empty).completeness();
    assert_eq!(empty.missing, ["05-SX-VP.signed.pdf"]);
}

#[test]
fn e9_vxp_4_4_what_a_business_is_about() {
    let s = sample();
    let with = |kind: &str, more: &str| {
        document(&s.replacen(
            "<edXML:BussinessDocType>0</edXML:BussinessDocType>",
            &format!("<edXML:BussinessDocType>{kind}</edXML:BussinessDocType>{more}"),
            1,
        ))
    };
    let own = "000.00.01.H07,2025/02/13,05/SX-VP";
    let ids = |d: &Document| d.target_ids().iter().map(|id| id.to_string()).collect::<Vec<_>>();
    let other = "<edXML:DocumentId>goc</edXML:DocumentId>";
    assert_eq!(ids(&with("0", other)), Vec::<String>::new());
    assert_eq!(ids(&with("1", "")), [own]);
    assert_eq!(ids(&with("1", other)), ["goc"]);
    assert_eq!(ids(&with("2", other)), ["goc"]);
    let replaced = "<edXML:ReplacementInfoList><edXML:ReplacementInfo><edXML:DocumentId>cu</edXML:DocumentId><edXML:OrganIdList><edXML:OrganId>H41</edXML:OrganId><edXML:OrganId>H14</edXML:OrganId></edXML:OrganIdList></edXML:ReplacementInfo></edXML:ReplacementInfoList>";
    let d = with("3", &format!("{other}{replaced}"));
    assert_eq!(ids(&d), ["cu"]);
    assert_eq!(d.business.unwrap().replacements[0].organ_ids, ["H41", "H14"]);
    let changed = "<edXML:BussinessDocumentInfo><edXML:DocumentInfo>1</edXML:DocumentInfo><edXML:DocumentReceiver>1</edXML:DocumentReceiver><edXML:ReceiverList><edXML:Receiver><edXML:OrganId>H41</edXML:OrganId><edXML:ReceiverType>0</edXML:ReceiverType></edXML:Receiver></edXML:ReceiverList></edXML:BussinessDocumentInfo>";
    let update = with("2", changed).business.unwrap().updates.remove(0);
    assert!(update.content_changed && update.receivers_changed && !update.receivers[0].added);
    let no_business = s.replace("edXML:Bussiness>", "edXML:Other>");
    assert_eq!(oddities(&read_text(&no_business).unwrap()), [Oddity::BusinessMissing]);
    assert_eq!(document(&no_business).business_type(), BusinessType::New);
}

#[test]
fn vxp_5_every_status_reads() {
    for code in StatusCode::KNOWN {
        let Package::Status(status) = read_text(&status_sample(code.as_str())).unwrap() else { panic!() };
        assert_eq!((status.code, status.warnings.len()), (code, 0));
        assert_eq!(status.response_for.organ_id.as_str(), "000.00.00.G22");
    }
    let Package::Status(single) = read_text(&status_sample("3")).unwrap() else { panic!() };
    assert_eq!(single.code, StatusCode::Accepted);
    let bare = status_sample("02").replace("edXML:StaffInfo>", "edXML:X>").replace("Lý do", "");
    assert_eq!(oddities(&read_text(&bare).unwrap()), [Oddity::ReasonMissing, Oddity::StaffMissing]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 400, ..Default::default() })]

    #[test]
    fn mutated_packages_never_panic(
        edits in proptest::collection::vec((0usize..6000, 0u8..=255, 0usize..40), 1..6),
        status in proptest::bool::ANY,
    ) {
        let mut bytes = if status { status_sample("03") } else { sample() }.into_bytes();
        for (at, with, cut) in edits {
            let at = at % bytes.len();
            bytes[at] = with;
            let end = (at + cut).min(bytes.len());
            bytes.drain((at + 1).min(end)..end);
        }
        crate::fuzz::edxml(&bytes);
    }

    #[test]
    fn shuffled_markup_never_panics(parts in proptest::collection::vec(
        proptest::sample::select(vec!["<", ">", "/", "edXML", ":", "<a>", "</a>", "<a/>", "&", ";", "#x", "lt", "<![CDATA[", "]]>",
            "<!--", "-->", "<?xml version='1.0'?>", "<?", "?>", "\"", "=", " ", "<!DOCTYPE", "[", "]", "\u{FEFF}",
            "<edXML xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'>", "<edXMLEnvelope>", "</edXML>"]), 0..24)) {
        crate::fuzz::edxml(parts.concat().as_bytes());
    }
}
