//! What a distribution list puts before the copies it sends: List-Id (RFC 2919), List-Post (RFC 2369) and `Precedence`. Subject and
//! body stay as they are, so signatures hold (RFC 6376 §3.4).

use crate::EmailAddress;
use crate::fields::fields as fields_of;

/// `List-Id`s of a message that are read; a message that came through lists has one or two.
const LIST_IDS_MAX: usize = 100;

/// The list's name for programs (RFC 2919 §2). `.list.` keeps `a.b@c.vn` and `a@b.c.vn` apart.
pub fn list_id(address: &EmailAddress) -> String {
    format!("{}.list.{}", address.local().as_str(), address.domain()).to_ascii_lowercase()
}

/// The fields before a copy. Mail programs that answer by themselves leave `Precedence: list` unanswered.
pub fn fields(address: &EmailAddress) -> String {
    let id = list_id(address);
    format!("List-Id: <{id}>\r\nList-Post: <mailto:{address}>\r\nPrecedence: list\r\n")
}

/// The ids of the lists that a message came through (RFC 2919 §3): what stands in the angle brackets, in lower case.
pub fn ids(message: &[u8]) -> Vec<String> {
    let found = fields_of(message).filter(|field| field.is("List-Id")).take(LIST_IDS_MAX);
    found
        .filter_map(|field| {
            let text = field.text();
            let (_, id) = text.rsplit_once('<')?;
            let (id, _) = id.split_once('>')?;
            Some(id.trim().to_ascii_lowercase())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2919_a_copy_says_which_list_it_is_of() {
        let address: EmailAddress = "Phong.Mot@so.a.vn".parse().unwrap();
        let message = [fields(&address), "Subject: x\r\n\r\nList-Id: <y>\r\n".to_owned()].concat();
        assert_eq!(ids(message.as_bytes()), [list_id(&address)]);
        let other: EmailAddress = "phong.mot.so@a.vn".parse().unwrap();
        assert_ne!(list_id(&address), list_id(&other));
        let rows: [(&str, &[&str]); 4] = [
            ("list-id: \"Ph\" <A.list.b>\r\n\r\n", &["a.list.b"]),
            ("List-Id: Ten\r\n <a.list.b>\r\n\r\n", &["a.list.b"]),
            ("List-Id: a.list.b\r\n\r\n", &[]),
            ("Subject: <a>\r\n\r\n", &[]),
        ];
        for (message, expected) in rows {
            assert_eq!(ids(message.as_bytes()), expected, "{message:?}");
        }
    }
}
