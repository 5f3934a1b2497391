"""Keeps connections open for one person, says so, and says how each of them ended.

    long_connections.py IMAPS HTTPS CA ADDRESS PASSWORD [TOKEN]

IMAP in IDLE and with NOTIFY, an event stream and a WebSocket of JMAP; with a token of the single sign-on IMAP alone. A line of JSON for each end."""

import base64
import http.client
import imaplib
import json
import ssl
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

imaps, https, ca, address, password = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
token = sys.argv[6] if len(sys.argv) > 6 else None
trust = ssl.create_default_context(cafile=ca)
basic = "Basic " + base64.b64encode(f"{address}:{password}".encode()).decode()
PATIENCE = 60


def mailbox():
    imap = imaplib.IMAP4_SSL("localhost", imaps, ssl_context=trust, timeout=PATIENCE)
    if token:
        imap.authenticate("OAUTHBEARER", lambda _: f"n,a={address},\1auth=Bearer {token}\1\1".encode())
    else:
        imap.login(address, password)
    imap.select("INBOX")
    return imap


def last_line(imap):
    lines = iter(imap.readline, b"")
    return list(lines)[-1].decode().strip()


def idle():
    imap = mailbox()
    imap.send(b"i IDLE\r\n")
    assert imap.readline().startswith(b"+")
    return lambda: last_line(imap)


def notify():
    imap = mailbox()
    imap.send(b"n NOTIFY SET (SELECTED (MessageNew MessageExpunge))\r\n")
    while not (line := imap.readline()).startswith(b"n "):
        pass
    assert line.startswith(b"n OK"), line
    return lambda: last_line(imap)


def events():
    web = http.client.HTTPSConnection("localhost", https, context=trust, timeout=PATIENCE)
    web.request("GET", "/jmap/eventsource?types=*&closeafter=no&ping=0", headers={"Authorization": basic})
    answer = web.getresponse()
    assert answer.status == 200, answer.status
    # The connection is named, or it would be gone with this function.
    return lambda web=web: answer.read().decode()


def socket():
    ws = connect(f"wss://localhost:{https}/jmap/ws", ssl=trust, subprotocols=("jmap",), additional_headers={"Authorization": basic}, proxy=None)

    def end():
        try:
            return f"said {ws.recv(timeout=PATIENCE)}"
        except ConnectionClosed as closed:
            return f"{closed.rcvd.code} {closed.rcvd.reason}"

    return end


doors = [idle, notify] if token else [idle, notify, events, socket]
ends = [(door.__name__, door()) for door in doors]
print("waits", flush=True)
told = threading.Lock()


def tell(door, end):
    said = end()
    with told:
        print(json.dumps({"door": door, "said": said}), flush=True)


threads = [threading.Thread(target=tell, args=one) for one in ends]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done", flush=True)
