//! Every reply the server gives, in one table. Codes: RFC 5321 §4.2.2; status codes: RFC 3463 and the registry of
//! RFC 5248. Refusals a person will read in a bounce speak Vietnamese first, then English.

use super::{Reply, Status};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    code: u16,
    status: Option<Status>,
    vi: Option<&'static str>,
    en: &'static str,
}

impl Row {
    /// The reply with its own words.
    pub fn reply(&self) -> Reply {
        Reply::new(self.code, self.status, self.vi.into_iter().chain([self.en]))
    }

    /// The reply with `detail` after its English words: which parameter, which id, which new address.
    pub fn with(&self, detail: &str) -> Reply {
        let english = format!("{}: {detail}", self.en);
        Reply::new(self.code, self.status, self.vi.into_iter().chain([english.as_str()]))
    }
}

impl Row {
    /// The reply with other words, where the reason is somebody else's to say.
    pub fn because(&self, vi: &str, en: &str) -> Reply {
        Reply::new(self.code, self.status, [vi, en])
    }
}

/// [`MAILBOX_CLOSED`], naming the office to write to instead (RULES M23).
pub fn mailbox_closed(office: Option<&mail::EmailAddress>) -> Reply {
    let Some(office) = office else { return MAILBOX_CLOSED.reply() };
    let words = [
        format!("Hộp thư đã đóng, xin gửi tới {office}"),
        format!("Mailbox has been closed, please write to {office}"),
    ];
    Reply::new(MAILBOX_CLOSED.code, MAILBOX_CLOSED.status, words.iter().map(String::as_str))
}

const fn row(code: u16, status: (u8, u16, u16), en: &'static str) -> Row {
    Row { code, status: Some(Status::of(status.0, status.1, status.2)), vi: None, en }
}

