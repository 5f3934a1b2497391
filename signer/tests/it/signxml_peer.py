"""Signs and verifies XML with signxml.

    signxml_peer.py sign   TIME FOLDER NAME KIND IN OUT            KIND: dsig, xades or enveloping
    signxml_peer.py verify TIME FOLDER KIND REFERENCES FILE CONTENT|-   prints {"valid": bool, "error": …}

TIME is in Unix seconds; FOLDER holds NAME.pem, NAME.key, ca.pem and root-and-ca.pem.
"""

import datetime
import json
import sys
import types
from pathlib import Path

import signxml.xades.xades
from lxml import etree
from signxml import CanonicalizationMethod, SignatureConfiguration, SignatureConstructionMethod, XMLSigner, XMLVerifier
from signxml.xades import (
    XAdESDataObjectFormat,
    XAdESSignatureConfiguration,
    XAdESSigner,
    XAdESVerifier,
)

EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
# Its references to XAdES properties name no transform, so that the inclusive form is what has to be digested
# (XMLDSig 4.4.3.2); asked for another form, signxml 5.2 digests that one, and xmlsec1 refuses the result like we do.
INCLUSIVE = CanonicalizationMethod.CANONICAL_XML_1_0


TIME = datetime.datetime.fromtimestamp(int(sys.argv[2]), datetime.timezone.utc)


class Clock(datetime.datetime):
    """The moment the tests play at, for a library that asks the machine."""

    @classmethod
    def now(cls, tz=None):
        return TIME


# What `import datetime` gives to it.
signxml.xades.xades.datetime = types.SimpleNamespace(datetime=Clock, timezone=datetime.timezone)


def sign(folder, name, kind, source, target):
    key = (folder / f"{name}.key").read_bytes()
    chain = (folder / f"{name}.pem").read_text() + (folder / "ca.pem").read_text()
    algorithm = "ecdsa-sha256" if b"EC " in key or len(key) < 1000 else "rsa-sha256"
    form = INCLUSIVE if kind == "xades" else EXCLUSIVE
    how = {"signature_algorithm": algorithm, "digest_algorithm": "sha256", "c14n_algorithm": form}
    data = etree.fromstring(Path(source).read_bytes())
    if kind == "xades":
        signer = XAdESSigner(
            data_object_format=XAdESDataObjectFormat(Description="test", MimeType="text/xml"), **how
        )
    else:
        methods = {
            "dsig": SignatureConstructionMethod.enveloped,
            "enveloping": SignatureConstructionMethod.enveloping,
        }
        signer = XMLSigner(method=methods[kind], **how)
    Path(target).write_bytes(etree.tostring(signer.sign(data, key=key, cert=chain)))


def verify(folder, kind, references, file, content):
    data = Path(file).read_bytes()
    how = {"ca_pem_file": str(folder / "root-and-ca.pem")}
    if content != "-":
        how["uri_resolver"] = lambda _uri: Path(content).read_bytes()
    try:
        if kind == "xades":
            config = XAdESSignatureConfiguration(expect_references=int(references), verification_time=TIME)
            results = XAdESVerifier().verify(data, expect_config=config, **how)
        else:
            config = SignatureConfiguration(expect_references=int(references), verification_time=TIME)
            results = XMLVerifier().verify(data, expect_config=config, **how)
        return {"valid": bool(results)}
    except Exception as error:
        return {"valid": False, "error": f"{type(error).__name__}: {error}"}


verb, folder = sys.argv[1], Path(sys.argv[3])
if verb == "sign":
    sign(folder, *sys.argv[4:])
else:
    print(json.dumps(verify(folder, *sys.argv[4:])))
