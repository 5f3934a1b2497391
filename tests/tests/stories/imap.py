"""A mail program made of Python's own imaplib. What it sees of a mailbox is compared with what it put there."""

import base64
import imaplib
import ssl
import sys
import zlib

port, starttls_port, root, user, password = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
tls = ssl.create_default_context(cafile=root)
tls.check_hostname = False


def must(answer, *, is_ok=True):
    status, data = answer
    assert (status == "OK") == is_ok, answer
    return data


def text(data):
    return b" ".join(part if isinstance(part, bytes) else part[0] + part[1] for part in data if part).decode()


plain = imaplib.IMAP4("127.0.0.1", starttls_port, timeout=20)
assert "LOGINDISABLED" in plain.capabilities and "STARTTLS" in plain.capabilities, plain.capabilities
try:
    plain.login(user, password)
    raise AssertionError("nobody signs in without TLS")
except imaplib.IMAP4.error:
    pass
plain.starttls(tls)
must(plain.login(user, password))
plain.logout()

imap = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=tls, timeout=20)
try:
    imap.login(user, password + "x")
    raise AssertionError("a wrong password opens nothing")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
must(imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode()))
for wanted in ("IDLE", "MOVE", "UIDPLUS", "QRESYNC", "SORT", "UTF8=ACCEPT"):
    assert wanted in imap.capabilities or wanted in text(must(imap.capability())), wanted

folders = text(must(imap.list()))
for wanted in ("INBOX", "\\Drafts", "\\Sent", "\\Trash", "\\Junk", "\\Archive"):
    assert wanted in folders, folders

letters = []
for number in range(1, 6):
    body = base64.encodebytes(f"Nội dung số {number}".encode()).decode().replace("\n", "\r\n")
    letters.append(
        f"From: <{user}>\r\nTo: <{user}>\r\nSubject: =?UTF-8?B?{base64.b64encode(f'Thư số {number}'.encode()).decode()}?=\r\n"
        f"Message-ID: <imap-{number}@py.test>\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{body}".encode()
    )
must(imap.create("Cong-viec/2026"))
for letter in letters:
    assert b"APPENDUID" in must(imap.append("Cong-viec/2026", "(\\Flagged)", None, letter))[0]
assert must(imap.select("Cong-viec/2026")) == [b"5"]
for number, letter in enumerate(letters, 1):
    got = must(imap.fetch(str(number), "(UID FLAGS RFC822.SIZE BODY.PEEK[])"))
    assert got[0][1] == letter, got
    assert f"RFC822.SIZE {len(letter)}".encode() in got[0][0] and b"\\Seen" not in got[0][0], got
assert must(imap.search(None, "FLAGGED", "UNSEEN")) == [b"1 2 3 4 5"]
assert must(imap.search("UTF-8", "SUBJECT", '"thu so 3"')) == [b"3"]
assert must(imap.search("UTF-8", "BODY", '"noi dung so 4"')) == [b"4"]
assert must(imap.sort("(REVERSE ARRIVAL)", "UTF-8", "ALL")) == [b"5 4 3 2 1"]
must(imap.store("2", "+FLAGS", "(\\Deleted)"))
assert must(imap.expunge()) == [b"2"]
must(imap.copy("1", "INBOX"))
must(imap.uid("MOVE", "3", "INBOX"))
assert must(imap.uid("SEARCH", "ALL")) == [b"1 4 5"]
must(imap.rename("Cong-viec/2026", "Cong-viec/2027"))
assert must(imap.select("INBOX"))[0] >= b"2"
must(imap.close())
must(imap.delete("Cong-viec"), is_ok=False)
must(imap.delete("Cong-viec/2027"))
must(imap.delete("Cong-viec"))
imap.logout()

# COMPRESS=DEFLATE (RFC 4978): packed in both directions, and a fetch is smaller than what it brings.
packed = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=tls, timeout=20)
must(packed.login(user, password))
must(packed.append("INBOX", None, None, b"Subject: nhieu lan\r\n\r\n" + b"cong van " * 10_000))
packed.send(b"c COMPRESS DEFLATE\r\n")
assert packed.readline().startswith(b"c OK")
pack, unpack = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)


def say(line):
    packed.sock.sendall(pack.compress(line) + pack.flush(zlib.Z_SYNC_FLUSH))


def hear(end):
    got, wire = b"", 0
    while end not in got:
        piece = packed.sock.recv(65536)
        assert piece, got[-200:]
        wire += len(piece)
        got += unpack.decompress(piece)
    return got, wire


say(b"d SELECT INBOX\r\n")
hear(b"d OK")
say(b"e UID FETCH * BODY.PEEK[]\r\n")
got, wire = hear(b"e OK")
assert b"cong van " * 10_000 in got and wire < 5_000, wire
say(b"f COMPRESS DEFLATE\r\n")
assert b"f NO [COMPRESSIONACTIVE]" in hear(b"\r\n")[0]
say(b"g LOGOUT\r\n")
assert b"* BYE" in hear(b"g OK")[0]
