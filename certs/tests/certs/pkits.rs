//! NIST's Public Key Interoperability Test Suite, version 1.0.1, sections 4.1 to 4.16, as a table.
//!
//! Certificates and lists come from `scripts/test-tools` (the folder `pkits` beside the programs `CONGVAN_PYHANKO` names);
//! without them this test fails and says so. Each test gets *all* certificates and lists of the suite as evidence, so
//! that building the path is tested as well, and requires revocation to be known for every certificate. All answers are
//! the suite's; there is no deviation to explain. DSA (4.1.4 to 4.1.6) is verified here and reported as weak.

use std::path::PathBuf;

use certs::der::Oid;
use certs::path::{Evidence, PathVerdict, Profile, Question, Revocation, judge};
use certs::revocation::Crl;
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, Limits};

use crate::world::{NOW, word};

/// Number, end certificate, settings, expected word. Settings left out have the suite's defaults: any policy, explicit
/// policy and the inhibitions off. `P1` … `P6` are NIST-test-policy-1 … 6.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("4.1.1",  "ValidCertificatePathTest1",                         "",                "valid"),
    ("4.1.2",  "InvalidCASignatureTest2",                           "",                "signature"),
    ("4.1.3",  "InvalidEESignatureTest3",                           "",                "signature"),
    ("4.1.4",  "ValidDSASignaturesTest4",                           "",                "valid"),
    ("4.1.5",  "ValidDSAParameterInheritanceTest5",                 "",                "valid"),
    ("4.1.6",  "InvalidDSASignatureTest6",                          "",                "signature"),
    ("4.2.1",  "InvalidCAnotBeforeDateTest1",                       "",                "not-yet-valid"),
    ("4.2.2",  "InvalidEEnotBeforeDateTest2",                       "",                "not-yet-valid"),
    ("4.2.3",  "Validpre2000UTCnotBeforeDateTest3",                 "",                "valid"),
    ("4.2.4",  "ValidGeneralizedTimenotBeforeDateTest4",            "",                "valid"),
    ("4.2.5",  "InvalidCAnotAfterDateTest5",                        "",                "expired"),
    ("4.2.6",  "InvalidEEnotAfterDateTest6",                        "",                "expired"),
    ("4.2.7",  "Invalidpre2000UTCEEnotAfterDateTest7",              "",                "expired"),
    ("4.2.8",  "ValidGeneralizedTimenotAfterDateTest8",             "",                "valid"),
    ("4.3.1",  "InvalidNameChainingTest1",                          "",                "lacks-issuer"),
    ("4.3.2",  "InvalidNameChainingOrderTest2",                     "",                "lacks-issuer"),
    ("4.3.3",  "ValidNameChainingWhitespaceTest3",                  "",                "valid"),
    ("4.3.4",  "ValidNameChainingWhitespaceTest4",                  "",                "valid"),
    ("4.3.5",  "ValidNameChainingCapitalizationTest5",              "",                "valid"),
    ("4.3.6",  "ValidNameUIDsTest6",                                "",                "valid"),
    ("4.3.7",  "ValidRFC3280MandatoryAttributeTypesTest7",          "",                "valid"),
    ("4.3.8",  "ValidRFC3280OptionalAttributeTypesTest8",           "",                "valid"),
    ("4.3.9",  "ValidUTF8StringEncodedNamesTest9",                  "",                "valid"),
    ("4.3.10", "ValidRolloverfromPrintableStringtoUTF8StringTest10", "",                "valid"),
    ("4.3.11", "ValidUTF8StringCaseInsensitiveMatchTest11",         "",                "valid"),
    ("4.4.1",  "InvalidMissingCRLTest1",                            "",                "lacks-revocation"),
    ("4.4.2",  "InvalidRevokedCATest2",                             "",                "revoked"),
    ("4.4.3",  "InvalidRevokedEETest3",                             "",                "revoked"),
    ("4.4.4",  "InvalidBadCRLSignatureTest4",                       "",                "lacks-revocation"),
    ("4.4.5",  "InvalidBadCRLIssuerNameTest5",                      "",                "lacks-revocation"),
    ("4.4.6",  "InvalidWrongCRLTest6",                              "",                "lacks-revocation"),
    ("4.4.7",  "ValidTwoCRLsTest7",                                 "",                "valid"),
    ("4.4.8",  "InvalidUnknownCRLEntryExtensionTest8",              "",                "lacks-revocation"),
    ("4.4.9",  "InvalidUnknownCRLExtensionTest9",                   "",                "lacks-revocation"),
    ("4.4.10", "InvalidUnknownCRLExtensionTest10",                  "",                "lacks-revocation"),
    ("4.4.11", "InvalidOldCRLnextUpdateTest11",                     "",                "lacks-revocation"),
    ("4.4.12", "Invalidpre2000CRLnextUpdateTest12",                 "",                "lacks-revocation"),
    ("4.4.13", "ValidGeneralizedTimeCRLnextUpdateTest13",           "",                "valid"),
    ("4.4.14", "ValidNegativeSerialNumberTest14",                   "",                "valid"),
    ("4.4.15", "InvalidNegativeSerialNumberTest15",                 "",                "revoked"),
    ("4.4.16", "ValidLongSerialNumberTest16",                       "",                "valid"),
    ("4.4.17", "ValidLongSerialNumberTest17",                       "",                "valid"),
    ("4.4.18", "InvalidLongSerialNumberTest18",                     "",                "revoked"),
    ("4.4.19", "ValidSeparateCertificateandCRLKeysTest19",          "",                "valid"),
    ("4.4.20", "InvalidSeparateCertificateandCRLKeysTest20",        "",                "revoked"),
    ("4.4.21", "InvalidSeparateCertificateandCRLKeysTest21",        "",                "lacks-revocation"),
    ("4.5.1",  "ValidBasicSelfIssuedOldWithNewTest1",               "",                "valid"),
    ("4.5.2",  "InvalidBasicSelfIssuedOldWithNewTest2",             "",                "revoked"),
    ("4.5.3",  "ValidBasicSelfIssuedNewWithOldTest3",               "",                "valid"),
    ("4.5.4",  "ValidBasicSelfIssuedNewWithOldTest4",               "",                "valid"),
    ("4.5.5",  "InvalidBasicSelfIssuedNewWithOldTest5",             "",                "revoked"),
    ("4.5.6",  "ValidBasicSelfIssuedCRLSigningKeyTest6",            "",                "valid"),
    ("4.5.7",  "InvalidBasicSelfIssuedCRLSigningKeyTest7",          "",                "revoked"),
    ("4.5.8",  "InvalidBasicSelfIssuedCRLSigningKeyTest8",          "",                "not-authority"),
    ("4.6.1",  "InvalidMissingbasicConstraintsTest1",               "",                "not-authority"),
    ("4.6.2",  "InvalidcAFalseTest2",                               "",                "not-authority"),
    ("4.6.3",  "InvalidcAFalseTest3",                               "",                "not-authority"),
    ("4.6.4",  "ValidbasicConstraintsNotCriticalTest4",             "",                "valid"),
    ("4.6.5",  "InvalidpathLenConstraintTest5",                     "",                "path-length"),
    ("4.6.6",  "InvalidpathLenConstraintTest6",                     "",                "path-length"),
    ("4.6.7",  "ValidpathLenConstraintTest7",                       "",                "valid"),
    ("4.6.8",  "ValidpathLenConstraintTest8",                       "",                "valid"),
    ("4.6.9",  "InvalidpathLenConstraintTest9",                     "",                "path-length"),
    ("4.6.10", "InvalidpathLenConstraintTest10",                    "",                "path-length"),
    ("4.6.11", "InvalidpathLenConstraintTest11",                    "",                "path-length"),
    ("4.6.12", "InvalidpathLenConstraintTest12",                    "",                "path-length"),
    ("4.6.13", "ValidpathLenConstraintTest13",                      "",                "valid"),
    ("4.6.14", "ValidpathLenConstraintTest14",                      "",                "valid"),
    ("4.6.15", "ValidSelfIssuedpathLenConstraintTest15",            "",                "valid"),
    ("4.6.16", "InvalidSelfIssuedpathLenConstraintTest16",          "",                "path-length"),
    ("4.6.17", "ValidSelfIssuedpathLenConstraintTest17",            "",                "valid"),
    ("4.7.1",  "InvalidkeyUsageCriticalkeyCertSignFalseTest1",      "",                "may-not-sign-certificates"),
    ("4.7.2",  "InvalidkeyUsageNotCriticalkeyCertSignFalseTest2",   "",                "may-not-sign-certificates"),
    ("4.7.3",  "ValidkeyUsageNotCriticalTest3",                     "",                "valid"),
    ("4.7.4",  "InvalidkeyUsageCriticalcRLSignFalseTest4",          "",                "lacks-revocation"),
    ("4.7.5",  "InvalidkeyUsageNotCriticalcRLSignFalseTest5",       "",                "lacks-revocation"),
    ("4.8.1",  "ValidCertificatePathTest1",                         "explicit",        "valid"),
    ("4.8.1",  "ValidCertificatePathTest1",                         "explicit P1",     "valid"),
    ("4.8.1",  "ValidCertificatePathTest1",                         "explicit P2",     "policy"),
    ("4.8.1",  "ValidCertificatePathTest1",                         "explicit P1 P2",  "valid"),
    ("4.8.2",  "AllCertificatesNoPoliciesTest2",                    "",                "valid"),
    ("4.8.2",  "AllCertificatesNoPoliciesTest2",                    "explicit",        "policy"),
    ("4.8.3",  "DifferentPoliciesTest3",                            "",                "valid"),
    ("4.8.3",  "DifferentPoliciesTest3",                            "explicit",        "policy"),
    ("4.8.3",  "DifferentPoliciesTest3",                            "explicit P1 P2",  "policy"),
    ("4.8.4",  "DifferentPoliciesTest4",                            "",                "policy"),
    ("4.8.5",  "DifferentPoliciesTest5",                            "",                "policy"),
    ("4.8.6",  "OverlappingPoliciesTest6",                          "",                "valid"),
    ("4.8.6",  "OverlappingPoliciesTest6",                          "P1",              "valid"),
    ("4.8.6",  "OverlappingPoliciesTest6",                          "P2",              "policy"),
    ("4.8.7",  "DifferentPoliciesTest7",                            "",                "policy"),
    ("4.8.8",  "DifferentPoliciesTest8",                            "",                "policy"),
    ("4.8.9",  "DifferentPoliciesTest9",                            "",                "policy"),
    ("4.8.10", "AllCertificatesSamePoliciesTest10",                 "",                "valid"),
    ("4.8.10", "AllCertificatesSamePoliciesTest10",                 "P1",              "valid"),
    ("4.8.10", "AllCertificatesSamePoliciesTest10",                 "P2",              "valid"),
    ("4.8.11", "AllCertificatesanyPolicyTest11",                    "",                "valid"),
    ("4.8.11", "AllCertificatesanyPolicyTest11",                    "P1",              "valid"),
    ("4.8.12", "DifferentPoliciesTest12",                           "",                "policy"),
    ("4.8.13", "AllCertificatesSamePoliciesTest13",                 "P1",              "valid"),
    ("4.8.13", "AllCertificatesSamePoliciesTest13",                 "P2",              "valid"),
    ("4.8.13", "AllCertificatesSamePoliciesTest13",                 "P3",              "valid"),
    ("4.8.14", "AnyPolicyTest14",                                   "P1",              "valid"),
    ("4.8.14", "AnyPolicyTest14",                                   "P2",              "policy"),
    ("4.8.15", "UserNoticeQualifierTest15",                         "",                "valid"),
    ("4.8.16", "UserNoticeQualifierTest16",                         "",                "valid"),
    ("4.8.17", "UserNoticeQualifierTest17",                         "",                "valid"),
    ("4.8.18", "UserNoticeQualifierTest18",                         "P1",              "valid"),
    ("4.8.18", "UserNoticeQualifierTest18",                         "P2",              "valid"),
    ("4.8.19", "UserNoticeQualifierTest19",                         "",                "valid"),
    ("4.8.20", "CPSPointerQualifierTest20",                         "",                "valid"),
    ("4.9.1",  "ValidrequireExplicitPolicyTest1",                   "",                "valid"),
    ("4.9.2",  "ValidrequireExplicitPolicyTest2",                   "",                "valid"),
    ("4.9.3",  "InvalidrequireExplicitPolicyTest3",                 "",                "policy"),
    ("4.9.4",  "ValidrequireExplicitPolicyTest4",                   "",                "valid"),
    ("4.9.5",  "InvalidrequireExplicitPolicyTest5",                 "",                "policy"),
    ("4.9.6",  "ValidSelfIssuedrequireExplicitPolicyTest6",         "",                "valid"),
    ("4.9.7",  "InvalidSelfIssuedrequireExplicitPolicyTest7",       "",                "policy"),
    ("4.9.8",  "InvalidSelfIssuedrequireExplicitPolicyTest8",       "",                "policy"),
    ("4.10.1", "ValidPolicyMappingTest1",                           "P1",              "valid"),
    ("4.10.1", "ValidPolicyMappingTest1",                           "P2",              "policy"),
    ("4.10.1", "ValidPolicyMappingTest1",                           "no-mapping",      "policy"),
    ("4.10.2", "InvalidPolicyMappingTest2",                         "",                "policy"),
    ("4.10.2", "InvalidPolicyMappingTest2",                         "no-mapping",      "policy"),
    ("4.10.3", "ValidPolicyMappingTest3",                           "P1",              "policy"),
    ("4.10.3", "ValidPolicyMappingTest3",                           "P2",              "valid"),
    ("4.10.4", "InvalidPolicyMappingTest4",                         "",                "policy"),
    ("4.10.5", "ValidPolicyMappingTest5",                           "P1",              "valid"),
    ("4.10.5", "ValidPolicyMappingTest5",                           "P6",              "policy"),
    ("4.10.6", "ValidPolicyMappingTest6",                           "P1",              "valid"),
    ("4.10.6", "ValidPolicyMappingTest6",                           "P6",              "policy"),
    ("4.10.7", "InvalidMappingFromanyPolicyTest7",                  "",                "policy"),
    ("4.10.8", "InvalidMappingToanyPolicyTest8",                    "",                "policy"),
    ("4.10.9", "ValidPolicyMappingTest9",                           "",                "valid"),
    ("4.10.10", "InvalidPolicyMappingTest10",                        "",                "policy"),
    ("4.10.11", "ValidPolicyMappingTest11",                          "",                "valid"),
    ("4.10.12", "ValidPolicyMappingTest12",                          "P1",              "valid"),
    ("4.10.12", "ValidPolicyMappingTest12",                          "P2",              "valid"),
    ("4.10.13", "ValidPolicyMappingTest13",                          "",                "valid"),
    ("4.10.14", "ValidPolicyMappingTest14",                          "",                "valid"),
    ("4.11.1", "InvalidinhibitPolicyMappingTest1",                  "",                "policy"),
    ("4.11.2", "ValidinhibitPolicyMappingTest2",                    "",                "valid"),
    ("4.11.3", "InvalidinhibitPolicyMappingTest3",                  "",                "policy"),
    ("4.11.4", "ValidinhibitPolicyMappingTest4",                    "",                "valid"),
    ("4.11.5", "InvalidinhibitPolicyMappingTest5",                  "",                "policy"),
    ("4.11.6", "InvalidinhibitPolicyMappingTest6",                  "",                "policy"),
    ("4.11.7", "ValidSelfIssuedinhibitPolicyMappingTest7",          "",                "valid"),
    ("4.11.8", "InvalidSelfIssuedinhibitPolicyMappingTest8",        "",                "policy"),
    ("4.11.9", "InvalidSelfIssuedinhibitPolicyMappingTest9",        "",                "policy"),
    ("4.11.10", "InvalidSelfIssuedinhibitPolicyMappingTest10",       "",                "policy"),
    ("4.11.11", "InvalidSelfIssuedinhibitPolicyMappingTest11",       "",                "policy"),
    ("4.12.1", "InvalidinhibitAnyPolicyTest1",                      "",                "policy"),
    ("4.12.2", "ValidinhibitAnyPolicyTest2",                        "",                "valid"),
    ("4.12.3", "inhibitAnyPolicyTest3",                             "",                "valid"),
    ("4.12.3", "inhibitAnyPolicyTest3",                             "no-any",          "policy"),
    ("4.12.4", "InvalidinhibitAnyPolicyTest4",                      "",                "policy"),
    ("4.12.5", "InvalidinhibitAnyPolicyTest5",                      "",                "policy"),
    ("4.12.6", "InvalidinhibitAnyPolicyTest6",                      "",                "policy"),
    ("4.12.7", "ValidSelfIssuedinhibitAnyPolicyTest7",              "",                "valid"),
    ("4.12.8", "InvalidSelfIssuedinhibitAnyPolicyTest8",            "",                "policy"),
    ("4.12.9", "ValidSelfIssuedinhibitAnyPolicyTest9",              "",                "valid"),
    ("4.12.10", "InvalidSelfIssuedinhibitAnyPolicyTest10",           "",                "policy"),
    ("4.13.1", "ValidDNnameConstraintsTest1",                       "",                "valid"),
    ("4.13.2", "InvalidDNnameConstraintsTest2",                     "",                "name-constraints"),
    ("4.13.3", "InvalidDNnameConstraintsTest3",                     "",                "name-constraints"),
    ("4.13.4", "ValidDNnameConstraintsTest4",                       "",                "valid"),
    ("4.13.5", "ValidDNnameConstraintsTest5",                       "",                "valid"),
    ("4.13.6", "ValidDNnameConstraintsTest6",                       "",                "valid"),
    ("4.13.7", "InvalidDNnameConstraintsTest7",                     "",                "name-constraints"),
    ("4.13.8", "InvalidDNnameConstraintsTest8",                     "",                "name-constraints"),
    ("4.13.9", "InvalidDNnameConstraintsTest9",                     "",                "name-constraints"),
    ("4.13.10", "InvalidDNnameConstraintsTest10",                    "",                "name-constraints"),
    ("4.13.11", "ValidDNnameConstraintsTest11",                      "",                "valid"),
    ("4.13.12", "InvalidDNnameConstraintsTest12",                    "",                "name-constraints"),
    ("4.13.13", "InvalidDNnameConstraintsTest13",                    "",                "name-constraints"),
    ("4.13.14", "ValidDNnameConstraintsTest14",                      "",                "valid"),
    ("4.13.15", "InvalidDNnameConstraintsTest15",                    "",                "name-constraints"),
    ("4.13.16", "InvalidDNnameConstraintsTest16",                    "",                "name-constraints"),
    ("4.13.17", "InvalidDNnameConstraintsTest17",                    "",                "name-constraints"),
    ("4.13.18", "ValidDNnameConstraintsTest18",                      "",                "valid"),
    ("4.13.19", "ValidDNnameConstraintsTest19",                      "",                "valid"),
    ("4.13.20", "InvalidDNnameConstraintsTest20",                    "",                "name-constraints"),
    ("4.13.21", "ValidRFC822nameConstraintsTest21",                  "",                "valid"),
    ("4.13.22", "InvalidRFC822nameConstraintsTest22",                "",                "name-constraints"),
    ("4.13.23", "ValidRFC822nameConstraintsTest23",                  "",                "valid"),
    ("4.13.24", "InvalidRFC822nameConstraintsTest24",                "",                "name-constraints"),
    ("4.13.25", "ValidRFC822nameConstraintsTest25",                  "",                "valid"),
    ("4.13.26", "InvalidRFC822nameConstraintsTest26",                "",                "name-constraints"),
    ("4.13.27", "ValidDNandRFC822nameConstraintsTest27",             "",                "valid"),
    ("4.13.28", "InvalidDNandRFC822nameConstraintsTest28",           "",                "name-constraints"),
    ("4.13.29", "InvalidDNandRFC822nameConstraintsTest29",           "",                "name-constraints"),
    ("4.13.30", "ValidDNSnameConstraintsTest30",                     "",                "valid"),
    ("4.13.31", "InvalidDNSnameConstraintsTest31",                   "",                "name-constraints"),
    ("4.13.32", "ValidDNSnameConstraintsTest32",                     "",                "valid"),
    ("4.13.33", "InvalidDNSnameConstraintsTest33",                   "",                "name-constraints"),
    ("4.13.34", "ValidURInameConstraintsTest34",                     "",                "valid"),
    ("4.13.35", "InvalidURInameConstraintsTest35",                   "",                "name-constraints"),
    ("4.13.36", "ValidURInameConstraintsTest36",                     "",                "valid"),
    ("4.13.37", "InvalidURInameConstraintsTest37",                   "",                "name-constraints"),
    ("4.13.38", "InvalidDNSnameConstraintsTest38",                   "",                "name-constraints"),
    ("4.14.1", "ValiddistributionPointTest1",                       "",                "valid"),
    ("4.14.2", "InvaliddistributionPointTest2",                     "",                "revoked"),
    ("4.14.3", "InvaliddistributionPointTest3",                     "",                "lacks-revocation"),
    ("4.14.4", "ValiddistributionPointTest4",                       "",                "valid"),
    ("4.14.5", "ValiddistributionPointTest5",                       "",                "valid"),
    ("4.14.6", "InvaliddistributionPointTest6",                     "",                "revoked"),
    ("4.14.7", "ValiddistributionPointTest7",                       "",                "valid"),
    ("4.14.8", "InvaliddistributionPointTest8",                     "",                "lacks-revocation"),
    ("4.14.9", "InvaliddistributionPointTest9",                     "",                "lacks-revocation"),
    ("4.14.10", "ValidNoissuingDistributionPointTest10",             "",                "valid"),
    ("4.14.11", "InvalidonlyContainsUserCertsTest11",                "",                "lacks-revocation"),
    ("4.14.12", "InvalidonlyContainsCACertsTest12",                  "",                "lacks-revocation"),
    ("4.14.13", "ValidonlyContainsCACertsTest13",                    "",                "valid"),
    ("4.14.14", "InvalidonlyContainsAttributeCertsTest14",           "",                "lacks-revocation"),
    ("4.14.15", "InvalidonlySomeReasonsTest15",                      "",                "revoked"),
    ("4.14.16", "InvalidonlySomeReasonsTest16",                      "",                "revoked"),
    ("4.14.17", "InvalidonlySomeReasonsTest17",                      "",                "lacks-revocation"),
    ("4.14.18", "ValidonlySomeReasonsTest18",                        "",                "valid"),
    ("4.14.19", "ValidonlySomeReasonsTest19",                        "",                "valid"),
    ("4.14.20", "InvalidonlySomeReasonsTest20",                      "",                "revoked"),
    ("4.14.21", "InvalidonlySomeReasonsTest21",                      "",                "revoked"),
    ("4.14.22", "ValidIDPwithindirectCRLTest22",                     "",                "valid"),
    ("4.14.23", "InvalidIDPwithindirectCRLTest23",                   "",                "revoked"),
    ("4.14.24", "ValidIDPwithindirectCRLTest24",                     "",                "valid"),
    ("4.14.25", "ValidIDPwithindirectCRLTest25",                     "",                "valid"),
    ("4.14.26", "InvalidIDPwithindirectCRLTest26",                   "",                "lacks-revocation"),
    ("4.14.27", "InvalidcRLIssuerTest27",                            "",                "lacks-revocation"),
    ("4.14.28", "ValidcRLIssuerTest28",                              "",                "valid"),
    ("4.14.29", "ValidcRLIssuerTest29",                              "",                "valid"),
    ("4.14.30", "ValidcRLIssuerTest30",                              "",                "valid"),
    ("4.14.31", "InvalidcRLIssuerTest31",                            "",                "revoked"),
    ("4.14.32", "InvalidcRLIssuerTest32",                            "",                "revoked"),
    ("4.14.33", "ValidcRLIssuerTest33",                              "",                "valid"),
    ("4.14.34", "InvalidcRLIssuerTest34",                            "",                "revoked"),
    ("4.14.35", "InvalidcRLIssuerTest35",                            "",                "lacks-revocation"),
    ("4.15.1", "InvaliddeltaCRLIndicatorNoBaseTest1",               "",                "lacks-revocation"),
    ("4.15.2", "ValiddeltaCRLTest2",                                "",                "valid"),
    ("4.15.3", "InvaliddeltaCRLTest3",                              "",                "revoked"),
    ("4.15.4", "InvaliddeltaCRLTest4",                              "",                "revoked"),
    ("4.15.5", "ValiddeltaCRLTest5",                                "",                "valid"),
    ("4.15.6", "InvaliddeltaCRLTest6",                              "",                "revoked"),
    ("4.15.7", "ValiddeltaCRLTest7",                                "",                "valid"),
    ("4.15.8", "ValiddeltaCRLTest8",                                "",                "valid"),
    ("4.15.9", "InvaliddeltaCRLTest9",                              "",                "revoked"),
    ("4.15.10", "InvaliddeltaCRLTest10",                             "",                "lacks-revocation"),
    ("4.16.1", "ValidUnknownNotCriticalCertificateExtensionTest1",  "",                "valid"),
    ("4.16.2", "InvalidUnknownCriticalCertificateExtensionTest2",   "",                "unknown-critical"),
];

