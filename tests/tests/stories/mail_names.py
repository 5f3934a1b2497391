"""A small name server on loopback, and what asks it.

serve         prints its address and answers from the zone on standard input (JSON, as the suite below writes its zones).
suite P FILE  plays the RFC 7208 test suite of openspf.org against the program P: a run of `congvan mail-auth spf` for each test. Answers in
              JSON: how many tests, and each that came out otherwise."""
import concurrent.futures, json, socket, struct, subprocess, sys, threading
import yaml

KINDS = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SPF": 99}


def labels(name):
    parts = [part.encode() for part in name.rstrip(".").split(".") if part]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def data(kind, value):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack("!H", value[0]) + labels(value[1])
    if kind in ("TXT", "SPF"):
        # A TXT record without any text is illegal (RFC 1035 §3.3.14) and no name server sends it; an empty text is.
        parts = [value] if isinstance(value, str) else value or [""]
        parts = [part.encode("utf-8") for part in parts]
        parts = [part[at : at + 255] for part in parts for at in range(0, max(len(part), 1), 255)]
        return b"".join(bytes([len(part)]) + part for part in parts)
    return labels(value)


def zone(rows):
    """Records by name; a text stands for a TXT record where SPF's own type is written and no TXT is (the suite's convention)."""
    names = {}
    for name, entries in rows.items():
        records, has_text, fails = [], False, False
        for entry in entries:
            if entry == "TIMEOUT":
                fails = True
                continue
            for kind, value in entry.items():
                has_text |= kind == "TXT"
                if value != "NONE":
                    records.append((kind, value))
        if not has_text:
            records += [("TXT", value) for kind, value in records if kind == "SPF"]
        names[name.lower().rstrip(".")] = (records, fails)
    return names


class Server:
    def __init__(self):
        self.names = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(packet), client)

    def answer(self, packet):
        at, parts = 12, []
        while packet[at]:
            parts.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        kind = struct.unpack("!H", packet[at + 1 : at + 3])[0]
        question = packet[12 : at + 5]
        name, answers, code = ".".join(parts).lower(), [], 0
        for _ in range(5):
            if name not in self.names:
                code = 2 if name.startswith("error.") else 3
                break
            records, fails = self.names[name]
            timed_out = any(KINDS[k] == kind and v == "TIMEOUT" for k, v in records)
            mine = [(k, v) for k, v in records if KINDS[k] == kind and v != "TIMEOUT"]
            aliases = [v for k, v in records if k == "CNAME"]
            if timed_out or (fails and not mine):
                code = 2
            for k, v in mine or [("CNAME", v) for v in aliases]:
                rdata = data(k, v)
                answers.append(labels(name) + struct.pack("!HHIH", KINDS[k], 1, 60, len(rdata)) + rdata)
            if mine or not aliases:
                break
            name = aliases[0].lower().rstrip(".")
        head = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(answers), 0, 0)
        return head + question + b"".join(answers)


def run(program, server, test):
    command = [program, "mail-auth", "spf", "--dns", server.address, "--ip", test["host"]]
    command += ["--helo", test["helo"], "--from", test["mailfrom"]]
    done = subprocess.run(command, capture_output=True, timeout=120)
    if done.returncode:
        return {"result": "exit %d: %s" % (done.returncode, done.stderr.decode()), "explanation": ""}
    return json.loads(done.stdout)


def differs(found, test):
    # Some tests allow more than one result.
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
    if found["result"] not in wanted:
        return True
    # The suite calls the explanation of who gives none DEFAULT.
    return "explanation" in test and (found["explanation"] or "DEFAULT") != test["explanation"]


def serve():
    server = Server()
    server.names = zone(json.loads(sys.stdin.readline()))
    print(server.address, flush=True)
    # Until whoever started us is gone.
    sys.stdin.read()


def suite(program, path):
    count, other = 0, []
    for scenario in yaml.safe_load_all(open(path, encoding="utf-8")):
        server = Server()
        server.names = zone(scenario["zonedata"])
        tests = scenario["tests"]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda test: run(program, server, test), tests.values())
        for (name, test), answer in zip(tests.items(), found):
            count += 1
            if differs(answer, test):
                wanted = {"result": test["result"], "explanation": test.get("explanation")}
                other.append({"section": scenario["description"], "test": name, "wanted": wanted, "found": answer})
    print(json.dumps({"tests": count, "deviations": other}, indent=1))


serve() if sys.argv[1] == "serve" else suite(*sys.argv[2:4])
