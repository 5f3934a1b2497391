//! Message text in chunks of a said length (RFC 3030 §2): nothing is stuffed and no line ends it.

use super::{Fed, WrongText};

/// One chunk as BDAT announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command's CRLF.
    pub bytes: u64,
    /// Whether the message ends with it.
    pub is_last: bool,
}

/// Counts chunks off the wire and looks at the text in them. Lines still end in CRLF and nowhere else: a bare CR, a bare LF or a NUL
/// makes the text wrong, for the next host may take it with DATA and see another end of it. A CRLF may lie across two chunks.
///
/// With BODY=BINARYMIME (RFC 3030 §3) that holds up to the empty line after the header; what follows is kept as it comes.
#[derive(Debug)]
pub struct ChunkDecoder {
    /// Octets of the chunk under way that are still to come.
    left: u64,
    is_last: bool,
    /// The last octet was a CR.
    cr: bool,
    line_bytes: usize,
    line_bytes_max: usize,
    wrong: Option<WrongText>,
    /// Whether the body is kept as it comes.
    is_binary: bool,
    /// The empty line of a binary message has come.
    is_free: bool,
}

impl ChunkDecoder {
    /// Before the first chunk.
    pub fn new(line_bytes_max: usize) -> Self {
        Self {
            left: 0,
            is_last: false,
            cr: false,
            line_bytes: 0,
            line_bytes_max,
            wrong: None,
            is_binary: false,
            is_free: false,
        }
    }

    /// The same for BODY=BINARYMIME.
    pub fn binary(line_bytes_max: usize) -> Self {
        Self { is_binary: true, ..Self::new(line_bytes_max) }
    }

    /// A chunk was announced.
    pub fn begin(&mut self, chunk: Chunk) {
        (self.left, self.is_last) = (chunk.bytes, chunk.is_last);
    }

    /// Whether the chunk under way has come whole.
    pub fn is_through(&self) -> bool {
        self.left == 0
    }

    /// Whether the chunk under way is the last.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// The first thing that was wrong so far. A message that ends in a CR is wrong once its last octet has come.
    pub fn wrong(&self) -> Option<WrongText> {
        let is_cut = self.cr && self.is_last && self.is_through();
        self.wrong.or(is_cut.then_some(WrongText::LineEnd))
    }

    /// Reads `input` up to the end of the chunk; the text goes to `out` as long as nothing is wrong.
    pub fn feed(&mut self, input: &[u8], mut out: impl FnMut(&[u8])) -> Fed {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        let piece = input.get(..count).unwrap_or_default();
        let mut rest = piece;
        while let Some((&first, tail)) = rest.split_first().filter(|_| !self.is_free) {
            rest = match (std::mem::take(&mut self.cr), first) {
                (true, b'\n') => {
                    self.is_free = self.is_binary && self.line_bytes == 0;
                    self.line_bytes = 0;
                    tail
                }
                (false, b'\r') => {
                    self.cr = true;
                    tail
                }
                (true, _) | (false, b'\n' | 0) => {
                    self.wrong.get_or_insert(WrongText::LineEnd);
                    tail
                }
                (false, _) => self.run(rest),
            };
        }
        if self.wrong.is_none() {
            out(piece);
        }
        self.left -= count as u64;
        Fed { consumed: count, ended: self.is_through() }
    }

    /// Text up to what may end a line; what comes after it.
    fn run<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let run = rest.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)).unwrap_or(rest.len());
        self.line_bytes += run;
        if self.line_bytes > self.line_bytes_max {
            self.wrong.get_or_insert(WrongText::LineTooLong);
        }
        rest.get(run..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All chunks, the wire cut into pieces; the text and what was wrong with it.
    fn decode(chunks: &[&[u8]], pieces: usize) -> (Vec<u8>, Option<WrongText>) {
        decode_by(ChunkDecoder::new(10), chunks, pieces)
    }

    fn decode_by(mut decoder: ChunkDecoder, chunks: &[&[u8]], pieces: usize) -> (Vec<u8>, Option<WrongText>) {
        let mut out = Vec::new();
        for (n, chunk) in chunks.iter().enumerate() {
            decoder.begin(Chunk { bytes: chunk.len() as u64, is_last: n + 1 == chunks.len() });
            let mut wire = [chunk, &b"RSET\r\n"[..]].concat();
            while !decoder.is_through() {
                let fed = decoder.feed(&wire[..pieces.min(wire.len())], |run| out.extend_from_slice(run));
                wire.drain(..fed.consumed);
            }
            assert_eq!(wire, b"RSET\r\n", "what follows a chunk is left alone");
        }
        (out, decoder.wrong())
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_3030_section_2_chunks() {
        let (bad, long) = (Some(WrongText::LineEnd), Some(WrongText::LineTooLong));
        let rows: [(&[&[u8]], Option<WrongText>); 14] = [
            (&[b"a\r\nb\r\n"],              None),
            (&[b"a\r", b"\nb"],             None),
            (&[b"a\r\n.\r\n", b"b\r\n"],    None),
            (&[b"a\r\n", b""],              None),
            (&[b""],                        None),
            (&[b"a\n"],                     bad),
            (&[b"a\rb"],                    bad),
            (&[b"a\r", b"b"],               bad),
            (&[b"a\r", b""],                bad),
            (&[b"a\r"],                     bad),
            (&[b"a\r\r\n"],                 bad),
            (&[b"a\0"],                     bad),
            (&[b"0123456789\r\n0"],         None),
            (&[b"01234", b"567890\r\n"],    long),
        ];
        for (chunks, wrong) in rows {
            for pieces in [1, 2, 64] {
                let (text, found) = decode(chunks, pieces);
                assert_eq!(found, wrong, "{chunks:?} in pieces of {pieces}");
                assert!(wrong.is_some() || text == chunks.concat(), "{chunks:?}");
            }
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_3030_section_3_a_binary_body_is_kept_as_it_comes() {
        let (bad, long) = (Some(WrongText::LineEnd), Some(WrongText::LineTooLong));
        let rows: [(&[&[u8]], Option<WrongText>); 11] = [
            (&[b"a: b\r\n\r\n\r\r\n\n\0\r\n.\r\n"],   None),
            (&[b"a: b\r\n\r", b"\n0123456789012\n\r"], None),
            (&[b"\r\n\n"],                            None),
            (&[b"\r\n\r"],                            None),
            (&[b"a: b\r\n"],                          None),
            (&[b"a: b\r\n\r\n", b"\r", b""],         None),
            (&[b"a: b\n\r\n"],                        bad),
            (&[b"a: b\r\n\r"],                        bad),
            (&[b"\0\r\n\r\n"],                       bad),
            (&[b"a\r\r\n\r\n"],                      bad),
            (&[b"0123456789a\r\n\r\n"],              long),
        ];
        for (chunks, wrong) in rows {
            for pieces in [1, 2, 64] {
                let (text, found) = decode_by(ChunkDecoder::binary(10), chunks, pieces);
                assert_eq!(found, wrong, "{chunks:?} in pieces of {pieces}");
                assert!(wrong.is_some() || text == chunks.concat(), "{chunks:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_and_chunks_do_not_matter(
            text in prop::collection::vec(prop::sample::select(b"\r\n\r\n.ab\0".to_vec()), 0..40),
            at in 0usize..40,
            pieces in 1usize..9,
        ) {
            let (front, back) = text.split_at(at.min(text.len()));
            let (whole, parts) = (decode(&[&text], 64), decode(&[front, back], pieces));
            prop_assert_eq!(whole.1, parts.1);
            prop_assert!(whole.1.is_some() || whole.0 == parts.0);
        }
    }
}
