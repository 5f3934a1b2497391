//! What is kept of a package's header beside the package: for lists, for matching, for those who show it (RULES R31).

use store::{DocumentKind, NewDocument};

use super::{Arrived, acts};
use crate::document_id::notation_key;
use crate::package::{Document, Status};
use crate::reasons::PAPER_UNSTATED;
use crate::vxp::call::DeclaredPaper;
use crate::vxp::hash::full_hex;

/// What lists and matching need of a document, and the header for those who show it (RULES R31).
pub(super) fn document(new: &mut NewDocument, arrived: &Arrived, document: &Document, warnings: &[&str]) {
    let (paper, paper_reason) = paper(arrived, document);
    new.identifier = document.document_id.key().to_owned();
    new.notation = notation_key(&document.code.full());
    new.promulgated_on.clone_from(&document.promulgation_info.date);
    new.subject.clone_from(&document.subject);
    new.business_type = i64::from(document.business_type().number());
    new.priority = i64::from(document.other_info.priority.number());
    let party = |party: &crate::package::Party| serde_json::json!({ "code": party.organ_id, "name": party.organ_name });
    let files = document.attachments.iter().map(|file| {
        serde_json::json!({
            "name": file.display_name(),
            "size": file.size,
            "sha256": full_hex(&file.sha256),
        })
    });
    new.facts = serde_json::json!({
        "documentId": document.document_id.as_str(),
        "code": document.code.full(),
        "promulgationDate": document.promulgation_info.date,
        "promulgationPlace": document.promulgation_info.place,
        "type": document.document_type.name,
        "subject": document.subject,
        "files": files.collect::<Vec<_>>(),
        "signer": {
            "competence": document.signer_info.competence,
            "position": document.signer_info.position,
            "name": document.signer_info.full_name,
        },
        "priority": document.other_info.priority.number(),
        "from": party(&document.from),
        "to": document.to.iter().map(party).collect::<Vec<_>>(),
        "dueDate": document.due_date,
        "origin": if is_copy(arrived, document) { "digitised" } else { "native" },
        "paper": paper,
        "paperReason": paper_reason,
        "answers": document.response_for.iter().map(|answer| answer.code.as_str()).collect::<Vec<_>>(),
        "targets": document.target_ids().iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        "warnings": document.warnings.iter().map(|w| w.oddity.code()).chain(warnings.iter().copied()).collect::<Vec<_>>(),
    })
    .to_string();
}

/// An electronic copy of a paper document (RULES R6): declared as one, or of a type that is one by its name (NĐ 30/2020
/// Đ25, RULES R92).
pub(super) fn is_copy(arrived: &Arrived, document: &Document) -> bool {
    const NAMES: [&str; 6] = ["bản sao y", "sao y", "bản sao lục", "sao lục", "bản trích sao", "trích sao"];
    let name = document.document_type.name.trim().to_lowercase();
    arrived.parameters.declared.is_digitised || NAMES.contains(&name.as_str())
}

/// What is said of paper (RULES R15), for the header that is kept.
fn paper(arrived: &Arrived, document: &Document) -> (bool, String) {
    let follows = acts::paper_follows(document);
    let reason = match &arrived.parameters.declared.paper {
        DeclaredPaper::Asked(Some(reason)) if follows => reason.to_string(),
        _ if follows => PAPER_UNSTATED.to_owned(),
        _ => String::new(),
    };
    (follows, reason)
}

pub(super) fn status(new: &mut NewDocument, status: &Status) {
    new.kind = DocumentKind::Status;
    let about = &status.response_for;
    new.identifier = about.document_id.as_ref().map_or_else(String::new, |id| id.key().to_owned());
    new.notation = notation_key(&about.code);
    new.promulgated_on.clone_from(&about.promulgation_date);
    // VXP 3.9: lists show a status by its code.
    new.subject = status.code.as_str().to_owned();
}
