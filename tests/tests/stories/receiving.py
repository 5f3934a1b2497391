"""Clients of the mail doors, with what Python brings along: smtplib, imaplib and sockets. Each command prints one JSON value."""

import base64
import imaplib
import json
import smtplib
import socket
import ssl
import sys

PATIENCE = 60
PICTURE = bytes(range(256)) + b"\r\n.\r\n\n.\n\r\0" + b"\x89PNG" * 700


def context(certificate=None):
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if certificate:
        made.load_cert_chain(certificate)
    return made


def lmtp(path, sender, *recipients):
    """One letter by the socket: what each recipient was answered."""
    with smtplib.LMTP(path) as door:
        door.sock.settimeout(PATIENCE)
        door.ehlo_or_helo_if_needed()
        door.mail(sender)
        asked = [door.rcpt(one)[0] for one in recipients]
        door.docmd("DATA")
        door.send(b"From: %s\r\nSubject: Qua socket\r\n\r\nx\r\n.\r\n" % sender.encode())
        taken = [door.getreply()[0] for code in asked if code == 250]
        return {"asked": asked, "taken": taken}


def binary(port, sender, recipient, subject, *credentials):
    """A picture as it is, in two chunks: what the last was answered. DATA is tried before."""
    kind = smtplib.SMTP_SSL if credentials else smtplib.SMTP
    more = {"context": context()} if credentials else {}
    with kind("127.0.0.1", int(port), timeout=PATIENCE, **more) as door:
        door.ehlo("may.test")
        if credentials:
            door.login(*credentials)
        offered = door.has_extn("binarymime")
        door.mail(sender, ["BODY=BINARYMIME"])
        door.rcpt(recipient)
        data = door.docmd("DATA")[0]
        head = (
            f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=\"b1\"\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nxin gui\r\n--b1\r\n"
            "Content-Type: image/png; name=\"anh.png\"\r\nContent-Disposition: attachment; filename=\"anh.png\"\r\n"
            "Content-Transfer-Encoding: binary\r\n\r\n"
        ).encode()
        tail = b"\r\n--b1--\r\n"
        door.send(b"BDAT %d\r\n" % len(head) + head)
        first = door.getreply()[0]
        last = PICTURE + tail
        door.send(b"BDAT %d LAST\r\n" % len(last) + last)
        return {"offered": offered, "data": data, "first": first, "last": door.getreply()[0]}


def picture():
    return base64.b64encode(PICTURE).decode()


def fetch_binary(port, user, password, part):
    """A part of the newest letter, decoded by the server (RFC 3516)."""
    with imaplib.IMAP4_SSL("127.0.0.1", int(port), ssl_context=context(), timeout=PATIENCE) as box:
        box.login(user, password)
        box.select("INBOX", readonly=True)
        # imaplib knows no literal8.
        box._get_tagged_response_checks = None
        tag = box._new_tag()
        box.send(tag + b" FETCH * (BINARY.SIZE[%s] BINARY.PEEK[%s])\r\n" % (part.encode(), part.encode()))
        heard = b""
        while tag + b" " not in heard:
            heard += box.sock.recv(65536)
        at = heard.index(b"~{")
        size = int(heard[at + 2 : heard.index(b"}", at)])
        begin = heard.index(b"\r\n", at) + 2
        return {"same": heard[begin : begin + size] == PICTURE, "size": size}


def timed(port, user, password, recipient, by):
    """A letter with a time to deliver by: what MAIL and the dot were answered."""
    with smtplib.SMTP_SSL("127.0.0.1", int(port), context=context(), timeout=PATIENCE) as door:
        door.ehlo("may.test")
        offered = door.esmtp_features.get("deliverby")
        door.login(user, password)
        mail = door.mail(user, [f"BY={by}"])[0]
        if mail != 250:
            return {"offered": offered, "mail": mail}
        door.rcpt(recipient)
        done = door.data(f"From: {user}\r\nTo: {recipient}\r\nSubject: Co han\r\n\r\nx\r\n")[0]
        return {"offered": offered, "mail": mail, "done": done}


def xclient(port, tls, words):
    """Says XCLIENT: whether it is offered, and what is answered."""
    door = (
        smtplib.SMTP_SSL("127.0.0.1", int(port), context=context(), timeout=PATIENCE)
        if tls
        else smtplib.SMTP("127.0.0.1", int(port), timeout=PATIENCE)
    )
    with door:
        door.ehlo("may.test")
        return {"offered": door.esmtp_features.get("xclient"), "code": door.docmd("XCLIENT", words)[0]}


def waits(port, user, password):
    """Signs in, begins a letter, says so, and tells how it ended."""
    door = smtplib.SMTP_SSL("127.0.0.1", int(port), context=context(), timeout=PATIENCE)
    door.ehlo("may.test")
    door.login(user, password)
    door.mail(user)
    print("waits", flush=True)
    return door.file.readline().decode() + door.file.readline().decode()


def external_smtp(port, certificate, wanted, sender, recipient):
    """Signs in with a certificate and sends."""
    try:
        door = smtplib.SMTP_SSL("127.0.0.1", int(port), context=context(certificate or None), timeout=PATIENCE)
        door.ehlo("may.test")
        offered = "EXTERNAL" in door.esmtp_features.get("auth", "").split()
        code = door.docmd("AUTH", "EXTERNAL " + (base64.b64encode(wanted.encode()).decode() or "="))[0]
        sent = None
        if code == 235:
            door.mail(sender)
            door.rcpt(recipient)
            sent = door.data(f"From: {sender}\r\nTo: {recipient}\r\nSubject: Bang chung thu\r\n\r\nx\r\n")[0]
        return {"offered": offered, "code": code, "sent": sent}
    except (ssl.SSLError, ConnectionError, smtplib.SMTPServerDisconnected) as fault:
        return {"fault": type(fault).__name__}


def external_imap(port, certificate, wanted, starttls):
    """The same, to read."""
    try:
        if starttls:
            box = imaplib.IMAP4("127.0.0.1", int(port), timeout=PATIENCE)
            before = "AUTH=EXTERNAL" in box.capabilities
            box.starttls(context(certificate or None))
        else:
            before = False
            box = imaplib.IMAP4_SSL(
                "127.0.0.1", int(port), ssl_context=context(certificate or None), timeout=PATIENCE
            )
        offered = "AUTH=EXTERNAL" in box.capabilities
        try:
            kind, _ = box.authenticate("EXTERNAL", lambda _: wanted.encode())
        except imaplib.IMAP4.error as refused:
            return {"before": before, "offered": offered, "refused": str(refused)}
        return {"before": before, "offered": offered, "ok": kind, "select": box.select("INBOX")[0]}
    except (ssl.SSLError, ConnectionError, imaplib.IMAP4.abort) as fault:
        return {"fault": type(fault).__name__}


command, *arguments = sys.argv[1:]
print(json.dumps(globals()[command](*arguments)), flush=True)
