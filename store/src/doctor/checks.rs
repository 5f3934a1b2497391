//! What must be true of every owner's rows, as questions that answer with what is not: the row, what stands there, what should.
//!
//! Each runs on one view of one owner's data (`$1`) and names a hundred rows at most.

use crate::doctor::Fault;
use crate::sql::Sql;

/// A question.
pub(super) struct Check {
    pub(super) fault: Fault,
    pub(super) sql: Sql,
}

const fn check(code: &'static str, vi: &'static str, en: &'static str, sql: &'static str) -> Check {
    Check { fault: Fault { code, vi, en }, sql: Sql { sqlite: sql, postgres: sql } }
}

/// How many references each blob of an owner has, from every table that refers to blobs. The literal is [`crate::PEER`].
macro_rules! referrers {
    ($peer:literal) => {
        concat!(
            "SELECT blob_id, CAST(COUNT(*) AS BIGINT) AS n FROM (",
            "SELECT blob_id FROM email WHERE account_id = $1 ",
            "UNION ALL SELECT blob_id FROM outbox WHERE owner_id = $1 AND blob_id IS NOT NULL ",
            "UNION ALL SELECT blob_id FROM upload WHERE account_id = $1 ",
            "UNION ALL SELECT blob_id FROM document WHERE agency_id = $1 AND state <> 'content-dropped' ",
            "UNION ALL SELECT blob_id FROM delivery WHERE sender_id = $1 AND grant_key IS NOT NULL ",
            "UNION ALL SELECT evidence_id FROM document_file WHERE agency_id = $1 AND evidence_id IS NOT NULL ",
            "UNION ALL SELECT package_id FROM api_repeat WHERE agency_id = $1 AND package_id IS NOT NULL ",
            "UNION ALL SELECT p.blob_id FROM api_upload_part p JOIN api_upload u ON u.system_folded = p.system_folded \
             AND u.upload_id = p.upload_id WHERE u.agency_id = $1 ",
            "UNION ALL SELECT blob_id FROM quarantine WHERE owner_id = $1 AND state = 'held' ",
            "UNION ALL SELECT quarantine_id FROM peer_message WHERE quarantine_id IS NOT NULL AND $1 = ",
            $peer,
            ") r GROUP BY blob_id"
        )
    };
}

macro_rules! with_referrers {
    ($before:literal, $after:literal) => {
        Sql {
            sqlite: concat!($before, referrers!("zeroblob(16)"), $after),
            postgres: concat!(
                $before,
                referrers!("decode('00000000000000000000000000000000', 'hex')"),
                $after
            ),
        }
    };
}

