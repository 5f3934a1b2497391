//! Keys and signatures that are the same in every run: for tests and examples, never for a secret. Whoever knows the
//! seed, which stands in the source, has the key; and the arithmetic here takes no care to hide it.
//!
//! OpenSSL cannot be seeded, so the search for RSA primes is our own (its primality test is OpenSSL's), and ECDSA takes
//! its nonce from the message (RFC 6979). RSA PKCS #1 v1.5 and Ed25519 are deterministic by themselves; PSS salts are
//! not, and stay so.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::RsaPrivateKeyBuilder;
use ring::hmac;

use super::Size;
use crate::algorithm::Digest;

/// Candidates tried for one prime. On average one of 360 odd numbers of 1024 bits is prime, so ten thousand in vain is
/// a broken library.
const CANDIDATES: usize = 10_000;

/// Endless bytes from a seed: SHA-256 over the seed and a counter.
struct Stream<'s> {
    seed: &'s [u8],
    counter: u64,
}

impl Stream<'_> {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            bytes.extend(Digest::Sha256.of(&[self.seed, &self.counter.to_be_bytes()].concat()));
            self.counter += 1;
        }
        bytes.truncate(count);
        bytes
    }
}

/// The key of this seed.
pub(super) fn key(size: Size, seed: &str) -> Result<PKey<Private>, ErrorStack> {
    let mut stream = Stream { seed: seed.as_bytes(), counter: 0 };
    match size {
        Size::Rsa2048 => rsa_from(2048, &mut stream),
        Size::Rsa3072 => rsa_from(3072, &mut stream),
        Size::P256 => curve(Nid::X9_62_PRIME256V1, &mut stream),
        Size::P384 => curve(Nid::SECP384R1, &mut stream),
        Size::P521 => curve(Nid::SECP521R1, &mut stream),
        Size::Ed25519 => PKey::private_key_from_raw_bytes(&stream.bytes(32), openssl::pkey::Id::ED25519),
    }
}

/// An RSA key of any size, also one nobody may use any more.
pub(super) fn rsa(bits: u32, seed: &str) -> Result<PKey<Private>, ErrorStack> {
    rsa_from(bits, &mut Stream { seed: seed.as_bytes(), counter: 0 })
}

fn curve(nid: Nid, stream: &mut Stream<'_>) -> Result<PKey<Private>, ErrorStack> {
    let (group, mut context) = (EcGroup::from_curve_name(nid)?, BigNumContext::new()?);
    let mut order = BigNum::new()?;
    group.order(&mut order, &mut context)?;
    order.sub_word(1)?;
    // Far more bits than the order has, so that the remainder is even.
    let mut scalar = BigNum::new()?;
    scalar.nnmod(&*BigNum::from_slice(&stream.bytes(96))?, &order, &mut context)?;
    scalar.add_word(1)?;
    let mut public = EcPoint::new(&group)?;
    public.mul_generator2(&group, &scalar, &mut context)?;
    PKey::from_ec_key(EcKey::from_private_components(&group, &scalar, &public)?)
}

fn rsa_from(bits: u32, stream: &mut Stream<'_>) -> Result<PKey<Private>, ErrorStack> {
    let (mut context, exponent) = (BigNumContext::new()?, BigNum::from_u32(65_537)?);
    let mut p = prime(bits / 2, stream, &mut context)?;
    let mut q = prime(bits / 2, stream, &mut context)?;
    if p < q {
        std::mem::swap(&mut p, &mut q);
    }
    let one = BigNum::from_u32(1)?;
    let [mut n, mut p1, mut q1, mut phi] = [BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?];
    n.checked_mul(&p, &q, &mut context)?;
    p1.checked_sub(&p, &one)?;
    q1.checked_sub(&q, &one)?;
    phi.checked_mul(&p1, &q1, &mut context)?;
    let [mut d, mut dp, mut dq, mut inverse] =
        [BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?];
    d.mod_inverse(&exponent, &phi, &mut context)?;
    dp.nnmod(&d, &p1, &mut context)?;
    dq.nnmod(&d, &q1, &mut context)?;
    inverse.mod_inverse(&q, &p, &mut context)?;
    let builder = RsaPrivateKeyBuilder::new(n, exponent, d)?.set_factors(p, q)?;
    PKey::from_rsa(builder.set_crt_params(dp, dq, inverse)?.build())
}

/// A prime of so many bits, its two highest bits set, with `p - 1` prime to 65 537.
fn prime(bits: u32, stream: &mut Stream<'_>, context: &mut BigNumContext) -> Result<BigNum, ErrorStack> {
    let mut candidate = BigNum::from_slice(&stream.bytes(bits as usize / 8))?;
    for bit in [0, bits as i32 - 1, bits as i32 - 2] {
        candidate.set_bit(bit)?;
    }
    for _ in 0..CANDIDATES {
        let usable = candidate.mod_word(65_537)? != 1;
        if usable && candidate.is_prime_fasttest(32, context, true)? {
            break;
        }
        candidate.add_word(2)?;
    }
    Ok(candidate)
}