const fn refusal(code: u16, status: (u8, u16, u16), vi: &'static str, en: &'static str) -> Row {
    Row { code, status: Some(Status::of(status.0, status.1, status.2)), vi: Some(vi), en }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $row:expr;)*) => {
        $($(#[$doc])* pub const $name: Row = $row;)*

        /// All rows, for the tests and the manual.
        pub const ALL: &[(&str, Row)] = &[$((stringify!($name), $name)),*];
    };
}

#[rustfmt::skip]
table! {
    /// RFC 5321 §4.2.2 `214`; HELP.
    HELP = row(214, (2, 0, 0), "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY STARTTLS AUTH HELP; RFC 5321");
    /// RFC 3207 §4: the client may begin TLS.
    TLS_READY = row(220, (2, 0, 0), "Ready to start TLS");
    /// RFC 5321 §4.1.1.10.
    BYE = row(221, (2, 0, 0), "Bye");
    /// RFC 4954 §6.
    AUTHENTICATED = row(235, (2, 7, 0), "Authentication succeeded");
    /// RFC 5321 §4.1.1.5 and §4.1.1.9: RSET, NOOP.
    OK = row(250, (2, 0, 0), "OK");
    /// RFC 3463 §3.2 X.1.0: MAIL.
    SENDER_OK = row(250, (2, 1, 0), "Sender OK");
    /// RFC 3463 §3.2 X.1.5: RCPT.
    RECIPIENT_OK = row(250, (2, 1, 5), "Recipient OK");
    /// RFC 5321 §4.2.5: the promise. Written only after the commit.
    STORED = row(250, (2, 0, 0), "Stored");
    /// RFC 5321 §3.5.3: VRFY tells strangers nothing.
    VRFY = row(252, (2, 1, 5), "Send some mail, and see");
    /// RFC 5321 §4.2.2 `354`. Carries no status code (RFC 2034 §3).
    GO_AHEAD = Row { code: 354, status: None, vi: None, en: "End the message with <CRLF>.<CRLF>" };

    /// RFC 5321 §3.8: the house is closing.
    SHUTTING_DOWN = row(421, (4, 3, 2), "Service is shutting down, try again later");
    /// RFC 5321 §4.5.3.2: nothing came for too long.
    TOO_SLOW = row(421, (4, 4, 2), "Waited too long");
    /// RFC 5321 §4.3.2: too many wrong commands.
    TOO_MANY_ERRORS = row(421, (4, 7, 0), "Too many errors");
    /// RFC 5321 §4.3.2: talk without mail.
    TOO_MANY_COMMANDS = row(421, (4, 7, 0), "Too many commands without a message");
    /// RFC 9422 §4.1 MAILMAX.
    TOO_MANY_MESSAGES = row(421, (4, 7, 0), "Enough messages for one connection, connect again");
    /// RULES M20, M25: who signed in may not be here any more.
    SIGN_IN_IS_OVER = refusal(421, (4, 7, 0), "Phiên đăng nhập đã hết hiệu lực", "The sign-in does not hold any more");
    /// RFC 5321 §4.2.2: the listener is full.
    TOO_MANY_CONNECTIONS = row(421, (4, 7, 0), "Too many connections, try again later");
    /// A fault of ours; the client keeps its message.
    OUR_FAULT = row(451, (4, 3, 0), "Internal fault, try again later");
    /// As [`OUR_FAULT`], and the conversation cannot go on.
    OUR_FAULT_CLOSING = row(421, (4, 3, 0), "Internal fault, try again later");
    /// RFC 3463 §3.5 X.4.3: the directory does not answer.
    CANNOT_CHECK = row(451, (4, 4, 3), "Cannot check this address now, try again later");
    /// RULES M31: a full mailbox is first put off for days.
    MAILBOX_FULL = refusal(452, (4, 2, 2), "Hộp thư người nhận đã đầy, hệ thống sẽ thử lại", "Mailbox is full, try again later");
    /// RFC 3463 §3.4 X.3.1.
    SYSTEM_FULL = row(452, (4, 3, 1), "Not enough storage now, try again later");
    /// RFC 5321 §4.5.3.1.10.
    TOO_MANY_RECIPIENTS = row(452, (4, 5, 3), "Too many recipients, send the rest separately");
    /// RFC 4954 §6.
    AUTH_UNAVAILABLE = row(454, (4, 7, 0), "Cannot check passwords now, try again later");

    /// RFC 5321 §4.2.2 `500`.
    UNKNOWN_COMMAND = row(500, (5, 5, 1), "Unknown command");
    /// RFC 5321 §4.2.2 `500`; §4.5.3.1.4.
    LINE_TOO_LONG = row(500, (5, 5, 2), "Line too long");
    /// RFC 5321 §2.3.8: lines end in CRLF and nowhere else.
    WRONG_LINE_END = row(500, (5, 5, 2), "Lines end in CRLF; a bare CR, a bare LF or a NUL may not be sent");
    /// RFC 5321 §4.2.2 `501`.
    BAD_ARGUMENTS = row(501, (5, 5, 4), "Syntax");
    /// RFC 3463 §3.2 X.1.3: RCPT.
    BAD_RECIPIENT = row(501, (5, 1, 3), "Bad recipient address");
    /// RFC 3463 §3.2 X.1.7: MAIL.
    BAD_SENDER = row(501, (5, 1, 7), "Bad sender address");
    /// RFC 4954 §4: `*`, or no base64.
    AUTH_CANCELLED = row(501, (5, 5, 2), "Authentication cancelled or not understood");
    /// RFC 5321 §4.2.2 `502`.
    NOT_IMPLEMENTED = row(502, (5, 5, 1), "Not implemented");
    /// RFC 5321 §4.1.4 `503`.
    OUT_OF_SEQUENCE = row(503, (5, 5, 1), "Not now");
    /// RFC 3207 §4.2 and CVE-2011-0411: bytes after STARTTLS are an injection.
    TLS_INJECTION = row(503, (5, 5, 1), "Bytes after STARTTLS");
    /// RFC 4954 §4 `504`.
    UNKNOWN_MECHANISM = row(504, (5, 5, 4), "Unknown authentication mechanism");
    /// RFC 3207 §4 `530`; RULES M35.
    TLS_REQUIRED = refusal(530, (5, 7, 0), "Phải dùng kết nối mã hóa (STARTTLS)", "Must issue a STARTTLS command first");
    /// RFC 4954 §6 `530`.
    AUTH_REQUIRED = refusal(530, (5, 7, 0), "Phải đăng nhập trước khi gửi thư", "Authentication required");
    /// RFC 4954 §6 `535`.
    BAD_CREDENTIALS = refusal(535, (5, 7, 8), "Tên đăng nhập hoặc mật khẩu không đúng", "Authentication credentials invalid");
    /// RULES M25: a password that was handed out opens nothing before it is changed.
    PASSWORD_MUST_CHANGE = refusal(535, (5, 7, 8), "Phải đổi mật khẩu được cấp trên trang web trước khi dùng thư", "Change the password you were given on the web page first");
    /// RFC 4954 §6 `538`; RULES M35.
    ENCRYPTION_NEEDED = refusal(538, (5, 7, 11), "Chỉ được đăng nhập qua kết nối mã hóa", "Encryption required for authentication");
    /// RFC 3463 §3.2 X.1.1.
    NO_SUCH_MAILBOX = refusal(550, (5, 1, 1), "Không có hộp thư này", "No such mailbox here");
    /// RFC 3463 §3.2 X.1.6; RULES M23: closed, and never given to somebody else.
    MAILBOX_CLOSED = refusal(550, (5, 1, 6), "Hộp thư đã đóng, xin gửi tới đơn vị của người nhận", "Mailbox has been closed");
    /// RFC 3463 §3.3 X.2.1; RULES M20.
    MAILBOX_SUSPENDED = refusal(550, (5, 2, 1), "Hộp thư đang tạm ngừng sử dụng", "Mailbox is suspended");
    /// RFC 5321 §2.3.8 in message text; the number Postfix gives.
    WRONG_TEXT = row(550, (5, 5, 2), "The message holds a bare CR, a bare LF or a NUL");
    /// RFC 3463 §3.8 X.7.2: who may send to a list is its owner's to say.
    NOT_FOR_LIST = refusal(550, (5, 7, 2), "Bạn không được phép gửi thư tới danh sách này", "You may not send to this list");
    /// RFC 3463 §3.8 X.7.1: not a mail relay.
    NO_RELAY = refusal(550, (5, 7, 1), "Máy chủ này không chuyển tiếp thư cho tên miền đó", "Relaying is not allowed");
    /// RFC 3463 §3.7 X.6.0: no state of the data allows keeping this.
    CANNOT_STORE = row(554, (5, 6, 0), "The message cannot be stored");
    /// RULES R10, R7: a state secret is refused at the door, and nothing of it is kept.
    STATE_SECRET = refusal(550, (5, 7, 1), "Văn bản có độ mật – không gửi, nhận qua hệ thống (QĐ 28/2018 Đ1.2)",
        "Classified documents may not be sent through this system");
    /// RULES M7: only official addresses.
    NOT_OFFICIAL = refusal(550, (5, 7, 1), "Chỉ được dùng thư điện tử công vụ cho nội dung này", "Only official mail may carry this");
    /// RFC 3463 §3.3 X.2.2; RULES M31, after the period of temporary refusals.
    QUOTA_EXCEEDED = refusal(552, (5, 2, 2), "Hộp thư người nhận đã đầy", "Mailbox is full");
    /// Postfix XCLIENT_README: `550`, insufficient authorization.
    NO_FRONT = row(550, (5, 7, 0), "Not for you to say");
    /// RFC 1870 §6; RULES M32.
    TOO_LARGE = refusal(552, (5, 3, 4), "Thư vượt quá dung lượng cho phép, xin dùng liên kết nội bộ", "Message is too large");
    /// RFC 6531 §3.5 `553`.
    NEEDS_SMTPUTF8 = row(553, (5, 6, 7), "This address needs SMTPUTF8");
    /// RFC 6409 §6.1: a person sends as that person.
    SENDER_NOT_YOURS = refusal(553, (5, 7, 1), "Tài khoản không được gửi bằng địa chỉ này", "You may not send from this address");
    /// RFC 5321 §4.3.1: the client talks before the greeting.
    EARLY_TALKER = row(554, (5, 5, 1), "Wait for the greeting");
    /// RFC 5321 §3.3: DATA with nobody to receive it.
    NO_RECIPIENTS = row(554, (5, 5, 1), "No valid recipients");
    /// RFC 2852 §3: less time than is offered; RFC 3463 §3.5 X.4.7.
    DELIVER_BY_TOO_SOON = refusal(554, (5, 4, 7), "Thời hạn chuyển thư ngắn hơn mức máy chủ nhận", "The time to deliver by is shorter than is offered");
    /// RFC 2852 §4.1: late, and to be given back; RFC 3463 §3.5 X.4.7.
    DELIVER_BY_IS_OVER = refusal(554, (5, 4, 7), "Đã quá thời hạn chuyển thư mà người gửi đặt ra", "The time to deliver by is over");
    /// RFC 5322 §3.6.2, RFC 6409 §8.1: who wrote it has to be said, once.
    NOT_ONE_FROM = refusal(554, (5, 6, 0), "Thư phải có đúng một trường From ghi người gửi", "The message needs exactly one From field with an author");
    /// RFC 5322 §3.6.2: one Sender at most, with one mailbox.
    NOT_ONE_SENDER = refusal(554, (5, 6, 0), "Thư chỉ được có một trường Sender với một địa chỉ", "The message may have one Sender field, with one mailbox");
    /// RFC 3463 §3.5 X.4.6; RFC 5321 §6.3.
    LOOP = refusal(554, (5, 4, 6), "Thư bị chuyển vòng quanh quá nhiều lần", "Too many hops, the message is looping");
    /// RFC 5321 §4.5.3.1.6.
    TEXT_LINE_TOO_LONG = row(554, (5, 6, 0), "The message holds a line that is too long");
    /// RFC 6152 §3: the next host takes no 8-bit text.
    NEEDS_8BITMIME = refusal(554, (5, 6, 3), "Máy chủ nhận không nhận thư 8 bit", "The receiving server takes no 8-bit mail");
    /// RFC 3030 §3: the next host takes no binary mail, and signatures forbid to write it otherwise (RFC 3463 §3.7 X.6.3).
    NEEDS_BINARYMIME = refusal(554, (5, 6, 3), "Máy chủ nhận không nhận thư nhị phân, và thư đã ký nên không đổi dạng được", "The receiving server takes no binary mail, and what is signed cannot be recoded");
    /// RULES M33: malware.
    MALWARE = refusal(554, (5, 7, 1), "Thư có mã độc nên bị từ chối", "The message carries malware");
    /// RFC 5321 §4.1.1.11 `555`.
    UNKNOWN_PARAMETER = row(555, (5, 5, 4), "Unknown parameter");

    /// Sending: the bytes are gone, by deletion or by shredding (RULES R43); there is nothing left to send.
    MESSAGE_GONE = refusal(554, (5, 6, 0), "Nội dung thư không còn trong hệ thống", "The message is no longer available");
    /// Sending: whoever keeps the house took it off the queue (RFC 3463 §3.4 X.3.0).
    DROPPED = refusal(554, (5, 3, 0), "Quản trị viên đã bỏ thư này khỏi hàng đợi", "The message was taken off the queue by an administrator");
    /// Sending: the domain takes no mail at all (RFC 7505 §4.2).
    NULL_MX = refusal(556, (5, 1, 10), "Tên miền của người nhận không nhận thư", "The recipient's domain accepts no mail");
    /// Sending: the domain does not exist (RFC 3463 §3.2 X.1.2).
    NO_SUCH_DOMAIN = refusal(550, (5, 1, 2), "Không có tên miền này", "The recipient's domain does not exist");
    /// Sending: every host that should take the mail is this one (RFC 5321 §5.1).
    MX_LOOP = refusal(554, (5, 4, 6), "Thư bị chuyển vòng về chính máy chủ này", "Mail for this domain loops back to this server");
    /// Sending: DNS does not answer (RFC 3463 §3.5 X.4.3).
    NO_DNS = row(451, (4, 4, 3), "The recipient's domain cannot be looked up now");
    /// Sending: nobody answers at any address (RFC 3463 §3.5 X.4.1).
    NO_ANSWER = row(451, (4, 4, 1), "No server of the recipient's domain answers");
    /// Sending: the peer did not answer in time (RFC 3463 §3.5 X.4.2).
    PEER_TOO_SLOW = row(451, (4, 4, 2), "The receiving server did not answer in time");
    /// Sending: the connection broke (RFC 3463 §3.5 X.4.2).
    PEER_LOST = row(451, (4, 4, 2), "The connection to the receiving server was lost");
    /// Sending: the peer said what no server says (RFC 3463 §3.6 X.5.0).
    PEER_NONSENSE = row(451, (4, 5, 0), "The receiving server broke the protocol");
    /// Sending: policy asks for TLS and the peer has none (RFC 8461 §5; RULES M35).
    PEER_WITHOUT_TLS = refusal(451, (4, 7, 5), "Máy chủ nhận không có kết nối mã hóa an toàn", "The receiving server offers no secure connection");
    /// Sending: the mail asks for hosts that promise TLS, and none of the domain's does (RFC 8689 §4.2.1).
    PEER_WITHOUT_REQUIRETLS = refusal(550, (5, 7, 30), "Máy chủ nhận không cam kết mã hóa thư trên đường đi (REQUIRETLS)", "REQUIRETLS support required");
    /// Sending: policy asks for a certificate that the peer does not show (RFC 7672 §2.2, RFC 8461 §5; RULES M35).
    PEER_UNTRUSTED = refusal(451, (4, 7, 5), "Chứng thư của máy chủ nhận không đúng yêu cầu", "The receiving server's certificate is not as required");
    /// Sending: the domain's own policy names none of its servers (RFC 8461 §5).
    HOSTS_NOT_NAMED = refusal(451, (4, 7, 5), "Chính sách của tên miền nhận không có máy chủ này", "The recipient domain's policy names none of its servers");
    /// Sending: the next host promises no time to deliver by (RFC 2852 §4.1; RFC 3463 §3.4 X.3.3).
    PEER_WITHOUT_DELIVERBY = refusal(554, (5, 3, 3), "Máy chủ nhận không cam kết thời hạn chuyển thư (DELIVERBY)", "The receiving server promises no time to deliver by");
    /// Sending: the smart host offers no sign-in we can use.
    PEER_WITHOUT_AUTH = row(451, (4, 7, 0), "The receiving server offers no usable authentication");
    /// Sending: the smart host refused our sign-in a moment ago, and is not asked again so soon (RFC 4954 §6).
    SMART_HOST_REFUSES = refusal(454, (4, 7, 0), "Máy chủ chuyển tiếp không nhận đăng nhập của hệ thống này", "The smart host refuses our sign-in");
    /// Sending: the recipient's letters cannot travel this way (RFC 6531 §3.5).
    PEER_WITHOUT_SMTPUTF8 = refusal(553, (5, 6, 7), "Máy chủ nhận không nhận địa chỉ có dấu", "The receiving server takes no internationalized mail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_status_are_of_one_class() {
        for (name, row) in ALL {
            if let Some(status) = row.status {
                assert_eq!(u16::from(status.class()), row.code / 100, "{name}");
                assert_eq!(status.to_string().parse(), Ok(status), "{name}");
            }
            assert!(row.en.is_ascii(), "{name}");
            assert!(row.vi.is_none_or(|vi| !crate::codec::plain(vi).contains('?')), "{name}");
        }
    }

    #[test]
    fn r10_a_state_secret_is_refused_with_550_5_7_1() {
        let mut out = Vec::new();
        STATE_SECRET.reply().write(true, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("550-5.7.1 Văn bản có độ mật"), "{text}");
        assert!(text.contains("\r\n550 5.7.1 "), "{text}");
    }
}