/// Of the blobs of an account, an agency or a peer.
pub(super) const OF_OWNERS: [Check; 7] = [
    Check {
        fault: Fault {
            code: "blob-refs",
            vi: "Số tham chiếu của một khối dữ liệu không đúng.",
            en: "The reference count of a blob is wrong.",
        },
        sql: with_referrers!(
            "SELECT b.blob_id, b.refs, COALESCE(r.n, 0) FROM blob b LEFT JOIN (",
            ") r ON r.blob_id = b.blob_id WHERE b.owner_id = $1 AND b.refs <> COALESCE(r.n, 0) LIMIT 100"
        ),
    },
    Check {
        fault: Fault {
            code: "blob-missing",
            vi: "Có tham chiếu tới khối dữ liệu không tồn tại.",
            en: "A blob that is referred to is not there.",
        },
        sql: with_referrers!(
            "SELECT r.blob_id, CAST(0 AS BIGINT), r.n FROM (",
            ") r LEFT JOIN blob b ON b.owner_id = $1 AND b.blob_id = r.blob_id WHERE b.blob_id IS NULL LIMIT 100"
        ),
    },
    check(
        "blob-unreferenced",
        "Khối dữ liệu không còn ai dùng mà chưa được xóa.",
        "A blob that nobody refers to was not let go.",
        "SELECT blob_id, refs, CAST(1 AS BIGINT) FROM blob WHERE owner_id = $1 AND refs <= 0 AND hold_until IS NULL LIMIT 100",
    ),
    check(
        "blob-bytes-missing",
        "Khối dữ liệu không có nội dung.",
        "A blob has no bytes.",
        "SELECT b.blob_id, CAST(0 AS BIGINT), b.stored_size FROM blob b LEFT JOIN blob_bytes y ON y.owner_id = b.owner_id \
         AND y.blob_id = b.blob_id WHERE b.owner_id = $1 AND b.is_object = 0 \
         AND (y.blob_id IS NULL OR LENGTH(y.sealed) <> b.stored_size) LIMIT 100",
    ),
    check(
        "blob-bytes-stray",
        "Có nội dung không thuộc khối dữ liệu nào.",
        "There are bytes that belong to no blob.",
        "SELECT y.blob_id, CAST(LENGTH(y.sealed) AS BIGINT), CAST(0 AS BIGINT) FROM blob_bytes y LEFT JOIN blob b \
         ON b.owner_id = y.owner_id AND b.blob_id = y.blob_id WHERE y.owner_id = $1 AND b.blob_id IS NULL LIMIT 100",
    ),
    check(
        "blob-key-missing",
        "Khóa của khối dữ liệu không tồn tại.",
        "The key of a blob is not there.",
        "SELECT b.blob_id, b.key_no, CAST(0 AS BIGINT) FROM blob b LEFT JOIN data_key k ON k.owner_id = b.owner_id \
         AND k.key_no = b.key_no WHERE b.owner_id = $1 AND k.owner_id IS NULL LIMIT 100",
    ),
    check(
        "statistics-count",
        "Số đếm thống kê của ngày đã qua khác với sự việc đã ghi.",
        "What was counted of a day that is over is not what happened on it.",
        "SELECT u.agency_id, CAST(SUM(u.counted) AS BIGINT), CAST(SUM(u.there) AS BIGINT) FROM (\
         SELECT agency_id, day, fact, kind, marks, n AS counted, 0 AS there FROM exchange_count WHERE agency_id = $1 UNION ALL \
         SELECT agency_id, day, fact, kind, marks, 0, 1 FROM exchange_fact WHERE agency_id = $1 \
         AND day <= (SELECT through FROM exchange_counted)) u GROUP BY u.agency_id, u.day, u.fact, u.kind, u.marks \
         HAVING SUM(u.counted) <> SUM(u.there) LIMIT 100",
    ),
];

