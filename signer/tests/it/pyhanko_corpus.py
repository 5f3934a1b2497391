"""Makes documents as other people's software makes them, signs them with pyHanko, and asks pyHanko what it thinks.

usage: pyhanko_corpus.py DIR MOMENT OUT
DIR: certificates, keys and lists as the tests write them. OUT: one PDF per row and `rows.json`, an array of
{"name", "expect", "pyhanko"}; `expect` is the class of every signature, or the code of the first one's fault.
"""
import asyncio
import datetime as real
import io
import json
import re
import subprocess
import sys
import zlib

from asn1crypto import crl as asn1_crl
from pyhanko.keys import load_cert_from_pemder, load_private_key_from_pemder
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import pdf_cms, pdf_signer
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

folder, moment, out_dir = sys.argv[1:4]
now = int(moment)


class Clock(real.datetime):
    at = now

    @classmethod
    def now(cls, tz=None):
        at = real.datetime.fromtimestamp(cls.at, tz=real.timezone.utc)
        return at.astimezone(tz) if tz else at.replace(tzinfo=None)


for module in (pdf_signer, pdf_cms, timestamps):
    if hasattr(module, "datetime") and isinstance(module.datetime, type):
        module.datetime = Clock

cert = lambda name: load_cert_from_pemder(f"{folder}/{name}.pem")
key = lambda name: load_private_key_from_pemder(f"{folder}/{name}.key", passphrase=None)
registry = SimpleCertificateStore()
registry.register_multiple([cert("ca"), cert("root")])
crls = [asn1_crl.CertificateList.load(open(f"{folder}/{n}.crl", "rb").read()) for n in ("ca", "root")]
hands = {
    who: signers.SimpleSigner(signing_cert=cert(who), signing_key=key(who), cert_registry=registry)
    for who in ("leader", "seal")
}
tsa = (cert("tsa"), key("tsa"))


def stamper():
    at = real.datetime.fromtimestamp(Clock.at, tz=real.timezone.utc)
    return timestamps.DummyTimeStamper(tsa_cert=tsa[0], tsa_key=tsa[1], certs_to_embed=registry, fixed_dt=at)


def context():
    return ValidationContext(
        trust_roots=[cert("root")], other_certs=[cert("ca")], crls=crls, allow_fetching=False,
        moment=real.datetime.fromtimestamp(Clock.at, tz=real.timezone.utc), revocation_mode="hard-fail",
    )


# ---- documents -------------------------------------------------------------------------------------------------

CONTENT = b"BT /F 14 Tf 72 760 Td (QUYET DINH) Tj 0 -40 Td (Dieu 1. Thu nghiem.) Tj ET"


def stream(data, entries=""):
    return b"<<" + entries.encode() + b"/Length %d>>\nstream\n" % len(data) + data + b"\nendstream"