/// ECDSA with the nonce of RFC 6979 §3.2, in DER.
pub(super) fn ecdsa(key: &PKey<Private>, digest: Digest, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = key.ec_key()?;
    let (group, mut context) = (key.group(), BigNumContext::new()?);
    let mut order = BigNum::new()?;
    group.order(&mut order, &mut context)?;
    let size = usize::try_from(order.num_bytes()).unwrap_or_default();
    let hash = truncated(&digest.of(message), &order)?;
    let mut reduced = BigNum::new()?;
    reduced.nnmod(&hash, &order, &mut context)?;
    let padded = |number: &BigNum| number.to_vec_padded(i32::try_from(size).unwrap_or_default());
    let secret = key.private_key().to_vec_padded(i32::try_from(size).unwrap_or_default())?;
    let mut nonces = Nonces::new(digest, &[secret, padded(&reduced)?].concat());
    loop {
        let nonce = truncated(&nonces.next(size), &order)?;
        if nonce >= order || nonce.num_bits() == 0 {
            continue;
        }
        let mut point = EcPoint::new(group)?;
        point.mul_generator2(group, &nonce, &mut context)?;
        let [mut x, mut y, mut r, mut inverse, mut product, mut s] =
            [BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?];
        point.affine_coordinates(group, &mut x, &mut y, &mut context)?;
        r.nnmod(&x, &order, &mut context)?;
        inverse.mod_inverse(&nonce, &order, &mut context)?;
        product.mod_mul(&r, key.private_key(), &order, &mut context)?;
        let mut sum = BigNum::new()?;
        sum.mod_add(&product, &reduced, &order, &mut context)?;
        s.mod_mul(&inverse, &sum, &order, &mut context)?;
        if r.num_bits() > 0 && s.num_bits() > 0 {
            return EcdsaSig::from_private_components(r, s)?.to_der();
        }
    }
}

/// The leftmost bits of some bytes, as many as the order has (§2.3.2).
fn truncated(bytes: &[u8], order: &BigNum) -> Result<BigNum, ErrorStack> {
    let number = BigNum::from_slice(bytes)?;
    let excess = i32::try_from(bytes.len() * 8).unwrap_or(i32::MAX) - order.num_bits();
    if excess <= 0 {
        return Ok(number);
    }
    let mut shifted = BigNum::new()?;
    shifted.rshift(&number, excess)?;
    Ok(shifted)
}

/// The generator of §3.2, over HMAC.
struct Nonces {
    algorithm: hmac::Algorithm,
    k: hmac::Key,
    v: Vec<u8>,
    is_first: bool,
}

impl Nonces {
    fn new(digest: Digest, input: &[u8]) -> Nonces {
        let algorithm = match digest {
            Digest::Sha384 => hmac::HMAC_SHA384,
            Digest::Sha512 => hmac::HMAC_SHA512,
            // Weak digests are signed only to be refused; any generator does for them.
            _ => hmac::HMAC_SHA256,
        };
        let size = algorithm.digest_algorithm().output_len();
        let mut nonces = Nonces {
            algorithm,
            k: hmac::Key::new(algorithm, &vec![0; size]),
            v: vec![1; size],
            is_first: true,
        };
        nonces.stir(&[&[0], input].concat());
        nonces.stir(&[&[1], input].concat());
        nonces
    }

    fn stir(&mut self, more: &[u8]) {
        let tag = hmac::sign(&self.k, &[&self.v, more].concat());
        self.k = hmac::Key::new(self.algorithm, tag.as_ref());
        self.v = hmac::sign(&self.k, &self.v).as_ref().to_vec();
    }

    fn next(&mut self, size: usize) -> Vec<u8> {
        if !self.is_first {
            self.stir(&[0]);
        }
        self.is_first = false;
        let mut bytes = Vec::new();
        while bytes.len() < size {
            self.v = hmac::sign(&self.k, &self.v).as_ref().to_vec();
            bytes.extend_from_slice(&self.v);
        }
        bytes.truncate(size);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6979 appendix A.2.5, A.2.6 and A.2.7, message "sample".
    #[test]
    fn rfc_6979_nonces() {
        let rows = [
            (
                Nid::X9_62_PRIME256V1,
                Digest::Sha256,
                "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                Nid::SECP384R1,
                Digest::Sha384,
                "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
            ),
        ];
        for (nid, digest, secret, r, s) in rows {
            let group = EcGroup::from_curve_name(nid).unwrap();
            let mut context = BigNumContext::new().unwrap();
            let secret = BigNum::from_hex_str(secret).unwrap();
            let mut public = EcPoint::new(&group).unwrap();
            public.mul_generator2(&group, &secret, &mut context).unwrap();
            let key = EcKey::from_private_components(&group, &secret, &public).unwrap();
            let signature = ecdsa(&PKey::from_ec_key(key).unwrap(), digest, b"sample").unwrap();
            let signature = EcdsaSig::from_der(&signature).unwrap();
            assert_eq!(signature.r(), &*BigNum::from_hex_str(r).unwrap());
            assert_eq!(signature.s(), &*BigNum::from_hex_str(s).unwrap());
        }
    }

    #[test]
    fn a_seed_gives_one_key_that_holds_together() {
        for size in [Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519] {
            let der = |seed: &str| key(size, seed).unwrap().private_key_to_der().unwrap();
            assert_eq!(der("a"), der("a"), "{size:?}");
            assert_ne!(der("a"), der("b"), "{size:?}");
        }
        let rsa = rsa(1024, "a").unwrap().rsa().unwrap();
        assert!(rsa.check_key().unwrap());
        assert_eq!(rsa.n().num_bits(), 1024);
    }
}
