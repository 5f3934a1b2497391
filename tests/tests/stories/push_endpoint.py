"""A push service and the client behind it: takes pushes over https, checks who sent them (RFC 8292), opens them (RFC 8291) with
`http-ece`, and prints each as a line of JSON.

    push_endpoint.py DIRECTORY ANSWER...

The answers are the status codes of the first pushes, 201 from then on. The first line printed says where it listens, and its keys."""

import base64
import datetime
import http.server
import ipaddress
import json
import os
import pathlib
import ssl
import sys

import http_ece
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

directory, answers = pathlib.Path(sys.argv[1]), [int(code) for code in sys.argv[2:]]


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def certificate():
    """An authority (push.pem), and a server's certificate under it."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def issued(name, key, issuer, issuer_key, is_ca, names):
        def common(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        draft = (
            x509.CertificateBuilder().subject_name(common(name)).issuer_name(common(issuer)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), True)
        )
        if names:
            draft = draft.add_extension(x509.SubjectAlternativeName(names), False)
        return draft.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    (directory / "push.pem").write_bytes(issued("push authority", authority, "push authority", authority, True, []))
    (directory / "server.pem").write_bytes(issued("push service", key, "push authority", authority, False, names))
    (directory / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def checked(authorization, origin):
    """The key a push was signed with, if it was signed for us."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "vapid", authorization
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    signed, _, signature = fields["t"].rpartition(".")
    header, claims = (json.loads(unb64(part)) for part in signed.split("."))
    assert header["alg"] == "ES256" and claims["aud"] == origin and claims["sub"].startswith(("mailto:", "https:")), claims
    remains = claims["exp"] - datetime.datetime.now().timestamp()
    assert 0 < remains <= 24 * 3600, claims
    raw = unb64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(fields["k"]))
    key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return fields["k"]


own, secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        told = {"path": self.path, "ttl": self.headers["ttl"], "topic": self.headers["topic"], "type": self.headers["content-type"]}
        try:
            told["key"] = checked(self.headers["authorization"], f"https://localhost:{port}")
            told["sealed"] = self.headers["content-encoding"] == "aes128gcm"
            if told["sealed"]:
                assert len(body) <= 4096 and b"StateChange" not in body
                body = http_ece.decrypt(body, private_key=own, auth_secret=secret, version="aes128gcm")
            told["said"] = json.loads(body)
        except Exception as error:  # The story wants to know.
            told["fault"] = repr(error)
        told["answered"] = answers.pop(0) if answers else 201
        self.send_response(told["answered"])
        self.send_header("Content-Length", "0")
        self.end_headers()
        print(json.dumps(told), flush=True)

    def log_message(self, *_):
        pass


certificate()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
port = server.server_address[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory / "server.pem", directory / "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps({"port": port, "p256dh": b64(point(own.public_key())), "auth": b64(secret)}), flush=True)
server.serve_forever()