def base(**more):
    """Objects 1-6 of a plain page; `more` replaces or adds by number (o7=...)."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>",
        4: stream(CONTENT),
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
        6: b"<</Producer(someone)/Title(Quyet dinh)>>",
    }
    for name, body in more.items():
        objects[int(name[1:])] = body.encode() if isinstance(body, str) else body
    return objects


def write_table(objects, version="1.7", info=True, eol=b"\n"):
    out = bytearray(b"%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n" % version.encode())
    places = {}
    for number, body in sorted(objects.items()):
        places[number] = len(out)
        out += b"%d 0 obj" % number + eol + body + eol + b"endobj" + eol
    at, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 00000 f \n"
    ident = b"<00112233445566778899aabbccddeeff>"
    out += b"trailer\n<</Size %d/Root 1 0 R%s/ID[%s%s]>>\nstartxref\n%d\n%%%%EOF\n" % (
        size, b"/Info 6 0 R" if info else b"", ident, ident, at)
    return bytes(out)


def write_hybrid(objects):
    """A table for old readers, and a stream beside it that says the same."""
    plain = write_table(objects)
    start = plain.rindex(b"xref\n0 ")
    start = plain.rindex(b"\nxref\n") + 1
    body, size = bytearray(plain[:start]), max(objects) + 1
    rows = b""
    for number in range(size):
        at = plain.find(b"\n%d 0 obj" % number) + 1
        rows += (b"\x01" + at.to_bytes(4, "big") if number else b"\x00" + bytes(4)) + b"\x00"
    hidden = len(body)
    body += b"%d 0 obj\n" % size + stream(
        rows, f"/Type/XRef/Size {size + 1}/W[1 4 1]/Index[0 {size}]/Root 1 0 R") + b"\nendobj\n"
    at = len(body)
    table = plain[start:plain.rindex(b"startxref")].replace(b"/Root", b"/XRefStm %d/Root" % hidden)
    return bytes(body) + table + b"startxref\n%d\n%%%%EOF\n" % at


FIELD = ("<</Type/Annot/Subtype/Widget/FT/Tx/T(%s)/F 4/Rect[%s]/P 3 0 R/DA(/F 10 Tf 0 g)%s>>")
PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R%s>>"


def form(catalog="", value="", kids=False):
    """Two text fields as places for number and date, and a tick."""
    more = dict(
        o1="<</Type/Catalog/Pages 2 0 R/AcroForm 7 0 R%s>>" % catalog,
        o3=PAGE % "/Annots[8 0 R 9 0 R 10 0 R]",
        o7="<</Fields[8 0 R 9 0 R 10 0 R]/DA(/F 10 Tf 0 g)/DR<</Font<</F 5 0 R>>>>>>",
        o8=FIELD % ("so", "100 700 200 720", value),
        o9=FIELD % ("ngay", "300 700 400 720", ""),
        o10="<</Type/Annot/Subtype/Widget/FT/Btn/T(dau)/F 4/Rect[500 700 510 710]/P 3 0 R/V/Off/AS/Off"
            "/AP<</N<</Yes 11 0 R/Off 12 0 R>>>>>>",
        o11=stream(b"0 0 10 10 re f", "/Type/XObject/Subtype/Form/BBox[0 0 10 10]"),
        o12=stream(b"", "/Type/XObject/Subtype/Form/BBox[0 0 10 10]"),
    )
    if kids:
        more["o7"] = "<</Fields[13 0 R 10 0 R]/DA(/F 10 Tf 0 g)/DR<</Font<</F 5 0 R>>>>>>"
        more["o13"] = "<</T(vanban)/Kids[8 0 R 9 0 R]>>"
        more["o8"] = (FIELD % ("so", "100 700 200 720", value)).replace("/FT", "/Parent 13 0 R/FT")
        more["o9"] = (FIELD % ("ngay", "300 700 400 720", "")).replace("/FT", "/Parent 13 0 R/FT")
    return base(**more)


def tagged():
    return base(
        o1="<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot 7 0 R/Lang(vi-VN)/AcroForm<</Fields[]>>>>",
        o3=PAGE % "/StructParents 0/Tabs/S",
        o4=stream(b"/P<</MCID 0>>BDC " + CONTENT + b" EMC"),
        o7="<</Type/StructTreeRoot/K 8 0 R/ParentTree 10 0 R/ParentTreeNextKey 1>>",
        o8="<</Type/StructElem/S/Document/P 7 0 R/K[9 0 R]>>",
        o9="<</Type/StructElem/S/P/P 8 0 R/Pg 3 0 R/K 0>>",
        o10="<</Nums[0[9 0 R]]>>",
    )


XMP = ("<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
       "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
       "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:xmp='http://ns.adobe.com/xap/1.0/' "
       "xmp:ModifyDate='2026-01-01T00:00:00Z'><dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Quyet dinh</rdf:li>"
       "</rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>").encode()


def qpdf(data, *options):
    source, target = f"{out_dir}/qpdf.in", f"{out_dir}/qpdf.out"
    open(source, "wb").write(data)
    subprocess.run(["qpdf", *options, source, target], check=True)
    return open(target, "rb").read()


# ---- hands -----------------------------------------------------------------------------------------------------


def edit(data, change):
    """An update by some program: `change` gets the writer."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def sign(data, who="leader", level="b", field=None, visible=False, certify=None, lock=None, box=None, sub=None, **meta):
    if hasattr(data, "items"):
        data = write_table(data)
    count = data.count(b"/ByteRange")
    writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
    existing = field is not None and lock is None and box is None and not visible
    name = field or f"Chu ky {count + 1}"
    box = box or ((50, 50 + 70 * count, 250, 110 + 70 * count) if visible else None)
    spec = None
    if not existing:
        spec = SigFieldSpec(sig_field_name=name, box=box, field_mdp_spec=lock, doc_mdp_update_value=meta.pop("lock_level", None))
    settings = signers.PdfSignatureMetadata(
        field_name=name, md_algorithm="sha256", reason="Thu nghiem", name=who,
        subfilter=sub or SigSeedSubFilter.PADES,
        embed_validation_info=level in ("lt", "lta"), use_pades_lta=level == "lta",
        validation_context=context() if level in ("lt", "lta") else None,
        certify=certify is not None, docmdp_permissions=certify or MDPPerm.FILL_FORMS, **meta)
    result = signers.PdfSigner(
        settings, signer=hands[who], timestamper=None if level == "b" else stamper(), new_field_spec=spec
    ).sign_pdf(writer)
    return result.getvalue()


