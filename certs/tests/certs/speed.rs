//! How near verification comes to what OpenSSL's own measurement says is possible. Not a test of anything but this
//! machine; run by hand:
//! `cargo test --release -p certs --test certs speed -- --ignored --nocapture`, beside
//! `openssl speed rsa2048 ecdsap256 ecdsap384 ed25519`.

#![allow(clippy::print_stdout)] // what was measured

use certs::issue::world;
use certs::keys::Size;

/// CPU time this thread has used, in nanoseconds.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn rate(what: &str, work: impl Fn()) {
    (0..100).for_each(|_| work());
    let (start, mut count) = (cpu(), 0u64);
    let mut used = 0;
    while used < 1_000_000_000 {
        (0..100).for_each(|_| work());
        count += 100;
        used = cpu() - start;
    }
    println!("{what}: {} per CPU-second", count * 1_000_000_000 / used);
}

#[test]
#[ignore = "measures"]
fn verification_per_second() {
    // What a CMS signature is over: signed attributes, a few hundred bytes.
    let message = [7; 300];
    for size in [Size::Rsa2048, Size::Rsa3072, Size::P256, Size::P384, Size::P521, Size::Ed25519] {
        let key = world::key(size, "speed").unwrap();
        let (scheme, public) = (key.usual_scheme(), key.public());
        let (algorithm, signature) = (scheme.algorithm(), key.sign(scheme, &message).unwrap());
        rate(&format!("{size:?}"), || algorithm.verify(public, &message, signature.as_bytes()).unwrap());
        let Some(hash) = scheme.hash(&message) else { continue };
        rate(&format!("{size:?}, digest"), || {
            algorithm.verify_digest(public, &hash, signature.as_bytes()).unwrap();
        });
        if size == Size::Rsa2048 || size == Size::Rsa3072 {
            use ring::signature as s;
            let theirs = s::UnparsedPublicKey::new(&s::RSA_PKCS1_2048_8192_SHA256, public.key_bytes());
            rate(&format!("{size:?}, ring"), || theirs.verify(&message, signature.as_bytes()).unwrap());
            let rsa = openssl::rsa::Rsa::public_key_from_der(public.spki()).unwrap();
            rate(&format!("{size:?}, bare"), || {
                let mut out = [0; 512];
                rsa.public_decrypt(signature.as_bytes(), &mut out, openssl::rsa::Padding::PKCS1).unwrap();
            });
        }
        if size == Size::P256 {
            use ring::signature as s;
            let theirs = s::UnparsedPublicKey::new(&s::ECDSA_P256_SHA256_ASN1, public.key_bytes());
            rate(&format!("{size:?}, ring"), || theirs.verify(&message, signature.as_bytes()).unwrap());
        }
    }
}
