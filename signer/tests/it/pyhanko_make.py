"""Signs a PDF with pyHanko, offline, at a given moment.

usage: pyhanko_make.py DIR LEVEL WHO MOMENT IN OUT FIELD [OPTION...]
LEVEL: b, t, lt, lta, pkcs7. OPTION: visible, stream, certify1, certify2, field-only, fill-form, annotate
"""
import asyncio
import datetime as real
import io
import sys

from asn1crypto import crl as asn1_crl
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import pdf_cms, pdf_signer
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

folder, level, who, moment, source, target, field = sys.argv[1:8]
options = set(sys.argv[8:])
at = real.datetime.fromtimestamp(int(moment), tz=real.timezone.utc)


class FixedClock(real.datetime):
    @classmethod
    def now(cls, tz=None):
        return at.astimezone(tz) if tz else at.replace(tzinfo=None)


for module in (pdf_signer, pdf_cms, timestamps):
    if hasattr(module, "datetime") and isinstance(module.datetime, type):
        module.datetime = FixedClock

cert = lambda name: load_cert_from_pemder(f"{folder}/{name}.pem")
registry = SimpleCertificateStore()
registry.register_multiple([cert("ca"), cert("root")])


def key(name):
    from pyhanko.keys import load_private_key_from_pemder

    return load_private_key_from_pemder(f"{folder}/{name}.key", passphrase=None)


signer = signers.SimpleSigner(
    signing_cert=cert(who), signing_key=key(who), cert_registry=registry, prefer_pss="pss" in options
)
stamper = timestamps.DummyTimeStamper(
    tsa_cert=cert("tsa"), tsa_key=key("tsa"), certs_to_embed=registry, fixed_dt=at
)
crls = [asn1_crl.CertificateList.load(open(f"{folder}/{n}.crl", "rb").read()) for n in ("ca", "root")]
context = ValidationContext(
    trust_roots=[cert("root")], other_certs=[cert("ca")], crls=crls, allow_fetching=False,
    moment=at, revocation_mode="hard-fail",
)
with open(source, "rb") as handle:
    writer = IncrementalPdfFileWriter(io.BytesIO(handle.read()))
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha512" if "ed25519" in options else "sha256",
        reason="Thử nghiệm",
        name="pyHanko",
        subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED if level == "pkcs7" else SigSeedSubFilter.PADES,
        embed_validation_info=level in ("lt", "lta"),
        use_pades_lta=level == "lta",
        validation_context=context if level in ("lt", "lta") else None,
        certify=bool(options & {"certify1", "certify2"}),
        docmdp_permissions=MDPPerm.NO_CHANGES if "certify1" in options else MDPPerm.FILL_FORMS,
    )
    box = (50, 50, 250, 110) if "visible" in options else None
    spec = SigFieldSpec(sig_field_name=field, box=box)
    if "field-only" in options:
        fields.append_signature_field(writer, spec)
        out = io.BytesIO()
        writer.write(out)
    else:
        out = signers.PdfSigner(
            meta, signer=signer, timestamper=None if level in ("b", "pkcs7") else stamper, new_field_spec=spec
        ).sign_pdf(writer)
    open(target, "wb").write(out.getvalue())