def archive(data, rounds):
    """Document timestamps, a year between them."""
    for turn in range(rounds):
        Clock.at = now + 60 * (turn + 1)
        writer = signers.PdfTimeStamper(stamper())
        out = io.BytesIO(data)
        asyncio.run(writer.async_update_archival_timestamp_chain(PdfFileReader(out), context(), in_place=True))
        data = out.getvalue()
    Clock.at = now
    return data


def text_look(writer, text):
    font = generic.IndirectObject(5, 0, writer)
    entries = {
        pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"),
        pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 20))),
        pdf_name("/Resources"): generic.DictionaryObject(
            {pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F"): font})}),
    }
    data = b"/Tx BMC q BT /F 10 Tf 2 5 Td (%s) Tj ET Q EMC" % text.encode()
    return writer.add_object(generic.StreamObject(entries, stream_data=data))


def fill(data, number=8, text="15/QD-UBND"):
    def change(writer):
        ref = generic.Reference(number, 0, writer)
        field = ref.get_object()
        field["/V"] = generic.TextStringObject(text)
        field["/AP"] = generic.DictionaryObject({pdf_name("/N"): text_look(writer, text)})
        writer.mark_update(ref)
    return edit(data, change)


def tick(data):
    def change(writer):
        ref = generic.Reference(10, 0, writer)
        field = ref.get_object()
        field["/V"] = field["/AS"] = pdf_name("/Yes")
        writer.mark_update(ref)
    return edit(data, change)


def raw(data, objects, trailer="", packed=False):
    """An update written by hand: a table, or a stream with `packed`."""
    previous = int(data[data.rindex(b"startxref"):].split()[1])
    root = re.findall(rb"/Root \d+ 0 R", data)[-1].decode()
    numbers = [int(n) for n in re.findall(rb"(?:^|\n)(\d+) 0 obj", data)]
    size = max(numbers + list(objects)) + 1
    out, places = bytearray(data), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + (body.encode() if isinstance(body, str) else body) + b"\nendobj\n"
    at = len(out)
    if packed:
        rows, index = b"", ""
        for number, place in [*places.items(), (size, at)]:
            rows, index = rows + b"\x01" + place.to_bytes(4, "big") + b"\x00", index + f"{number} 1 "
        rows = zlib.compress(rows)
        out += b"%d 0 obj\n" % size + stream(
            rows, f"/Type/XRef/Filter/FlateDecode/Size {size + 1}/W[1 4 1]/Index[{index}]/Prev {previous}{root}{trailer}") + b"\nendobj\n"
    else:
        out += b"xref\n"
        for number, place in places.items():
            out += b"%d 1\n%010d 00000 n \n" % (number, place)
        out += f"trailer\n<</Size {size}/Prev {previous}{root}{trailer}>>\n".encode()
    out += b"startxref\n%d\n%%%%EOF\n" % at
    return bytes(out)


def get(data, number):
    """The last body of an object written plainly."""
    at = data.rindex(b"\n%d 0 obj" % number)
    start = data.index(b"obj", at) + 3
    return data[start:data.index(b"endobj", start)].strip()


def by_hand(data, sub, contents, who="leader", packed=False, hybrid=False, widget="", extra=lambda first: {}, catalog="", page=""):
    """Signed as somebody's own program would: `contents` gets the signed bytes and the file before them."""
    first = max(int(n) for n in re.findall(rb"(?:^|\n)(\d+) 0 obj", data)) + 1
    hole = 16384
    signature = f"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/{sub}/ByteRange[0 0000000000 0000000000 0000000000]/M(D:20261122080000+07'00')/Contents<{'0' * hole}>>>"
    old = get(data, 3)[:-2].decode("latin-1")
    known = re.search(r"/Annots\s*\[([^]]*)\]", old)
    others = known.group(1) if known else ""
    old = re.sub(r"/Annots\s*\[[^]]*\]", "", old)
    top = re.sub(r"/AcroForm\s*<<.*?>>", "", get(data, 1)[:-2].decode("latin-1"))
    names = re.search(r"/AcroForm\s*<<.*?/Fields\s*\[([^]]*)\]", get(data, 1).decode("latin-1"))
    names = names.group(1) if names else ""
    objects = {
        1: f"{top}/AcroForm<</SigFlags 3/Fields[{names} {first + 1} 0 R]>>{catalog}>>",
        3: f"{old}{page}/Annots[{others} {first + 1} 0 R]>>",
        first: signature,
        first + 1: f"<</Type/Annot/Subtype/Widget/FT/Sig/T(Tay {first})/V {first} 0 R/F 132/P 3 0 R/Rect[0 0 0 0]{widget}>>",
        **extra(first),
    }
    file = raw(data, objects, "/Info 6 0 R", packed)
    if hybrid:
        file = hybrid_update(data, objects)
    start = file.rindex(b"/Contents<000000") + len("/Contents")
    end = start + hole + 2
    numbers = b"%010d %010d %010d" % (start, end, len(file) - end)
    file = file.replace(b"0000000000 0000000000 0000000000]/M", numbers + b"]/M", 1)
    made = contents(file[:start] + file[end:]).hex().encode()
    return file[:start] + b"<" + made.ljust(hole, b"0") + b">" + file[end:]


def hybrid_update(data, objects):
    """As PDFBox updates a hybrid: a stream with the same entries as the table."""
    packed = raw(data, objects, "/Info 6 0 R", True)
    hidden = int(packed[packed.rindex(b"startxref"):].split()[1])
    body = packed[:packed.rindex(b"startxref")]
    number = int(body[hidden:].split()[0])
    previous = int(data[data.rindex(b"startxref"):].split()[1])
    table = b"xref\n"
    for n in [*objects, number]:
        at = hidden if n == number else body.rindex(b"\n%d 0 obj" % n) + 1
        table += b"%d 1\n%010d 00000 n \n" % (n, at)
    at = len(body)
    table += f"trailer\n<</Size {number + 1}/Prev {previous}/Root 1 0 R/Info 6 0 R/XRefStm {hidden}>>\n".encode()
    return body + table + b"startxref\n%d\n%%%%EOF\n" % at


def general(detached, digest=None):
    def make(content, who="leader"):
        data = __import__("hashlib").new(digest, content).digest() if digest else content
        return asyncio.run(hands[who].async_sign_general_data(data, "sha256", detached=detached)).dump()
    return make


def opinion(data):
    """pyHanko's: true when it accepts every signature."""
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=False)
        good = [validate_pdf_signature(s, context(), context()).bottom_line for s in reader.embedded_regular_signatures]
        for stamp in reader.embedded_timestamp_signatures:
            status = validate_pdf_timestamp(stamp, context())
            good.append(status.valid and status.intact)
        return all(good)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


