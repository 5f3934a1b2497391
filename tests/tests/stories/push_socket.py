"""Speaks JMAP over a WebSocket (RFC 8887) with the `websockets` library.

    push_socket.py URL CA ADDRESS PASSWORD ACCOUNT

Says what it waits for, a line each; whoever runs it makes that happen. Any surprise ends it with a traceback."""

import base64
import faulthandler
import json
import ssl
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

# Who waits in vain says where, before whoever runs this gives up.
faulthandler.dump_traceback_later(50, exit=True)
url, ca, address, password, account = sys.argv[1:]
trust = ssl.create_default_context(cafile=ca)
CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"


def opened(protocols=("jmap",), secret=password, **more):
    pair = base64.b64encode(f"{address}:{secret}".encode()).decode()
    return connect(url, ssl=trust, subprotocols=protocols, additional_headers={"Authorization": f"Basic {pair}"}, proxy=None, **more)


def refused(status, **how):
    try:
        with opened(**how):
            raise AssertionError(f"{how} was let in")
    except InvalidStatus as error:
        assert error.response.status_code == status, (how, error.response.status_code)


def say(ws, **message):
    ws.send(json.dumps(message))


def hear(ws):
    return json.loads(ws.recv(timeout=30))


refused(401, secret="wrong")
refused(400, protocols=("xmpp",))
refused(403, origin="https://elsewhere.example")
with opened() as ws:
    assert ws.subprotocol == "jmap" and ws.protocol.extensions == [], ws.protocol.extensions
    say(ws, **{"@type": "Request", "id": "a", "using": [CORE], "methodCalls": [["Core/echo", {"x": "đ"}, "0"]]})
    answer = hear(ws)
    assert answer["@type"] == "Response" and answer["requestId"] == "a", answer
    assert answer["methodResponses"] == [["Core/echo", {"x": "đ"}, "0"]], answer
    # Thirty at once: each is answered, under its own id, in whatever order.
    for n in range(30):
        say(ws, **{"@type": "Request", "id": f"r{n}", "using": [CORE, MAIL], "methodCalls": [["Mailbox/get", {"accountId": account, "ids": None}, str(n)]]})
    answers = [hear(ws) for _ in range(30)]
    assert sorted(a["requestId"] for a in answers) == sorted(f"r{n}" for n in range(30))
    assert all(a["methodResponses"][0][1]["list"] for a in answers)
    # Another account's id is nobody's here either.
    say(ws, **{"@type": "Request", "id": "b", "using": [CORE, MAIL], "methodCalls": [["Mailbox/get", {"accountId": "0" * 32, "ids": None}, "0"]]})
    assert hear(ws)["methodResponses"][0][1]["type"] == "accountNotFound"
    ws.send("{")
    error = hear(ws)
    assert error["@type"] == "RequestError" and error["type"].endswith(":notJSON"), error
    assert ws.ping().wait(30), "a ping is answered"
    say(ws, **{"@type": "WebSocketPushEnable", "dataTypes": ["EmailDelivery", "Email"], "pushState": None})
    # Asked for before the next answer, so it is at work by then.
    say(ws, **{"@type": "Request", "id": "c", "using": [CORE], "methodCalls": []})
    assert hear(ws)["requestId"] == "c"
    print("waits", flush=True)
    news = hear(ws)
    assert news["@type"] == "StateChange" and list(news["changed"]) == [account], news
    assert set(news["changed"][account]) == {"EmailDelivery", "Email"}, news
    state = news["pushState"]
    say(ws, **{"@type": "WebSocketPushDisable"})
    print("is away", flush=True)
    sys.stdin.readline()
    say(ws, **{"@type": "Request", "id": "d", "using": [CORE], "methodCalls": []})
    assert hear(ws)["requestId"] == "d", "nothing is pushed that is not wanted"
with opened(compression=None) as ws:
    say(ws, **{"@type": "WebSocketPushEnable", "dataTypes": None, "pushState": state})
    news = hear(ws)
    assert "EmailDelivery" in news["changed"][account] and int(news["pushState"]) > int(state), news
    ws.send(b"\0")
    try:
        hear(ws)
        raise AssertionError("binary frames are not JMAP")
    except ConnectionClosed as closed:
        assert closed.rcvd.code == 1003, closed
with opened(max_size=None) as ws:
    try:
        ws.send("x" * 10_000_001)
        hear(ws)
        raise AssertionError("ten megabytes are the most")
    except ConnectionClosed:
        pass
print("done", flush=True)
