//! Stamps of secrecy on pages that a real browser printed (RULES R9 c): subset fonts, their own tables, words put one by one.

use std::process::{Command, Stdio};

use registry::secrecy::{Degree, Detector, Hit, in_pdf};

/// A letter as NĐ 30/2020 lays it out, with a stamp's words below the number and a body.
fn letter(stamp: &str, body: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><style>@page {{ size: A4; margin: 20mm }} body {{ font: 13pt serif }} \
         td {{ vertical-align: top; text-align: center; width: 50% }} .s {{ display: inline-block; border: 1.5pt solid; \
         padding: 2pt 8pt; font-weight: bold }} .t td {{ border: 1px solid }}</style>\
         <table width=100%><tr><td>ỦY BAN NHÂN DÂN TỈNH A<br><b>SỞ NỘI VỤ</b><br>Số: 05/SNV-VP<br><br>\
         <span class=s>{stamp}</span><td><b>CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</b><br>Độc lập - Tự do - Hạnh phúc</table>\
         <p style='text-align: justify'>{body}</p>"
    )
}

/// Prints a page as Chromium does.
fn print(html: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (page, pdf) = (dir.path().join("page.html"), dir.path().join("page.pdf"));
    std::fs::write(&page, html).unwrap();
    let printed = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("chromium is installed (make test does)");
    assert!(printed.success());
    std::fs::read(pdf).unwrap()
}

#[test]
fn r9_c_stamps_on_printed_pages() {
    let body = "Về việc bảo mật thông tin và mật khẩu: các cơ quan bảo vệ bí mật nhà nước theo quy định. "
        .repeat(20);
    let table = format!("{body}<table class=t><tr><td>Độ mật<td>Mật<tr><td>Nơi nhận<td>Mật</table>");
    let hit = |degree| Some(Hit { detector: Detector::Stamp, degree });
    let rows = [
        (letter("MẬT", &body), hit(Degree::Secret)),
        (letter("TỐI MẬT", &body), hit(Degree::TopSecret)),
        (letter("TUYỆT MẬT", &body), hit(Degree::UtmostSecret)),
        (letter("HỎA TỐC", &table), None),
        (letter("KHẨN", "Kính gửi: Phòng Bảo mật"), None),
    ];
    for (html, expected) in rows {
        assert_eq!(in_pdf(&print(&html)), expected, "{html}");
    }
}