# A vandal asks nobody for permission.
signers.PdfSigner._enforce_certification_constraints = lambda self, reader: None
rows = []


def row(name, expect, make):
    Clock.at = now
    data = make()
    open(f"{out_dir}/{name}.pdf", "wb").write(data)
    Clock.at = now + 1800
    rows.append({"name": name, "expect": expect, "pyhanko": opinion(data)})
    Clock.at = now


plain = write_table(base())
T, B = "VALID", "VALID_NO_TIMESTAMP"
PKCS7 = SigSeedSubFilter.ADOBE_PKCS7_DETACHED

# Levels.
row("b", B, lambda: sign(plain))
row("t", T, lambda: sign(plain, level="t"))
row("lt", T, lambda: sign(plain, level="lt", visible=True))
row("lta", T, lambda: sign(plain, level="lta"))
row("lta-three-rounds", T, lambda: archive(sign(plain, level="lta"), 3))
row("lta-two-hands-rounds", T, lambda: archive(sign(sign(plain, level="lta"), "seal", level="lta", visible=True), 2))
row("pkcs7", T, lambda: sign(plain, level="t", sub=PKCS7))
row("pkcs7-lt", T, lambda: sign(plain, level="lt", sub=PKCS7))

# Containers.
row("linear", T, lambda: sign(sign(qpdf(plain, "--linearize"), level="t"), "seal", level="lt", visible=True))
row("packed", T, lambda: sign(sign(qpdf(plain, "--object-streams=generate"), level="lt"), "seal", level="lt", visible=True))
row("packed-linear", T, lambda: sign(sign(qpdf(plain, "--object-streams=generate", "--linearize"), level="t"), "seal", level="t", visible=True))
row("hybrid", B, lambda: sign(write_hybrid(base())))
row("pdf-2", T, lambda: sign(sign(write_table(base(), version="2.0"), level="lt"), "seal", level="lta"))
row("pdf-1-4", T, lambda: sign(sign(write_table(base(), version="1.4"), level="lt"), "seal", level="lta"))
row("crlf", B, lambda: sign(sign(write_table(base(), eol=b"\r\n")), "seal"))
row("no-info", B, lambda: sign(sign(write_table(base(o6="null"), info=False)), "seal"))
row("version-in-catalog", B, lambda: sign(edit(sign(plain), lambda w: w.root.update({pdf_name("/Version"): pdf_name("/2.0")}) or w.update_root()), "seal"))
row("table-then-stream", B, lambda: sign(raw(sign(plain), {6: "<</Producer(x)/Title(Quyet dinh)/ModDate(D:2026)>>"}, "/Info 6 0 R", packed=True), "seal"))
row("stream-then-table", B, lambda: raw(sign(qpdf(plain, "--object-streams=generate")), {900: "<</A 1>>"}, ""))

