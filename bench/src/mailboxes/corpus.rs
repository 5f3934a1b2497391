//! The mail that mailboxes are filled with: Vietnamese subjects, conversations, mixed sizes around 4 KiB, some attachments. The same in every run.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const WORDS: [&str; 40] = [
    "kính",
    "gửi",
    "quý",
    "cơ",
    "quan",
    "báo",
    "cáo",
    "kế",
    "hoạch",
    "họp",
    "giao",
    "ban",
    "triển",
    "khai",
    "nghị",
    "quyết",
    "hội",
    "đồng",
    "nhân",
    "dân",
    "tỉnh",
    "đề",
    "nghị",
    "phê",
    "duyệt",
    "dự",
    "toán",
    "ngân",
    "sách",
    "năm",
    "công",
    "văn",
    "thư",
    "mời",
    "tham",
    "dự",
    "tập",
    "huấn",
    "đường",
    "bộ",
];
const PEOPLE: [(&str, &str); 8] = [
    ("Nguyễn Văn Giám", "giamnv"),
    ("Trần Thị Bình", "binhtt"),
    ("Lê Hoàng Đức", "duclh"),
    ("Phạm Thu Hà", "hapt"),
    ("Hoàng Minh Tuấn", "tuanhm"),
    ("Vũ Thị Hương", "huongvt"),
    ("Đặng Quốc Khánh", "khanhdq"),
    ("Bùi Ngọc Ánh", "anhbn"),
];
/// Messages of one conversation lie at most this far apart.
const CONVERSATION_REACH: u64 = 12;
/// Octets of a body of the middle size.
const BODY_MEDIAN: u64 = 2_600;

/// Numbers that look drawn and are the same in every run (SplitMix64).
struct Drawn(u64);

impl Drawn {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2026_1128)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn of_all<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// The word that stands in every thousandth message and in no other: what is searched for.
pub(crate) fn rare_word(number: u64) -> String {
    format!("vukien{}", number % 1000)
}

/// A message: `number` says which, `to` whose.
pub(crate) fn message(number: u64, to: &str) -> String {
    let mut drawn = Drawn::of(number);
    let (name, user) = *drawn.of_all(&PEOPLE);
    let first = first_of_conversation(number);
    let mut text = format!(
        "From: {} <{user}@so{}.mau.test>\r\nTo: <{to}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{number}@corpus.test>\r\n",
        encoded(name),
        drawn.below(20),
        encoded(&subject(number, first)),
        date(number),
    );
    if first != number {
        let _ = write!(text, "In-Reply-To: <{first}@corpus.test>\r\nReferences: <{first}@corpus.test>\r\n");
    }
    text.push_str("MIME-Version: 1.0\r\n");
    let body = body(number, &mut drawn);
    match drawn.below(10) {
        0 => with_attachment(&mut text, number, &body, &mut drawn),
        1..=3 => with_html(&mut text, number, &body),
        _ => {
            text.push_str(PLAIN);
            text.push_str(&body);
        }
    }
    text
}

const PLAIN: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";

/// When a message came: one in seven minutes, from a day of the corpus on. For APPEND (RFC 9051 §6.3.12).
pub(crate) fn internal_date(number: u64) -> String {
    let (day, month, year, minutes) = moment(number);
    format!("{day:02}-{month}-{year} {:02}:{:02}:00 +0700", minutes / 60, minutes % 60)
}

fn date(number: u64) -> String {
    let (day, month, year, minutes) = moment(number);
    format!("{day} {month} {year} {:02}:{:02}:00 +0700", minutes / 60, minutes % 60)
}

/// Months of 28 days are enough for order.
fn moment(number: u64) -> (u64, &'static str, u64, u64) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let minutes = number * 7;
    let days = minutes / 1440;
    (1 + days % 28, MONTHS[(days / 28 % 12) as usize], 2024 + days / 336, minutes % 1440)
}

/// Two of five messages answer an earlier one.
fn first_of_conversation(number: u64) -> u64 {
    let mut drawn = Drawn::of(number ^ 0x7_0000_0000);
    match drawn.below(5) {
        0 | 1 => number - number % CONVERSATION_REACH,
        _ => number,
    }
}

fn subject(number: u64, first: u64) -> String {
    let mut drawn = Drawn::of(first ^ 0x3_0000_0000);
    let answer = if first == number { "" } else { "Re: " };
    let mut words = format!("{answer}V/v");
    for _ in 0..5 + drawn.below(5) {
        let _ = write!(words, " {}", drawn.of_all(&WORDS));
    }
    let _ = write!(words, " số {first}");
    words
}

/// A header's word in Base64, in pieces that never cut a letter (RFC 2047 §5).
fn encoded(text: &str) -> String {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for letter in text.chars() {
        if piece.len() + letter.len_utf8() > 42 {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.push(letter);
    }
    pieces.push(piece);
    let words = pieces.iter().map(|piece| format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn body(number: u64, drawn: &mut Drawn) -> String {
    // From a quarter to nine times the median, small ones more often.
    let size = BODY_MEDIAN * (1 + drawn.below(6)) * (1 + drawn.below(6)) / 8;
    let mut text = String::with_capacity(size as usize + 100);
    let mut line = 0;
    while (text.len() as u64) < size {
        let word = drawn.of_all(&WORDS);
        line += word.len() + 1;
        text.push_str(word);
        match line > 66 {
            true => {
                text.push_str("\r\n");
                line = 0;
            }
            false => text.push(' '),
        }
    }
    let _ = write!(text, "\r\nMã {}.\r\n", rare_word(number));
    text
}

fn with_html(text: &mut String, number: u64, body: &str) {
    let _ = write!(
        text,
        "Content-Type: multipart/alternative; boundary=\"b{number}\"\r\n\r\n--b{number}\r\n{PLAIN}{body}\r\n--b{number}\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>{}</p></body></html>\r\n--b{number}--\r\n",
        body.replace("\r\n", "<br>\r\n")
    );
}

fn with_attachment(text: &mut String, number: u64, body: &str, drawn: &mut Drawn) {
    // What is packed already, as PDFs are: it does not become smaller.
    let bytes: Vec<u8> = (0..2_000 + drawn.below(9_000)).map(|_| drawn.below(256) as u8).collect();
    let lines = STANDARD.encode(bytes);
    let _ = write!(
        text,
        "Content-Type: multipart/mixed; boundary=\"b{number}\"\r\n\r\n--b{number}\r\n{PLAIN}{body}\r\n--b{number}\r\n\
         Content-Type: application/pdf; name=\"phu-luc-{number}.pdf\"\r\nContent-Disposition: attachment; filename=\"phu-luc-{number}.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    for line in lines.as_bytes().chunks(76) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push_str("\r\n");
    }
    let _ = write!(text, "--b{number}--\r\n");
}
