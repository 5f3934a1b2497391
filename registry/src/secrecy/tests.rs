//! False friends give no hit anywhere; marks are found wherever a mark stands (RULES R9).

use super::*;

/// Words that hold `mật`, or look like it, and are no mark.
#[rustfmt::skip]
const FALSE_FRIENDS: &[&str] = &[
    "bảo mật", "mật khẩu", "bí mật nhà nước", "mật mã", "mật độ dân số", "mật ong", "túi mật", "đường mật", "sỏi mật",
    "viêm túi mật", "dịch mật", "mật thiết", "mật vụ", "mật thư", "cơ mật", "bí mật", "bí mật kinh doanh", "tuyệt đối bí mật",
    "bí mật đời tư", "thuốc mật gấu", "mật gấu", "mật mía", "chim hút mật", "ong mật", "nuôi ong lấy mật", "rượu mật ong",
    "tuần trăng mật", "trăng mật", "mật lệnh", "mật hiệu", "mật đàm", "mật nghị", "thân mật", "gặp mặt thân mật", "kín mật",
    "rậm rạp, mật độ cao", "mật tông", "Mật giáo", "mật báo", "hoạt động mật thám", "điện mật mã", "khóa bí mật",
    "chứng thư số và khóa bí mật", "bảo mật thông tin", "an toàn, bảo mật", "quy chế bảo mật", "cam kết bảo mật",
    "thỏa thuận bảo mật", "đổi mật khẩu", "quên mật khẩu", "mật khẩu dùng một lần", "Mất", "Mắt", "Mặt", "Mát", "mặt bằng",
    "mặt đường", "mất điện", "mất cân đối", "mắt thường", "Mặt trận Tổ quốc", "giấy báo mất", "mất mát", "tối mát",
    "tôi mất thẻ", "tối mặt", "văn bản mật", "tài liệu mật", "danh mục bí mật nhà nước độ Tối mật", "độ mật của văn bản",
    "không gửi văn bản mật", "bảo vệ bí mật nhà nước", "giải mật", "tiêu hủy tài liệu mật", "mật ngọt chết ruồi",
    "Mật độ", "MẬT KHẨU", "MẬT ĐỘ XÂY DỰNG", "BẢO MẬT", "BÍ MẬT", "TÚI MẬT", "MẶT BẰNG", "MẤT", "MẮT", "MẶT", "cùng đường mạt lộ",
    "format", "mate", "Mate 10", "MAT-LAB", "Matxcơva", "chất lượng mật", "toi mat the", "giay to toi mat",
];

fn ascii(text: &str) -> String {
    mail::text::fold(text).replace(' ', "-")
}

