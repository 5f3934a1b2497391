"""Judges an archived PDF with pyHanko from the evidence in its document security store alone, at a later moment; one
JSON array, the document timestamps last.

usage: pyhanko_archive.py DIR MOMENT FILE
"""
import datetime
import json
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature, validate_pdf_timestamp

folder, moment, path = sys.argv[1:4]
rows = []
with open(path, "rb") as handle:
    reader = PdfFileReader(handle)
    store = DocumentSecurityStore.read_dss(reader)

    def context():
        return store.as_validation_context({
            "trust_roots": [load_cert_from_pemder(f"{folder}/root.pem")],
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
            "moment": datetime.datetime.fromtimestamp(int(moment), tz=datetime.timezone.utc),
        })

    for sig in reader.embedded_regular_signatures:
        status = validate_pdf_signature(sig, context(), context())
        stamp = status.timestamp_validity
        rows.append({"field": sig.field_name, "good": status.bottom_line, "stamped": bool(stamp and stamp.trusted)})
    for sig in reader.embedded_timestamp_signatures:
        status = validate_pdf_timestamp(sig, context())
        rows.append({"field": sig.field_name, "good": status.valid and status.intact and status.trusted,
                     "stamped": True})
print(json.dumps(rows))
