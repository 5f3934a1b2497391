//! How bytes are cut into pieces on the way changes nothing.

use proptest::prelude::*;

use crate::house::{House, morning};

/// What came of a conversation: all that was said, stored and asked.
fn result(chunks: &[&[u8]]) -> (String, Vec<Vec<u8>>, Vec<String>, bool) {
    let mut house = House::mx();
    for chunk in chunks {
        house.hear(morning(), chunk);
    }
    (house.said, house.stored.into_iter().map(|a| a.message).collect(), house.asked, house.closed)
}

const PIPELINED: &[u8] = b"EHLO bar.com\r\nMAIL FROM:<a@bar.com> SIZE=99\r\nRCPT TO:<an@foo.com>\r\nRCPT TO:<no@foo.com>\r\n\
RCPT TO:<full@foo.com>\r\nDATA\r\nSubject: a\r\n\r\n..dot\r\nx\r\n.\r\nRSET\r\nBAD\r\nMAIL FROM:<>\r\nRCPT TO:<b@foo.com>\r\nDATA\r\n.\r\nQUIT\r\n";

#[test]
fn cut_in_two_anywhere() {
    let whole = result(&[PIPELINED]);
    assert_eq!(whole.1.len(), 2, "{}", whole.0);
    for at in 0..=PIPELINED.len() {
        let (a, b) = PIPELINED.split_at(at);
        assert_eq!(result(&[a, b]), whole, "cut at {at}");
    }
    let bytes: Vec<&[u8]> = PIPELINED.chunks(1).collect();
    assert_eq!(result(&bytes), whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn cut_anyhow(
        units in prop::collection::vec(prop::sample::select(vec![
            "NOOP\r\n", "RSET\r\n", "VRFY x\r\n", "WHAT\r\n", "\r\n", "EHLO a\r\n", "HELP\r\n",
            "MAIL FROM:<a@b.vn>\r\n", "MAIL FROM:<a@b.vn> SIZE=x\r\n", "RCPT TO:<an@foo.com>\r\n", "RCPT TO:<no@foo.com>\r\n",
            "NO\0OP\r\n", "NOOP\n", "EHLO a\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@foo.com>\r\nDATA\r\nx\r\n..\r\n.\r\n",
            "EHLO a\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@foo.com>\r\nDATA\r\nx\n.\r\n\r\n.\r\n", "QUIT\r\n",
        ]), 0..14),
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let bytes = units.concat().into_bytes();
        let mut pieces = Vec::new();
        let (mut rest, mut turn) = (&bytes[..], 0);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts[turn % cuts.len()].min(rest.len()));
            pieces.push(piece);
            (rest, turn) = (after, turn + 1);
        }
        prop_assert_eq!(result(&pieces), result(&[&bytes]));
    }
}
