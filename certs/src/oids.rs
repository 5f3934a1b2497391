//! The object identifiers this room knows, by their standard names.

use crate::der::Oid;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = [$($arc:literal),+];)+) => {
        $($(#[$doc])* pub const $name: Oid = Oid::new(&[$($arc),+]);)+
    };
}

oids! {
    /// commonName
    COMMON_NAME = [2, 5, 4, 3];
    /// serialNumber (of a subject)
    SERIAL_NUMBER = [2, 5, 4, 5];
    /// countryName
    COUNTRY = [2, 5, 4, 6];
    /// localityName
    LOCALITY = [2, 5, 4, 7];
    /// stateOrProvinceName
    STATE = [2, 5, 4, 8];
    /// organizationName
    ORGANIZATION = [2, 5, 4, 10];
    /// organizationalUnitName
    ORGANIZATIONAL_UNIT = [2, 5, 4, 11];
    /// title
    TITLE = [2, 5, 4, 12];
    /// organizationIdentifier
    ORGANIZATION_IDENTIFIER = [2, 5, 4, 97];
    /// userId, RFC 4519: carries `MST:…` or `CCCD:…` in public-service certificates (RULES 4.3)
    USER_ID = [0, 9, 2342, 19200300, 100, 1, 1];
    /// domainComponent
    DOMAIN_COMPONENT = [0, 9, 2342, 19200300, 100, 1, 25];
    /// emailAddress, PKCS #9
    EMAIL_ADDRESS = [1, 2, 840, 113549, 1, 9, 1];

    /// subjectDirectoryAttributes
    SUBJECT_DIRECTORY_ATTRIBUTES = [2, 5, 29, 9];
    /// subjectKeyIdentifier
    SUBJECT_KEY_IDENTIFIER = [2, 5, 29, 14];
    /// keyUsage
    KEY_USAGE = [2, 5, 29, 15];
    /// subjectAltName
    SUBJECT_ALT_NAME = [2, 5, 29, 17];
    /// issuerAltName
    ISSUER_ALT_NAME = [2, 5, 29, 18];
    /// basicConstraints
    BASIC_CONSTRAINTS = [2, 5, 29, 19];
    /// cRLNumber
    CRL_NUMBER = [2, 5, 29, 20];
    /// reasonCode of a CRL entry
    CRL_REASON = [2, 5, 29, 21];
    /// invalidityDate of a CRL entry
    INVALIDITY_DATE = [2, 5, 29, 24];
    /// deltaCRLIndicator
    DELTA_CRL_INDICATOR = [2, 5, 29, 27];
    /// issuingDistributionPoint
    ISSUING_DISTRIBUTION_POINT = [2, 5, 29, 28];
    /// certificateIssuer of a CRL entry
    CERTIFICATE_ISSUER = [2, 5, 29, 29];
    /// nameConstraints
    NAME_CONSTRAINTS = [2, 5, 29, 30];
    /// cRLDistributionPoints
    CRL_DISTRIBUTION_POINTS = [2, 5, 29, 31];
    /// certificatePolicies
    CERTIFICATE_POLICIES = [2, 5, 29, 32];
    /// anyPolicy
    ANY_POLICY = [2, 5, 29, 32, 0];
    /// policyMappings
    POLICY_MAPPINGS = [2, 5, 29, 33];
    /// authorityKeyIdentifier
    AUTHORITY_KEY_IDENTIFIER = [2, 5, 29, 35];
    /// policyConstraints
    POLICY_CONSTRAINTS = [2, 5, 29, 36];
    /// extKeyUsage
    EXTENDED_KEY_USAGE = [2, 5, 29, 37];
    /// anyExtendedKeyUsage
    ANY_EXTENDED_KEY_USAGE = [2, 5, 29, 37, 0];
    /// freshestCRL
    FRESHEST_CRL = [2, 5, 29, 46];
    /// inhibitAnyPolicy
    INHIBIT_ANY_POLICY = [2, 5, 29, 54];
    /// expiredCertsOnCRL, X.509 §9.5.2.8
    EXPIRED_CERTS_ON_CRL = [2, 5, 29, 60];
    /// authorityInfoAccess
    AUTHORITY_INFO_ACCESS = [1, 3, 6, 1, 5, 5, 7, 1, 1];
    /// subjectInfoAccess
    SUBJECT_INFO_ACCESS = [1, 3, 6, 1, 5, 5, 7, 1, 11];
    /// id-qt-cps: the address of a practice statement
    QUALIFIER_CPS = [1, 3, 6, 1, 5, 5, 7, 2, 1];
    /// id-ad-ocsp
    ACCESS_OCSP = [1, 3, 6, 1, 5, 5, 7, 48, 1];
    /// id-ad-caIssuers
    ACCESS_CA_ISSUERS = [1, 3, 6, 1, 5, 5, 7, 48, 2];

    /// id-kp-serverAuth
    SERVER_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 1];
    /// id-kp-clientAuth
    CLIENT_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 2];
    /// id-kp-codeSigning
    CODE_SIGNING = [1, 3, 6, 1, 5, 5, 7, 3, 3];
    /// id-kp-emailProtection
    EMAIL_PROTECTION = [1, 3, 6, 1, 5, 5, 7, 3, 4];
    /// id-kp-timeStamping
    TIME_STAMPING = [1, 3, 6, 1, 5, 5, 7, 3, 8];
    /// id-kp-OCSPSigning
    OCSP_SIGNING = [1, 3, 6, 1, 5, 5, 7, 3, 9];
    /// id-kp-documentSigning, RFC 9336
    DOCUMENT_SIGNING = [1, 3, 6, 1, 5, 5, 7, 3, 36];
    /// Microsoft document signing
    MICROSOFT_DOCUMENT_SIGNING = [1, 3, 6, 1, 4, 1, 311, 10, 3, 12];
    /// Adobe authentic documents trust
    ADOBE_DOCUMENT_SIGNING = [1, 2, 840, 113583, 1, 1, 5];
    /// Precertificate signing, RFC 6962 §3.1
    PRECERTIFICATE_SIGNING = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 4];
    /// Microsoft smart card logon
    SMARTCARD_LOGON = [1, 3, 6, 1, 4, 1, 311, 20, 2, 2];

    /// id-pkix-ocsp-basic
    OCSP_BASIC = [1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
    /// id-pkix-ocsp-nonce
    OCSP_NONCE = [1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
    /// id-pkix-ocsp-nocheck
    OCSP_NO_CHECK = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
    /// id-pkix-ocsp-archive-cutoff
    OCSP_ARCHIVE_CUTOFF = [1, 3, 6, 1, 5, 5, 7, 48, 1, 6];

    /// The policy of public-service certificates (RULES 4.3)
    PUBLIC_SERVICE_POLICY = [2, 16, 704, 1, 1, 1, 1, 1];

    /// rsaEncryption
    RSA_ENCRYPTION = [1, 2, 840, 113549, 1, 1, 1];
    /// md5WithRSAEncryption
    MD5_WITH_RSA = [1, 2, 840, 113549, 1, 1, 4];
    /// sha1WithRSAEncryption
    SHA1_WITH_RSA = [1, 2, 840, 113549, 1, 1, 5];
    /// id-mgf1
    MGF1 = [1, 2, 840, 113549, 1, 1, 8];
    /// id-RSASSA-PSS
    RSASSA_PSS = [1, 2, 840, 113549, 1, 1, 10];
    /// sha256WithRSAEncryption
    SHA256_WITH_RSA = [1, 2, 840, 113549, 1, 1, 11];
    /// sha384WithRSAEncryption
    SHA384_WITH_RSA = [1, 2, 840, 113549, 1, 1, 12];
    /// sha512WithRSAEncryption
    SHA512_WITH_RSA = [1, 2, 840, 113549, 1, 1, 13];
    /// sha224WithRSAEncryption
    SHA224_WITH_RSA = [1, 2, 840, 113549, 1, 1, 14];
    /// id-ecPublicKey
    EC_PUBLIC_KEY = [1, 2, 840, 10045, 2, 1];
    /// secp256r1, P-256
    P256 = [1, 2, 840, 10045, 3, 1, 7];
    /// secp384r1, P-384
    P384 = [1, 3, 132, 0, 34];
    /// secp521r1, P-521
    P521 = [1, 3, 132, 0, 35];
    /// id-dsa
    DSA = [1, 2, 840, 10040, 4, 1];
    /// id-dsa-with-sha1
    DSA_SHA1 = [1, 2, 840, 10040, 4, 3];
    /// id-dsa-with-sha224
    DSA_SHA224 = [2, 16, 840, 1, 101, 3, 4, 3, 1];
    /// id-dsa-with-sha256
    DSA_SHA256 = [2, 16, 840, 1, 101, 3, 4, 3, 2];
    /// ecdsa-with-SHA1
    ECDSA_SHA1 = [1, 2, 840, 10045, 4, 1];
    /// ecdsa-with-SHA224
    ECDSA_SHA224 = [1, 2, 840, 10045, 4, 3, 1];
    /// ecdsa-with-SHA256
    ECDSA_SHA256 = [1, 2, 840, 10045, 4, 3, 2];
    /// ecdsa-with-SHA384
    ECDSA_SHA384 = [1, 2, 840, 10045, 4, 3, 3];
    /// ecdsa-with-SHA512
    ECDSA_SHA512 = [1, 2, 840, 10045, 4, 3, 4];
    /// id-Ed25519
    ED25519 = [1, 3, 101, 112];
    /// id-Ed448
    ED448 = [1, 3, 101, 113];

    /// MD5
    MD5 = [1, 2, 840, 113549, 2, 5];
    /// SHA-1
    SHA1 = [1, 3, 14, 3, 2, 26];
    /// SHA-224
    SHA224 = [2, 16, 840, 1, 101, 3, 4, 2, 4];
    /// SHA-256
    SHA256 = [2, 16, 840, 1, 101, 3, 4, 2, 1];
    /// SHA-384
    SHA384 = [2, 16, 840, 1, 101, 3, 4, 2, 2];
    /// SHA-512
    SHA512 = [2, 16, 840, 1, 101, 3, 4, 2, 3];
}
