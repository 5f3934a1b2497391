"""Canonical forms as libxml2 writes them: one JSON question a line in, one answer a line out.

Question: {"document": hex, "element": n or null, "method": 0|1|2, "comments": bool, "prefixes": [...]}.
Answer: {"octets": hex}, or {"error": "parse"|"c14n"}.

The library itself is called: its Python bindings know neither Canonical XML 1.1 nor lists of prefixes.
"""

import json
import sys
from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_void_p, string_at

xml = CDLL("libxml2.so.2")
NONET, NOENT, HUGE, QUIET = 1 << 11, 1 << 1, 1 << 19, 1 << 5 | 1 << 6


class Found(Structure):
    """The beginning of xmlXPathObject."""

    _fields_ = [("kind", c_int), ("nodes", c_void_p)]


xml.xmlReadMemory.restype = c_void_p
xml.xmlReadMemory.argtypes = [c_char_p, c_int, c_char_p, c_char_p, c_int]
xml.xmlXPathNewContext.restype = c_void_p
xml.xmlXPathNewContext.argtypes = [c_void_p]
xml.xmlXPathEvalExpression.restype = POINTER(Found)
xml.xmlXPathEvalExpression.argtypes = [c_char_p, c_void_p]
xml.xmlXPathFreeObject.argtypes = [POINTER(Found)]
xml.xmlXPathFreeContext.argtypes = [c_void_p]
xml.xmlFreeDoc.argtypes = [c_void_p]
dump = xml.xmlC14NDocDumpMemory
dump.argtypes = [c_void_p, c_void_p, c_int, POINTER(c_char_p), c_int, POINTER(c_void_p)]
free = CFUNCTYPE(None, c_void_p).in_dll(xml, "xmlFree")
silent = CFUNCTYPE(None, c_void_p, c_void_p)(lambda *_: None)
xml.xmlSetStructuredErrorFunc(None, silent)


def answer(question):
    source = bytes.fromhex(question["document"])
    document = xml.xmlReadMemory(source, len(source), None, None, NONET | NOENT | HUGE | QUIET)
    if not document:
        return {"error": "parse"}
    context, found, nodes = xml.xmlXPathNewContext(document), None, None
    if question["element"] is not None:
        apex = "(//*)[%d]" % (question["element"] + 1)
        steps = ["/descendant-or-self::node()", "/descendant-or-self::*/@*", "/descendant-or-self::*/namespace::*"]
        found = xml.xmlXPathEvalExpression("|".join(apex + step for step in steps).encode(), context)
        nodes = found.contents.nodes
    listed = [prefix.encode() for prefix in question["prefixes"]] + [None]
    prefixes = (c_char_p * len(listed))(*listed)
    octets = c_void_p()
    size = dump(document, nodes, question["method"], prefixes, int(question["comments"]), byref(octets))
    result = {"octets": string_at(octets, size).hex()} if size >= 0 else {"error": "c14n"}
    if octets:
        free(octets)
    if found:
        xml.xmlXPathFreeObject(found)
    xml.xmlXPathFreeContext(context)
    xml.xmlFreeDoc(document)
    return result


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