/// Of a mailbox account.
pub(super) const OF_ACCOUNTS: [Check; 25] = [
    check(
        "mailbox-total",
        "Số thư của hộp thư không đúng.",
        "The number of messages of a mailbox is wrong.",
        "SELECT m.mailbox_id, m.total_emails, COUNT(p.uid) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.total_emails HAVING m.total_emails <> COUNT(p.uid) LIMIT 100",
    ),
    check(
        "mailbox-unread",
        "Số thư chưa đọc của hộp thư không đúng.",
        "The number of unread messages of a mailbox is wrong.",
        "SELECT m.mailbox_id, m.unread_emails, CAST(COALESCE(SUM(p.is_unread), 0) AS BIGINT) FROM mailbox m \
         LEFT JOIN placement p ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.unread_emails HAVING m.unread_emails <> COALESCE(SUM(p.is_unread), 0) LIMIT 100",
    ),
    check(
        "mailbox-threads",
        "Số chuỗi thư của hộp thư không đúng.",
        "The number of conversations of a mailbox is wrong.",
        "SELECT m.mailbox_id, m.total_threads, COUNT(DISTINCT p.thread_id) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.total_threads HAVING m.total_threads <> COUNT(DISTINCT p.thread_id) LIMIT 100",
    ),
    check(
        "mailbox-unread-threads",
        "Số chuỗi thư chưa đọc của hộp thư không đúng.",
        "The number of unread conversations of a mailbox is wrong.",
        "SELECT x.mailbox_id, x.unread_threads, x.n FROM (SELECT m.mailbox_id, m.unread_threads, COUNT(DISTINCT CASE \
         WHEN p.thread_id IN (SELECT thread_id FROM placement WHERE account_id = $1 AND is_unread = 1) THEN p.thread_id END) AS n \
         FROM mailbox m LEFT JOIN placement p ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id \
         WHERE m.account_id = $1 GROUP BY m.mailbox_id, m.unread_threads) x WHERE x.unread_threads <> x.n LIMIT 100",
    ),
    check(
        "mailbox-bytes",
        "Dung lượng của hộp thư không đúng.",
        "The bytes of a mailbox are counted wrong.",
        "SELECT m.mailbox_id, m.bytes, CAST(COALESCE(SUM(e.size), 0) AS BIGINT) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id LEFT JOIN email e ON e.account_id = p.account_id \
         AND e.email_id = p.email_id WHERE m.account_id = $1 GROUP BY m.mailbox_id, m.bytes \
         HAVING m.bytes <> COALESCE(SUM(e.size), 0) LIMIT 100",
    ),
    check(
        "mailbox-unseen",
        "Số thư chưa xem của hộp thư không đúng.",
        "The number of messages without \\Seen of a mailbox is wrong.",
        "SELECT m.mailbox_id, m.unseen_emails, COUNT(e.email_id) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id LEFT JOIN email e ON e.account_id = p.account_id \
         AND e.email_id = p.email_id AND e.keywords NOT LIKE '% $seen %' WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.unseen_emails HAVING m.unseen_emails <> COUNT(e.email_id) LIMIT 100",
    ),
    check(
        "mailbox-deleted",
        "Số thư đánh dấu xóa của hộp thư không đúng.",
        "The number of messages with \\Deleted of a mailbox is wrong.",
        "SELECT m.mailbox_id, m.deleted_emails, COUNT(p.uid) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id AND p.is_deleted = 1 WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.deleted_emails HAVING m.deleted_emails <> COUNT(p.uid) LIMIT 100",
    ),
    check(
        "mailbox-deleted-bytes",
        "Dung lượng thư đánh dấu xóa của hộp thư không đúng.",
        "The bytes of messages with \\Deleted of a mailbox are counted wrong.",
        "SELECT m.mailbox_id, m.deleted_bytes, CAST(COALESCE(SUM(e.size), 0) AS BIGINT) FROM mailbox m LEFT JOIN placement p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id AND p.is_deleted = 1 LEFT JOIN email e \
         ON e.account_id = p.account_id AND e.email_id = p.email_id WHERE m.account_id = $1 \
         GROUP BY m.mailbox_id, m.deleted_bytes HAVING m.deleted_bytes <> COALESCE(SUM(e.size), 0) LIMIT 100",
    ),
    check(
        "uid-lost",
        "UID đã cấp không thuộc thư nào và không được ghi là đã xóa.",
        "A UID that was given out is at no message and not remembered as gone.",
        "SELECT u.mailbox_id, u.known, u.given FROM (SELECT m.mailbox_id, m.uid_next - 1 AS given, \
         (SELECT COUNT(*) FROM placement p WHERE p.account_id = $1 AND p.mailbox_id = m.mailbox_id) \
         + (SELECT COUNT(*) FROM expunged x WHERE x.account_id = $1 AND x.mailbox_id = m.mailbox_id) AS known \
         FROM mailbox m WHERE m.account_id = $1) u WHERE u.known <> u.given LIMIT 100",
    ),
    check(
        "uid-range",
        "UID của thư nằm ngoài khoảng đã cấp.",
        "A message has a UID that was not given out.",
        "SELECT p.email_id, p.uid, m.uid_next FROM placement p JOIN mailbox m ON m.account_id = p.account_id \
         AND m.mailbox_id = p.mailbox_id WHERE p.account_id = $1 AND (p.uid < 1 OR p.uid >= m.uid_next) LIMIT 100",
    ),
    check(
        "uid-reused",
        "UID của thư đã xóa được cấp lại.",
        "A UID of a message that is gone was given again.",
        "SELECT p.email_id, p.uid, x.uid FROM placement p JOIN expunged x ON x.account_id = p.account_id \
         AND x.mailbox_id = p.mailbox_id AND x.uid = p.uid WHERE p.account_id = $1 LIMIT 100",
    ),
    check(
        "uid-expunged-range",
        "UID đã xóa nằm ngoài khoảng đã cấp.",
        "A UID is gone that was not given out.",
        "SELECT x.mailbox_id, x.uid, m.uid_next FROM expunged x JOIN mailbox m ON m.account_id = x.account_id \
         AND m.mailbox_id = x.mailbox_id WHERE x.account_id = $1 AND (x.uid < 1 OR x.uid >= m.uid_next) LIMIT 100",
    ),
    check(
        "placement-mailbox",
        "Thư nằm trong hộp thư không tồn tại.",
        "A message lies in a mailbox that is not there.",
        "SELECT p.email_id, p.uid, CAST(0 AS BIGINT) FROM placement p LEFT JOIN mailbox m ON m.account_id = p.account_id \
         AND m.mailbox_id = p.mailbox_id WHERE p.account_id = $1 AND m.mailbox_id IS NULL LIMIT 100",
    ),
    check(
        "placement-email",
        "Hộp thư có chỗ của thư không tồn tại.",
        "A mailbox has a place for a message that is not there.",
        "SELECT p.email_id, p.uid, CAST(0 AS BIGINT) FROM placement p LEFT JOIN email e ON e.account_id = p.account_id \
         AND e.email_id = p.email_id WHERE p.account_id = $1 AND e.email_id IS NULL LIMIT 100",
    ),
    check(
        "email-nowhere",
        "Thư không nằm trong hộp thư nào.",
        "A message lies in no mailbox.",
        "SELECT e.email_id, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM email e LEFT JOIN placement p ON p.account_id = e.account_id \
         AND p.email_id = e.email_id WHERE e.account_id = $1 AND p.email_id IS NULL LIMIT 100",
    ),
    check(
        "placement-differs",
        "Điều ghi ở hộp thư khác với thư.",
        "What a mailbox repeats of a message is not what the message says.",
        "SELECT p.email_id, p.is_unread, p.uid FROM placement p JOIN email e ON e.account_id = p.account_id \
         AND e.email_id = p.email_id WHERE p.account_id = $1 AND (p.thread_id <> e.thread_id OR p.received_at <> e.received_at \
         OR p.is_unread <> CASE WHEN e.keywords LIKE '% $seen %' OR e.keywords LIKE '% $draft %' THEN 0 ELSE 1 END) LIMIT 100",
    ),
    check(
        "email-size",
        "Kích thước thư khác với nội dung.",
        "The size of a message is not that of its bytes.",
        "SELECT e.email_id, e.size, b.size FROM email e JOIN blob b ON b.owner_id = e.account_id AND b.blob_id = e.blob_id \
         WHERE e.account_id = $1 AND e.size <> b.size LIMIT 100",
    ),
    check(
        "modseq-ahead",
        "Thứ tự thay đổi vượt quá bộ đếm của tài khoản.",
        "A change is newer than the account's counter of changes.",
        "SELECT o.id, o.modseq, a.modseq FROM account a JOIN (\
         SELECT email_id AS id, modseq FROM email WHERE account_id = $1 \
         UNION ALL SELECT mailbox_id, modseq FROM mailbox WHERE account_id = $1 \
         UNION ALL SELECT thread_id, modseq FROM thread WHERE account_id = $1 \
         UNION ALL SELECT submission_id, modseq FROM submission WHERE account_id = $1 \
         UNION ALL SELECT object_id, modseq FROM tombstone WHERE account_id = $1 \
         UNION ALL SELECT mailbox_id, modseq FROM expunged WHERE account_id = $1) o ON o.modseq > a.modseq \
         WHERE a.account_id = $1 LIMIT 100",
    ),
    check(
        "modseq-backwards",
        "Thay đổi cũ hơn lúc tạo.",
        "Something last changed before it was made.",
        "SELECT o.id, o.modseq, o.created FROM (\
         SELECT email_id AS id, modseq, created_modseq AS created FROM email WHERE account_id = $1 \
         UNION ALL SELECT mailbox_id, modseq, created_modseq FROM mailbox WHERE account_id = $1 \
         UNION ALL SELECT thread_id, modseq, created_modseq FROM thread WHERE account_id = $1 \
         UNION ALL SELECT submission_id, modseq, created_modseq FROM submission WHERE account_id = $1 \
         UNION ALL SELECT object_id, modseq, created_modseq FROM tombstone WHERE account_id = $1) o \
         WHERE o.modseq < o.created LIMIT 100",
    ),
    check(
        "thread-missing",
        "Thư thuộc chuỗi thư không tồn tại.",
        "A message belongs to a conversation that is not there.",
        "SELECT e.email_id, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM email e LEFT JOIN thread t ON t.account_id = e.account_id \
         AND t.thread_id = e.thread_id WHERE e.account_id = $1 AND t.thread_id IS NULL LIMIT 100",
    ),
    check(
        "thread-empty",
        "Chuỗi thư không có thư nào.",
        "A conversation has no message.",
        "SELECT t.thread_id, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM thread t LEFT JOIN email e ON e.account_id = t.account_id \
         AND e.thread_id = t.thread_id WHERE t.account_id = $1 AND e.email_id IS NULL LIMIT 100",
    ),
    check(
        "reference-dangling",
        "Mã thư chỉ tới chuỗi thư chưa từng có.",
        "A Message-ID leads to a conversation that never was.",
        "SELECT r.reference, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM thread_reference r \
         LEFT JOIN thread t ON t.account_id = r.account_id AND t.thread_id = r.thread_id \
         LEFT JOIN tombstone g ON g.account_id = r.account_id AND g.kind = 'thread' AND g.object_id = r.thread_id \
         WHERE r.account_id = $1 AND t.thread_id IS NULL AND g.object_id IS NULL LIMIT 100",
    ),
    check(
        "tombstone-alive",
        "Thứ đã ghi là mất vẫn còn đó.",
        "Something that is said to be gone is there.",
        "SELECT g.object_id, g.modseq, CAST(0 AS BIGINT) FROM tombstone g WHERE g.account_id = $1 AND (\
         (g.kind = 'email' AND EXISTS (SELECT 1 FROM email e WHERE e.account_id = $1 AND e.email_id = g.object_id)) \
         OR (g.kind = 'mailbox' AND EXISTS (SELECT 1 FROM mailbox m WHERE m.account_id = $1 AND m.mailbox_id = g.object_id)) \
         OR (g.kind = 'thread' AND EXISTS (SELECT 1 FROM thread t WHERE t.account_id = $1 AND t.thread_id = g.object_id)) \
         OR (g.kind = 'submission' AND EXISTS (SELECT 1 FROM submission s WHERE s.account_id = $1 \
         AND s.submission_id = g.object_id))) LIMIT 100",
    ),
    check(
        "used-bytes",
        "Dung lượng đã dùng của tài khoản không đúng.",
        "The bytes that an account uses are counted wrong.",
        "SELECT a.account_id, a.used_bytes, CAST(COALESCE(SUM(e.size), 0) AS BIGINT) FROM account a LEFT JOIN email e \
         ON e.account_id = a.account_id WHERE a.account_id = $1 GROUP BY a.account_id, a.used_bytes \
         HAVING a.used_bytes <> COALESCE(SUM(e.size), 0) LIMIT 100",
    ),
    check(
        "address-primary",
        "Tài khoản không có đúng một địa chỉ chính.",
        "An account has not exactly one primary address.",
        "SELECT a.account_id, COUNT(d.address_folded), CAST(1 AS BIGINT) FROM account a LEFT JOIN address d \
         ON d.account_id = a.account_id AND d.kind = 'primary' WHERE a.account_id = $1 GROUP BY a.account_id \
         HAVING COUNT(d.address_folded) <> 1 LIMIT 100",
    ),
];

