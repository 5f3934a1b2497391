#!/usr/bin/env python3
"""Send a document, follow the feed, fetch what arrives: the REST API with Python's own library and nothing else.

    congvan key add --system SYSTEM --scope documents:read,documents:send,statuses:send,events:read
    CONGVAN_KEY=cvk_… api_client.py https://exchange.example.gov.vn send letter.json signed.pdf
    CONGVAN_KEY=cvk_… api_client.py https://exchange.example.gov.vn follow received/

CONGVAN_CA names a file of certificates to trust beside the system's own.
"""
import hashlib
import json
import os
import pathlib
import ssl
import sys
import urllib.error
import urllib.request

PART = 4 * 1024 * 1024


class Api:
    def __init__(self, base, key):
        self.base = base.rstrip("/") + "/api/v1"
        self.key = key
        self.tls = ssl.create_default_context(cafile=os.environ.get("CONGVAN_CA"))

    def call(self, method, path, body=None, **headers):
        url = path if path.startswith("http") else self.base + path
        request = urllib.request.Request(url, data=body, method=method)
        request.add_header("Authorization", "Bearer " + self.key)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), str(value))
        try:
            return urllib.request.urlopen(request, context=self.tls, timeout=90)
        except urllib.error.HTTPError as refusal:
            problem = json.load(refusal)
            raise SystemExit(f"{problem['status']} {problem['code']}: {problem['detail']} {problem.get('errors', '')}")

    def upload(self, content):
        """A file in parts; after a lost line, ask GET /uploads/ID for the offset and go on there."""
        begun = json.load(self.call("POST", "/uploads", b"", Tus_Resumable="1.0.0", Upload_Length=len(content)))
        for at in range(0, len(content), PART):
            self.call("PATCH", "/uploads/" + begun["id"], content[at:at + PART], Tus_Resumable="1.0.0",
                      Upload_Offset=at, Content_Type="application/offset+octet-stream")
        return begun["id"]

    def send(self, letter, path):
        content = path.read_bytes()
        # The same letter with the same file is the same act, however often this runs.
        act = hashlib.sha256(json.dumps(letter, sort_keys=True).encode() + content).hexdigest()
        kept = pathlib.Path(f".{act}.json")
        if kept.exists():
            body = kept.read_bytes()
        else:
            letter["files"] = [{"upload": self.upload(content), "name": path.name}]
            body = json.dumps(letter).encode()
            kept.write_bytes(body)
        answer = json.load(self.call("POST", "/documents", body, Content_Type="application/json", Idempotency_Key=act))
        kept.unlink()
        return answer

    def follow(self, folder):
        """Fetches what arrives, says so, and keeps the place in the feed beside it."""
        place = folder / "cursor"
        while True:
            after = "&after=" + place.read_text() if place.exists() else ""
            page = json.load(self.call("GET", "/events?wait=50" + after))
            for event in page["events"]:
                if event["kind"] == "document.arrived":
                    package = self.call("GET", f"/documents/{event['document']}/package").read()
                    (folder / f"{event['document']}.edxml").write_bytes(package)
                    self.call("POST", f"/documents/{event['document']}/acknowledgement", b'{"state":"done"}',
                              Content_Type="application/json")
                print(event["at"], event["kind"], event["document"], flush=True)
            place.write_text(page["next"])
            if os.environ.get("CONGVAN_ONCE") and not page["more"]:
                return


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    api = Api(sys.argv[1], os.environ["CONGVAN_KEY"])
    if sys.argv[2] == "send":
        letter = json.loads(pathlib.Path(sys.argv[3]).read_text())
        print(api.send(letter, pathlib.Path(sys.argv[4]))["id"])
    else:
        api.follow(pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    main()
