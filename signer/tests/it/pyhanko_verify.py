"""Judges every signature of a PDF with pyHanko, offline, at a given moment; one JSON array.

usage: pyhanko_verify.py DIR MOMENT FILE
"""
import datetime
import json
import sys

from asn1crypto import crl as asn1_crl
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

folder, moment, path = sys.argv[1:4]
cert = lambda name: load_cert_from_pemder(f"{folder}/{name}.pem")
crls = [asn1_crl.CertificateList.load(open(f"{folder}/{n}.crl", "rb").read()) for n in ("ca", "root")]


def context():
    return ValidationContext(
        trust_roots=[cert("root")], other_certs=[cert("ca")], crls=crls, allow_fetching=False,
        moment=datetime.datetime.fromtimestamp(int(moment), tz=datetime.timezone.utc),
        revocation_mode="hard-fail",
    )


rows = []
with open(path, "rb") as handle:
    reader = PdfFileReader(handle)
    for sig in reader.embedded_regular_signatures:
        status = validate_pdf_signature(sig, context(), context())
        rows.append({
            "field": sig.field_name,
            "bottom_line": status.bottom_line,
            "intact": status.intact,
            "coverage": status.coverage.name,
            "changes": status.modification_level.name,
            "timestamp": bool(status.timestamp_validity and status.timestamp_validity.valid),
        })
    for sig in reader.embedded_timestamp_signatures:
        status = validate_pdf_timestamp(sig, context())
        rows.append({"field": sig.field_name, "bottom_line": status.valid and status.intact, "intact": status.intact,
                     "coverage": status.coverage.name, "changes": "", "timestamp": True})
print(json.dumps(rows))