# Several.
row("two", T, lambda: sign(sign(plain, level="t", visible=True), "seal", level="t", visible=True))
row("five", T, lambda: __import__("functools").reduce(lambda d, who: sign(d, who, level="t", visible=True), ["leader", "seal", "leader", "seal", "leader"], plain))


def premade(data):
    def change(writer):
        for turn in (1, 2):
            fields.append_signature_field(writer, SigFieldSpec(f"Cho {turn}", box=(50, 50 * turn, 250, 50 * turn + 40)))
    return edit(data, change)


row("premade", B, lambda: sign(sign(premade(plain), field="Cho 1"), "seal", field="Cho 2"))
row("premade-certified-1", B, lambda: sign(premade(plain), field="Cho 1", certify=MDPPerm.NO_CHANGES))
row("premade-certified-2", B, lambda: sign(sign(premade(plain), field="Cho 1", certify=MDPPerm.FILL_FORMS), "seal", field="Cho 2"))
row("premade-after-signing", B, lambda: sign(premade(sign(plain)), "seal", field="Cho 1"))
row("hierarchy", B, lambda: sign(sign(plain, field="Ky.Lanh dao", box=(50, 50, 100, 100)), "seal", field="Ky.Co quan", box=(150, 50, 200, 100)))

# Certification.
for level, perm in ((1, MDPPerm.NO_CHANGES), (2, MDPPerm.FILL_FORMS), (3, MDPPerm.ANNOTATE)):
    row(f"certified-{level}", T, lambda: sign(plain, level="lt", certify=perm))
    row(f"certified-{level}-archived", T, lambda: archive(sign(plain, level="lta", certify=perm), 2))
    after = "changed-docmdp" if level == 1 else T
    row(f"certified-{level}-signed", after, lambda: sign(sign(plain, level="t", certify=perm), "seal", level="t"))
    row(f"certified-{level}-sealed", after, lambda: sign(sign(plain, level="t", certify=perm), "seal", level="t", visible=True))
    row(f"certified-{level}-filled", "changed-docmdp" if level == 1 else B, lambda: fill(sign(form(), certify=perm)))
    row(f"certified-{level}-refilled", "changed-form" if level == 1 else B, lambda: fill(fill(sign(form(), certify=perm)), text="16/QD-UBND"))

