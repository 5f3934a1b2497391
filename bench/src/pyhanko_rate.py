"""How often a second of CPU time pyHanko judges a file, offline, with the file's own evidence.

usage: pyhanko_rate.py FILE ROOT SECONDS
"""
import io
import logging
import sys
import time

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_ltv_signature, RevocationInfoValidationType

logging.disable(logging.CRITICAL)
path, root, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
content = open(path, "rb").read()
anchor = load_cert_from_pemder(root)


def judge():
    reader = PdfFileReader(io.BytesIO(content))
    for sig in reader.embedded_regular_signatures:
        status = validate_pdf_ltv_signature(
            sig, RevocationInfoValidationType.PADES_LT,
            validation_context_kwargs={"trust_roots": [anchor], "allow_fetching": False},
        )
        assert status.bottom_line, status.summary()


judge()
count, start = 0, time.process_time()
while time.process_time() - start < seconds:
    judge()
    count += 1
print(count / (time.process_time() - start))