fn folder() -> PathBuf {
    let programs = std::env::var_os("CONGVAN_PYHANKO").map(PathBuf::from);
    let programs =
        programs.expect("CONGVAN_PYHANKO is not set: scripts/test-tools says where (make test does)");
    let folder = programs.parent().expect("a folder above the programs").join("pkits");
    assert!(folder.is_dir(), "{} is missing: scripts/test-tools makes it", folder.display());
    folder
}

fn files(kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder().join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

struct Suite {
    certificates: Vec<(String, Certificate)>,
    evidence: Evidence,
    trust: TrustStore,
}

impl Suite {
    fn read() -> Suite {
        let limits = Limits::default();
        let certificates: Vec<(String, Certificate)> = files("certs")
            .into_iter()
            .map(|(name, der)| {
                (name.clone(), Certificate::from_der(&der).unwrap_or_else(|e| panic!("{name}: {e}")))
            })
            .collect();
        let crls = files("crls")
            .into_iter()
            .map(|(name, der)| Crl::from_der(&der, &limits).unwrap_or_else(|e| panic!("{name}: {e}")))
            .collect();
        let evidence = Evidence {
            certificates: certificates.iter().map(|(_, certificate)| certificate.clone()).collect(),
            crls,
            ocsp: Vec::new(),
        };
        let mut suite = Suite { certificates, evidence, trust: TrustStore::new() };
        let root = suite.certificate("TrustAnchorRootCertificate").clone();
        let stated = root.sha256();
        suite.trust.add(Anchor::new(root, stated, &[Purpose::Any], Hierarchy::Other, "NIST").unwrap());
        suite
    }

    fn certificate(&self, name: &str) -> &Certificate {
        let found = self.certificates.iter().find(|(own, _)| own == name);
        &found.unwrap_or_else(|| panic!("{name} is not in the suite")).1
    }

    fn judge(&self, end: &str, settings: &str, profile: Profile) -> PathVerdict {
        let mut question = Question::new(Purpose::Any, NOW);
        question.revocation = Revocation::Require;
        question.profile = profile;
        for setting in settings.split_whitespace() {
            match setting.strip_prefix('P').map(|number| number.parse::<u32>().unwrap()) {
                Some(number) => question.policies.push(policy(number)),
                None if setting == "explicit" => question.explicit_policy = true,
                None if setting == "no-mapping" => question.inhibit_mapping = true,
                None if setting == "no-any" => question.inhibit_any = true,
                None => panic!("{setting}"),
            }
        }
        let leaf = self.certificate(&format!("{end}EE"));
        judge(leaf, &self.evidence, &self.trust, &question, &Limits::default())
    }
}

/// 2.16.840.1.101.3.2.1.48.n
fn policy(number: u32) -> Oid {
    Oid::new(&[2, 16, 840, 1, 101, 3, 2, 1, 48, number])
}

/// The lenient answer is the table's. The strict one is as valid; two certificates break a rule for issuers besides, and
/// their reason may be that.
#[test]
fn every_test_of_sections_4_1_to_4_16() {
    let suite = Suite::read();
    let mut wrong = Vec::new();
    for (number, end, settings, expected) in TABLE {
        let verdict = suite.judge(end, settings, Profile::Lenient);
        let strict = suite.judge(end, settings, Profile::Strict);
        let differs = matches!(strict, PathVerdict::Valid(_)) != (*expected == "valid");
        if word(&verdict) != *expected || differs {
            wrong.push(format!(
                "{number} {end} [{settings}]: {expected} expected: {verdict:.400?}, {strict:.400?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

/// What a path rests on is named, signers of lists included (RULES D31).
#[test]
fn d31_the_evidence_of_an_indirect_list_names_its_signer() {
    let suite = Suite::read();
    let verdict = suite.judge("ValidcRLIssuerTest29", "", Profile::Lenient);
    let leaf = &verdict.path().unwrap().statuses()[0];
    let signer = suite.certificate("indirectCRLCA3cRLIssuerCert");
    assert_eq!(leaf.signers, std::slice::from_ref(signer));
    // A complete list and its delta; two lists for half of the reasons each.
    for end in ["ValiddeltaCRLTest2", "ValidonlySomeReasonsTest19"] {
        let verdict = suite.judge(end, "", Profile::Lenient);
        let leaf = &verdict.path().unwrap().statuses()[0];
        assert_eq!((leaf.source.is_some(), leaf.more_sources.len()), (true, 1), "{end}: {leaf:?}");
    }
    // A DSA signature is verified and never hidden (D29).
    let verdict = suite.judge("ValidDSASignaturesTest4", "", Profile::Lenient);
    assert!(verdict.path().unwrap().weaknesses().len() >= 2, "{verdict:?}");
}