# Forms: leader signs, number and date come, the seal closes, the receiver stamps "den".
row("filled", B, lambda: fill(sign(form())))
row("filled-hierarchy", B, lambda: fill(sign(form(kids=True))))
row("ticked", B, lambda: tick(sign(form())))
row("practice", B, lambda: sign(sign(fill(fill(sign(form(), visible=True)), 9, "28/11/2026"), "seal", visible=True), "seal", visible=True, field="Den"))
row("refilled", "changed-form", lambda: fill(sign(form(value="/V(14/QD-UBND)"))))
row("need-appearances", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/NeedAppearances true>>>>")), "seal"))
for action, names, which, code in (
    (FieldMDPAction.ALL, None, 8, "changed-locked-field"),
    (FieldMDPAction.INCLUDE, ["so"], 8, "changed-locked-field"),
    (FieldMDPAction.INCLUDE, ["so"], 9, B),
    (FieldMDPAction.EXCLUDE, ["so"], 8, B),
    (FieldMDPAction.EXCLUDE, ["so"], 9, "changed-locked-field"),
    (FieldMDPAction.INCLUDE, ["vanban"], 8, "changed-locked-field"),
):
    lock = FieldMDPSpec(action, fields=names)
    kids = names == ["vanban"]
    row(f"lock-{action.name.lower()}-{'-'.join(names or [])}-{which}", code, lambda: fill(sign(form(kids=kids), lock=lock, field="Khoa", box=(10, 10, 90, 90)), which))
row("lock-all-then-seal", B, lambda: sign(sign(form(), lock=FieldMDPSpec(FieldMDPAction.ALL), field="Khoa", box=(10, 10, 90, 90)), "seal"))
row("lock-document", "changed-docmdp", lambda: sign(sign(plain, lock=FieldMDPSpec(FieldMDPAction.ALL), lock_level=MDPPerm.NO_CHANGES, field="Khoa", box=(10, 10, 90, 90)), "seal"))

# Shapes of forms and pages.
row("form-direct", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/SigFlags 0>>>>")), "seal"))
row("form-indirect", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/AcroForm 7 0 R>>", o7="<</Fields 8 0 R>>", o8="[]")), "seal"))
row("annots-indirect", B, lambda: sign(sign(base(o3=PAGE % "/Annots 7 0 R", o7="[8 0 R]", o8="<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/Border[0 0 0]>>"), visible=True), "seal", visible=True))
row("xmp", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/Metadata 7 0 R>>", o7=stream(XMP, "/Type/Metadata/Subtype/XML"))), "seal"))
row("xmp-date", B, lambda: raw(sign(base(o1="<</Type/Catalog/Pages 2 0 R/Metadata 7 0 R>>", o7=stream(XMP, "/Type/Metadata/Subtype/XML"))), {7: stream(XMP.replace(b"2026-01", b"2026-11"), "/Type/Metadata/Subtype/XML")}, "/Info 6 0 R"))
row("usage-rights", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/Perms<</UR3 7 0 R>>>>", o7="<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<00>>>")), "seal"))
row("cleared", B, lambda: sign(base(o7="<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<00>>>")))
row("tagged", B, lambda: sign(sign(tagged()), "seal"))
row("listed-twice", B, lambda: sign(sign(base(o1="<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R 8 0 R]>>>>", o7="<</T(a)/Kids[8 0 R]>>", o8="<</T(b)/FT/Tx/Parent 7 0 R>>")), "seal"))

# Signed by programs of their own.
DETACHED = "adbe.pkcs7.detached"
row("by-hand", B, lambda: by_hand(plain, DETACHED, general(True)))
row("by-hand-twice-packed", B, lambda: by_hand(by_hand(plain, DETACHED, general(True), packed=True), DETACHED, general(True), packed=True))
row("pkcs7-sha1", "weak-digest", lambda: by_hand(plain, "adbe.pkcs7.sha1", general(False, "sha1")))
row("pkcs7-sha1-of-something-else", "digest-mismatch", lambda: by_hand(plain, "adbe.pkcs7.sha1", lambda content: general(False, "sha1")(content + b" ")))
row("pkcs7-sha1-detached", "cms-content-type", lambda: by_hand(plain, "adbe.pkcs7.sha1", general(True)))
row("x509-rsa-sha1", "pdf-subfilter-weak", lambda: by_hand(plain, "adbe.x509.rsa_sha1", lambda _: b"\x04\x02\x00\x00"))
row("hybrid-updated", B, lambda: by_hand(by_hand(write_hybrid(base()), DETACHED, general(True)), DETACHED, general(True), hybrid=True))


def late_hybrid():
    """The signed revision names a second table that is written after it was signed."""
    def signed(at):
        file = write_table(base()).replace(b"/Root 1 0 R", b"/XRefStm %010d/Root 1 0 R" % at)
        return by_hand(file, DETACHED, general(True))
    at = len(signed(0))
    row = b"\x01" + (at + 200).to_bytes(4, "big") + b"\x00"
    hidden = stream(row, "/Type/XRef/Size 60/W[1 4 1]/Index[59 1]/Root 1 0 R")
    return raw(signed(at), {50: hidden}, "/Info 6 0 R")


row("hybrid-written-later", "pdf-revision", late_hybrid)


def in_structure(data):
    """The widget gets its place in the structure tree, as Acrobat does it."""
    def extra(first):
        return {
            7: "<</Type/StructTreeRoot/K 8 0 R/ParentTree 10 0 R/ParentTreeNextKey 2>>",
            8: f"<</Type/StructElem/S/Document/P 7 0 R/K[9 0 R {first + 2} 0 R]>>",
            10: f"<</Nums[0[9 0 R] 1 {first + 2} 0 R]>>",
            first + 2: f"<</Type/StructElem/S/Form/P 8 0 R/Pg 3 0 R/Alt(Chu ky)/K<</Type/OBJR/Obj {first + 1} 0 R/Pg 3 0 R>>>>",
        }
    return by_hand(data, DETACHED, general(True), widget="/StructParent 1", extra=extra)


row("tagged-by-hand", B, lambda: in_structure(by_hand(write_table(tagged()), DETACHED, general(True))))
row("tabs-added", B, lambda: by_hand(by_hand(plain, DETACHED, general(True)), DETACHED, general(True), page="/Tabs/S"))

json.dump(rows, open(f"{out_dir}/rows.json", "w"), indent=1)