#[test]
fn t2_r9_false_friends_give_no_hit() {
    let limits = Limits::default();
    let mut lines = 0;
    for friend in FALSE_FRIENDS {
        let sentence = format!("Về việc {friend} trong cơ quan nhà nước.");
        let names = [
            format!("{friend}.pdf"),
            format!("Quy che {friend}.docx"),
            format!("05-{}-2026.pdf", ascii(friend)),
            format!("{}.pdf", ascii(friend).replace('-', "_")),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = [
            Item { texts: &[friend], ..Item::default() },
            Item { texts: &[&sentence], ..Item::default() },
            Item { subject: Some(friend), ..Item::default() },
            Item { subject: Some(&sentence), ..Item::default() },
            Item { file_names: &names, ..Item::default() },
        ];
        for item in rows {
            lines += 1;
            assert_eq!(check(&item, &limits), None, "{item:?}");
        }
    }
    assert!(lines >= 200, "RULES R9 asks for 200 lines, these are {lines}");
    assert!(FALSE_FRIENDS.len() >= 60);
}

#[test]
fn t2_r9_ordinary_fields_and_notations_give_no_hit() {
    let limits = Limits::default();
    for security in ["", "Thường", " thường ", "THUONG", "Không", "0", "Không mật", "Bình thường"]
    {
        assert_eq!(
            check(&Item { security: Some(security), ..Item::default() }, &limits),
            None,
            "{security:?}"
        );
    }
    for notation in [
        "05/QĐ-UBND",
        "7816/VPCP-TTĐT",
        "2491/STC-BCTC",
        "12/SCT-TM",
        "QĐ-TM",
        "15/TTr-SNV",
        "1/MTTQ-BTT",
        "M",
        "TM",
        "03/KH-BCĐ",
        "22/M2",
        "5/CV-KTM",
        "05/2026/TT-BTTTT",
        "",
    ] {
        assert_eq!(
            check(&Item { notation: Some(notation), ..Item::default() }, &limits),
            None,
            "{notation:?}"
        );
    }
    for subject in [
        "V/v: Mật độ xây dựng",
        "[Bảo mật] Đổi mật khẩu",
        "Re: Fwd: (Mặt trận) họp",
        "Mật ong - giá bán",
        "Mat: gửi",
    ] {
        assert_eq!(check(&Item { subject: Some(subject), ..Item::default() }, &limits), None, "{subject:?}");
    }
}

#[test]
#[rustfmt::skip]
fn t2_r9_stamps_hit() {
    let limits = Limits::default();
    let rows = [
        ("MẬT", Degree::Secret), ("  Mật ", Degree::Secret), ("MAT", Degree::Secret), ("M Ậ T", Degree::Secret),
        ("| MẬT |", Degree::Secret), ("[ MẬT ]", Degree::Secret), ("*** MẬT ***", Degree::Secret), ("─ MẬT ─", Degree::Secret),
        ("MÂT", Degree::Secret), ("MẠT", Degree::Secret), ("MA\u{302}\u{323}T", Degree::Secret), ("MA\u{323}\u{302}T", Degree::Secret),
        ("TỐI MẬT", Degree::TopSecret), ("TỐI\u{a0}MẬT", Degree::TopSecret), ("TOI  MAT", Degree::TopSecret),
        ("T Ố I M Ậ T", Degree::TopSecret), ("TỐIMẬT", Degree::TopSecret), ("Tối mật", Degree::TopSecret), ("«TỐI MẬT»", Degree::TopSecret),
        ("TUYỆT MẬT", Degree::UtmostSecret), ("Tuyet Mat", Degree::UtmostSecret), ("T U Y Ệ T   M Ậ T", Degree::UtmostSecret),
        ("Độ mật: Mật", Degree::Secret), ("ĐỘ MẬT : TUYỆT MẬT", Degree::UtmostSecret), ("Do mat: Toi mat", Degree::TopSecret),
        ("Độ mật: TỐI MẬT.", Degree::TopSecret),
    ];
    for (stamp, degree) in rows {
        for text in [
            stamp.to_owned(),
            format!("UBND TỈNH A\n{stamp}\nSố: 05/BC-UBND"),
            format!("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\r\n\t{stamp}\r\n"),
            format!("trang 2\u{c}{stamp}\u{2028}tiếp"),
        ] {
            let hit = check(&Item { texts: &["Kính gửi", &text], ..Item::default() }, &limits);
            assert_eq!(hit, Some(Hit { detector: Detector::Stamp, degree }), "{text:?}");
        }
    }
    // A label that says there is none.
    for text in ["Độ mật: Thường", "Độ mật: Không", "Độ mật:"] {
        assert_eq!(check(&Item { texts: &[text], ..Item::default() }, &limits), None, "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn t2_r9_marks_in_fields_notations_subjects_and_names_hit() {
    let limits = Limits::default();
    use Degree::{Secret, TopSecret, Unnamed, UtmostSecret};
    for (security, degree) in [("Mật", Secret), ("TỐI MẬT", TopSecret), ("tuyet mat", UtmostSecret), ("Hạn chế", Unnamed), ("2", Unnamed)] {
        assert_eq!(check(&Item { security: Some(security), ..Item::default() }, &limits), Some(Hit { detector: Detector::Metadata, degree }), "{security}");
    }
    for (notation, degree) in [("05/M", Secret), ("05/BC-M", Secret), ("7/BC-SNV(M)", Secret), ("12/QĐ-UBND-TM", TopSecret), ("12/TM", TopSecret), ("9/TuM", UtmostSecret), ("9/KH-UBND-TUM", UtmostSecret)] {
        assert_eq!(check(&Item { notation: Some(notation), ..Item::default() }, &limits), Some(Hit { detector: Detector::Notation, degree }), "{notation}");
    }
    for (subject, degree) in [
        ("[MẬT] Báo cáo", Secret), ("[Mật] Báo cáo", Secret), ("(tối mật) Báo cáo", TopSecret), ("【TUYỆT MẬT】 Báo cáo", UtmostSecret),
        ("MẬT: Báo cáo", Secret), ("TỐI MẬT - Báo cáo", TopSecret), ("TUYỆT MẬT", UtmostSecret), ("Re: Fwd: [MẬT] Báo cáo", Secret),
        ("Tr: [MAT] bao cao", Secret), ("[Độ mật: Mật] Báo cáo", Secret),
    ] {
        let hit = check(&Item { subject: Some(subject), ..Item::default() }, &limits);
        assert_eq!(hit, Some(Hit { detector: Detector::Subject, degree }), "{subject}");
    }
    for (name, degree) in [
        ("05-QĐ-UBND_MẬT.pdf", Secret), ("MAT_05.pdf", Secret), ("cv-mật.docx", Secret), ("Báo cáo [mật].pdf", Secret), ("bao cao (MAT).pdf", Secret),
        ("TOI-MAT.pdf", TopSecret), ("bao cao tối mật 2026.pdf", TopSecret), ("Bao cao Toi Mat.pdf", TopSecret), ("ToiMat.pdf", TopSecret), ("05_tuyệt_mật.pdf", UtmostSecret),
        ("TUYETMAT.PDF", UtmostSecret), ("BC.MẬT.signed.pdf", Secret),
        ("MẬT_BÁO CÁO.pdf", Secret), ("THÔNG BÁO_MẬT.pdf", Secret), ("05-QD-UBND-MAT.pdf", Secret), ("MẬT - Kế hoạch A.docx", Secret),
    ] {
        let hit = check(&Item { file_names: &["a.pdf", name], ..Item::default() }, &limits);
        assert_eq!(hit, Some(Hit { detector: Detector::FileName, degree }), "{name}");
    }
}

#[test]
fn r12_a_hit_says_nothing_of_what_it_was_found_in() {
    let subject = "[MẬT] Kế hoạch Z";
    let hit = check(&Item { subject: Some(subject), ..Item::default() }, &Limits::default()).unwrap();
    let error = crate::Error::Secret(hit);
    let said = format!("{hit:?} {error} {error:?} {} {} {}", error.vi(), error.en(), hit.detector.code());
    assert!(!said.contains("Kế hoạch") && !said.contains('Z'), "{said}");
    assert!(error.vi().contains("QĐ 28/2018 Đ1.2"), "RULES R10");
}

#[test]
fn the_text_that_is_looked_at_has_a_limit() {
    let text = format!("{}\nMẬT\n", "ă".repeat(50));
    let tight = Limits { secrecy_text_chars_max: 50, ..Limits::default() };
    assert_eq!(check(&Item { texts: &[&text], ..Item::default() }, &tight), None);
    assert!(check(&Item { texts: &[&text], ..Item::default() }, &Limits::default()).is_some());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|[MmẬậaAtT\u{302}\u{323} ()\\[\\]:._-]{0,24}") {
        let item = Item { security: Some(&text), notation: Some(&text), subject: Some(&text), file_names: &[&text], texts: &[&text] };
        let _ = check(&item, &Limits::default());
        let _ = check(&Item { security: None, ..item }, &Limits::default());
        let _ = check(&Item { security: None, notation: None, texts: &[], ..item }, &Limits::default());
        let _ = check(&Item { file_names: &[&text], ..Item::default() }, &Limits::default());
    }
}

/// A page of A4 with words at places, in a font of Windows' letters.
fn page(words: &[(&str, f64, f64)]) -> Vec<u8> {
    let mut content = String::from("BT /F 13 Tf\n");
    for (word, x, y) in words {
        content.push_str(&format!("1 0 0 1 {x} {y} Tm ({word}) Tj\n"));
    }
    content.push_str("ET");
    let bodies = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Times>>>>>>>>"
            .to_owned(),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
    ];
    let (mut out, mut table) = (b"%PDF-1.7\n".to_vec(), "xref\n0 5\n0000000000 65535 f \n".to_owned());
    for (index, body) in bodies.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", index + 1).as_bytes());
    }
    let at = out.len();
    out.extend_from_slice(
        format!("{table}trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").as_bytes(),
    );
    out
}

#[test]
fn r9_c_a_stamp_on_the_first_page_of_a_pdf() {
    let stamped =
        |word| page(&[("SO NOI VU", 80.0, 780.0), ("So: 05/SNV-VP", 80.0, 740.0), (word, 110.0, 690.0)]);
    let rows =
        [("MAT", Degree::Secret), ("TOI MAT", Degree::TopSecret), ("T U Y E T M A T", Degree::UtmostSecret)];
    for (word, degree) in rows {
        assert_eq!(in_pdf(&stamped(word)), Some(Hit { detector: Detector::Stamp, degree }), "{word}");
    }
    let friends = [
        // Part of a line, each word put in its place.
        page(&[("bao", 80.0, 690.0), ("mat", 104.0, 690.0), ("thong tin", 128.0, 690.0)]),
        // A column of a table, and the lower half of the page.
        page(&[("Do mat", 300.0, 700.0), ("MAT", 420.0, 700.0)]),
        page(&[("MAT", 110.0, 300.0)]),
        stamped("MAT KHAU"),
        stamped("HOA TOC"),
        b"%PDF-1.7 and nothing".to_vec(),
    ];
    for file in friends {
        assert_eq!(in_pdf(&file), None, "{}", String::from_utf8_lossy(&file));
    }
}
