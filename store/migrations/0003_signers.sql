-- Whose certificate is this?
--
-- Why: whoever checks a file in hand knows its signer's certificate and not the agency that registered it.

CREATE INDEX signer_by_fingerprint ON signer_certificate (fingerprint);