/// Of the whole house; these have no owner. The address of a list leads to no account (0016_lists.sql).
pub(super) const OF_THE_HOUSE: [Check; 3] = [
    check(
        "owner-unknown",
        "Dữ liệu thuộc về chủ không tồn tại.",
        "Something belongs to an owner that is not there.",
        "SELECT o.id, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM (SELECT DISTINCT account_id AS id FROM email \
         UNION SELECT DISTINCT account_id FROM mailbox UNION SELECT DISTINCT account_id FROM address WHERE kind <> 'list') o \
         LEFT JOIN account a ON a.account_id = o.id WHERE a.account_id IS NULL LIMIT 100",
    ),
    check(
        "outbox-owner",
        "Hàng đợi gửi có mục của chủ không tồn tại.",
        "A row of the outbox belongs to nobody.",
        "SELECT x.outbox_id, CAST(0 AS BIGINT), CAST(1 AS BIGINT) FROM outbox x WHERE x.kind IN ('mail', 'local') \
         AND NOT EXISTS (SELECT 1 FROM account a WHERE a.account_id = x.owner_id) \
         AND NOT EXISTS (SELECT 1 FROM agency g WHERE g.agency_id = x.owner_id) LIMIT 100",
    ),
    check(
        "outbox-lease",
        "Mục của hàng đợi gửi có người giữ mà không có hạn giữ.",
        "A row of the outbox has a holder and no lease, or a lease and no holder.",
        "SELECT outbox_id, lease_until, CAST(0 AS BIGINT) FROM outbox \
         WHERE (lease_holder = '' AND lease_until > 0) OR (lease_holder <> '' AND lease_until <= 0) LIMIT 100",
    ),
];
