"""Makes and judges CMS files with pyHanko, offline, at a given moment.

usage: pyhanko_cms.py DIR sign MOMENT CONTENT OUT [OPTION...]   OPTION: attached, cades, timestamp, pss, sha512
       pyhanko_cms.py DIR verify MOMENT CONTENT FILE            prints a JSON object
"""
import asyncio
import datetime as real
import json
import sys

from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from pyhanko.keys import load_cert_from_pemder, load_private_key_from_pemder
from pyhanko.sign import signers, timestamps
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

folder, verb, moment, content, path = sys.argv[1:6]
options = set(sys.argv[6:])
at = real.datetime.fromtimestamp(int(moment), tz=real.timezone.utc)
cert = lambda name: load_cert_from_pemder(f"{folder}/{name}.pem")
key = lambda name: load_private_key_from_pemder(f"{folder}/{name}.key", passphrase=None)
registry = SimpleCertificateStore()
registry.register_multiple([cert("ca"), cert("root")])
data = open(content, "rb").read()


async def sign():
    signer = signers.SimpleSigner(
        signing_cert=cert("leader"), signing_key=key("leader"), cert_registry=registry, prefer_pss="pss" in options
    )
    stamper = timestamps.DummyTimeStamper(
        tsa_cert=cert("tsa"), tsa_key=key("tsa"), certs_to_embed=registry, fixed_dt=at
    )
    made = await signer.async_sign_general_data(
        data,
        digest_algorithm="sha512" if "sha512" in options else "sha256",
        detached="attached" not in options,
        use_cades="cades" in options,
        timestamper=stamper if "timestamp" in options else None,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=at),
    )
    open(path, "wb").write(made.dump())


async def verify():
    crls = [asn1_crl.CertificateList.load(open(f"{folder}/{n}.crl", "rb").read()) for n in ("ca", "root")]
    context = lambda: ValidationContext(
        trust_roots=[cert("root")], other_certs=[cert("ca")], crls=crls, allow_fetching=False, moment=at,
        revocation_mode="hard-fail",
    )
    signed = cms.ContentInfo.load(open(path, "rb").read())["content"]
    status = await async_validate_detached_cms(data, signed, context(), context())
    print(json.dumps({
        "valid": status.valid, "intact": status.intact, "trusted": status.trusted,
        "timestamp": bool(status.timestamp_validity and status.timestamp_validity.valid),
    }))


asyncio.run(sign() if verb == "sign" else verify())
