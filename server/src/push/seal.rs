//! The content of a push, sealed for the client: the push service in between reads nothing (RFC 8291, RFC 8188).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::rand::{SecureRandom, SystemRandom};

/// The size of a record, and so of the whole message: push services take at least this much (RFC 8030 §7.2).
const RECORD: u32 = 4096;
/// Messages are filled up to a multiple of this: their length does not tell what they say.
const FILL: usize = 512;
/// What a message has besides the text: salt, size, key, delimiter, tag.
const BESIDE: usize = 16 + 4 + 1 + 65 + 1 + 16;

/// The text cannot be sealed for that key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsealable;

/// Seals a text for the client's key and secret.
///
/// # Errors
/// The key is no point on the curve, or the text does not fit into one record.
pub(super) fn seal(text: &[u8], key: &[u8; 65], secret: &[u8; 16]) -> Result<Vec<u8>, Unsealable> {
    let random = SystemRandom::new();
    let mut salt = [0; 16];
    random.fill(&mut salt).map_err(|_| Unsealable)?;
    // A key for this one message; nobody keeps it.
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| Unsealable)?;
    let public = own.compute_public_key().map_err(|_| Unsealable)?;
    let public: [u8; 65] = public.as_ref().try_into().map_err(|_| Unsealable)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, key);
    let filled = text.len().next_multiple_of(FILL);
    agree_ephemeral(own, &theirs, |shared| {
        let keys = Keys { shared, theirs: key, public: &public, secret, salt: &salt };
        keys.seal(text, filled - text.len())
    })
    .map_err(|_| Unsealable)?
}

/// What the keys of a message come from.
struct Keys<'k> {
    shared: &'k [u8],
    theirs: &'k [u8; 65],
    public: &'k [u8; 65],
    secret: &'k [u8; 16],
    salt: &'k [u8; 16],
}

impl Keys<'_> {
    fn seal(&self, text: &[u8], fill: usize) -> Result<Vec<u8>, Unsealable> {
        if text.len() + fill + BESIDE > RECORD as usize {
            return Err(Unsealable);
        }
        // RFC 8291 §3.4.
        let info = [b"WebPush: info\0".as_slice(), self.theirs, self.public, &[1]].concat();
        let input = hmac(&hmac(self.secret, self.shared), &info);
        let key = hmac(self.salt, &input);
        let content_key = hmac(&key, b"Content-Encoding: aes128gcm\0\x01");
        let nonce = hmac(&key, b"Content-Encoding: nonce\0\x01");
        let nonce = nonce.get(..12).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let sealer = UnboundKey::new(&AES_128_GCM, content_key.get(..16).ok_or(Unsealable)?);
        let sealer = LessSafeKey::new(sealer.map_err(|_| Unsealable)?);
        // RFC 8188 §2: the last record ends with a two before what fills it up.
        let mut record = [text, &[2]].concat();
        record.resize(record.len() + fill, 0);
        sealer.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(|_| Unsealable)?;
        let head = [self.salt.as_slice(), &RECORD.to_be_bytes(), &[65], self.public].concat();
        Ok([head, record].concat())
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), message).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn rfc_8291_appendix_a() {
        let keys = Keys {
            shared: &bytes::<32>("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"),
            theirs: &bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            public: &bytes(
                "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
            ),
            secret: &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            salt: &bytes("DGv6ra1nlYgDCS1FRnbzlw"),
        };
        let sealed = keys.seal(b"When I grow up, I want to be a watermelon", 0).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w\
                        EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed), expected);
        assert_eq!(keys.seal(&[0; 4000], 0), Err(Unsealable));
    }

    #[test]
    fn lengths_say_little_and_no_point_is_no_key() {
        let key: [u8; 65] =
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let (short, long) =
            (seal(b"a", &key, &[1; 16]).unwrap(), seal(&[b'a'; 400], &key, &[1; 16]).unwrap());
        assert_eq!(short.len(), long.len());
        assert_ne!(short[..16], long[..16], "each has a salt of its own");
        let mut wrong = [7; 65];
        wrong[0] = 4;
        assert_eq!(seal(b"a", &wrong, &[1; 16]), Err(Unsealable));
    }
}
