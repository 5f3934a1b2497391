//! What the `openssl` command line says about the same certificates.

use std::process::Command;

use certs::path::{PeerName, Revocation};
use certs::trust::Purpose;

use crate::world::World;

/// Asks `openssl verify`. Returns whether it is content, and its words.
pub(crate) fn verify(world: &World) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let pem = |certificates: &[certs::Certificate]| {
        certificates.iter().map(certs::Certificate::to_pem).collect::<String>()
    };
    let mut command = Command::new("openssl");
    command.args(["verify", "-no-CApath", "-no-CAstore", "-attime", &world.question.at.to_string()]);
    command.arg("-CAfile").arg(file("root.pem", &world.root.certificate().to_pem()));
    command.arg("-untrusted").arg(file("more.pem", &pem(&world.evidence.certificates)));
    let purpose = match world.question.purpose {
        Purpose::Tls => Some("sslserver"),
        Purpose::TlsClient => Some("sslclient"),
        Purpose::Smime => Some("smimesign"),
        Purpose::Timestamp => Some("timestampsign"),
        Purpose::Document | Purpose::Any => None,
    };
    if let Some(purpose) = purpose {
        command.args(["-purpose", purpose]);
    }
    for name in &world.question.names {
        match name {
            PeerName::Host(host) => command.args(["-verify_hostname", host]),
            PeerName::Ip(address) => command.args(["-verify_ip", &address.to_string()]),
            PeerName::Email(email) => command.args(["-verify_email", email]),
        };
    }
    if world.question.revocation != Revocation::None {
        command.arg("-crl_check_all");
        let crls: String = world.evidence.crls.iter().map(|crl| crl_pem(crl.der())).collect();
        command.arg("-CRLfile").arg(file("crls.pem", &crls));
    }
    // OpenSSL takes an empty set as "none", RFC 5280 and we as "any".
    let any = [certs::oids::ANY_POLICY];
    let policies = if world.question.policies.is_empty() { &any[..] } else { &world.question.policies };
    for policy in policies {
        command.args(["-policy", &policy.to_string()]);
    }
    let flags = [
        (world.question.explicit_policy, "-explicit_policy"),
        (world.question.inhibit_any, "-inhibit_any"),
        (world.question.inhibit_mapping, "-inhibit_map"),
        (true, "-policy_check"),
    ];
    for (_, flag) in flags.iter().filter(|(set, _)| *set) {
        command.arg(flag);
    }
    command.arg(file("leaf.pem", &world.leaf.to_pem()));
    let output = command.output().expect("the openssl program is installed");
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), words)
}

fn crl_pem(der: &[u8]) -> String {
    let base64 = openssl::base64::encode_block(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", lines.join("\n"))
}
