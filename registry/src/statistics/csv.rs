//! A report as a table for spreadsheets: what VPCP is sent each quarter (QĐ 28/2018 Đ15.1, RULES R56).

use super::{Figures, Line, Report, Share};
use crate::registers::{BOM, record};

/// A column: its heading, and what stands in it.
type Column = (&'static str, fn(&Line) -> String);

fn percent(share: Share) -> String {
    share.percent.map(|percent| percent.to_string().replace('.', ",")).unwrap_or_default()
}

fn reasons(of: &std::collections::BTreeMap<String, i64>) -> String {
    of.iter().map(|(reason, n)| format!("{reason}: {n}")).collect::<Vec<_>>().join("; ")
}

macro_rules! figures {
    ($($heading:literal: $field:ident,)*) => {
        [$(($heading, |line: &Line| { let Figures { $field, .. } = &line.figures; $field.to_string() }),)*]
    };
}

/// The columns, in the order of the table.
fn columns() -> Vec<Column> {
    let who: [Column; 4] = [
        ("Mã cơ quan", |line| line.code.clone()),
        ("Tên cơ quan", |line| line.name.clone()),
        ("Cấp", |line| line.level.map_or("", super::Level::vi).to_owned()),
        ("Số cơ quan", |line| line.agencies.to_string()),
    ];
    let counted: [Column; 21] = figures! {
        "Văn bản gửi": sent,
        "Lượt gửi": deliveries,
        "Gửi có đủ chữ ký số": sent_original,
        "Gửi khẩn": sent_urgent,
        "Gửi kèm bản giấy": sent_with_paper,
        "Lượt gửi trong ngày ký": deliveries_same_day,
        "Lượt gửi quá hạn": deliveries_late,
        "Văn bản nhận": received,
        "Nhận có đủ chữ ký số": received_original,
        "Nhận khẩn": received_urgent,
        "Nhận kèm bản giấy": received_with_paper,
        "Đã tiếp nhận": accepted,
        "Phản hồi trong ngày": answered_same_day,
        "Phản hồi sau ngày đến": answered_later,
        "Từ chối": refused,
        "Bị trả lại": returned,
        "Hoàn thành": done,
        "Hủy theo thu hồi": cancelled,
        "Thu hồi": recalled,
        "Cập nhật": updated,
        "Thay thế": replaced,
    };
    let derived: [Column; 12] = [
        ("Lý do kèm bản giấy", |line| reasons(&line.figures.paper_reasons)),
        ("Lý do từ chối", |line| reasons(&line.figures.refused_reasons)),
        ("Văn bản gửi theo loại", |line| reasons(&line.figures.sent_by_type)),
        ("K2 ký số đầy đủ (%)", |line| percent(line.indicators.k2)),
        ("K4 không kèm giấy (%)", |line| percent(line.indicators.k4)),
        ("K5 gửi trong ngày (%)", |line| percent(line.indicators.k5)),
        ("K6 gửi đúng hạn (%)", |line| percent(line.indicators.k6)),
        ("K7 khẩn gửi ngay (%)", |line| percent(line.indicators.k7)),
        ("K8 phản hồi trong ngày (%)", |line| percent(line.indicators.k8)),
        ("K8b trung vị tiếp nhận (dưới, phút)", |line| minutes(line.indicators.k8b_median)),
        ("K8b 95% tiếp nhận (dưới, phút)", |line| minutes(line.indicators.k8b_p95)),
        ("K9 từ chối (%)", |line| percent(line.indicators.k9)),
    ];
    who.into_iter().chain(counted).chain(derived).collect()
}

fn minutes(of: Option<i64>) -> String {
    of.map(|minutes| minutes.to_string()).unwrap_or_default()
}

/// The table: what it is of, the headings, a record for each line, the sum.
pub fn table(report: &Report, bom: bool) -> String {
    let columns = columns();
    let (from, to) = report.days.texts();
    let about = [
        format!("Kỳ {}", report.period),
        format!("{from} – {to}"),
        format!("Số liệu đến {}", report.cut),
        format!("Cách tính {}", report.version),
        report.under.clone(),
    ];
    let mut text = if bom { BOM.to_owned() } else { String::new() };
    text.push_str(&record(&about));
    text.push_str(&record(&columns.iter().map(|(heading, _)| (*heading).to_owned()).collect::<Vec<_>>()));
    for line in report.lines.iter().chain([&report.total]) {
        text.push_str(&record(&columns.iter().map(|(_, cell)| cell(line)).collect::<Vec<_>>()));
    }
    text
}
