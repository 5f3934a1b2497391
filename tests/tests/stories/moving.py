"""Makes mailboxes with Python's own writer, and tells what its own reader finds in others.

make DIRECTORY COUNT: old.mbox (mboxo) and a Maildir++ with one folder.
read PATH KIND: one line of JSON for each message: folder, digest of the bytes, flags, moment.
"""

import base64, hashlib, json, mailbox, os, sys, time

BEGIN = 1_500_000_000


def message(number):
    # Every tenth of an mbox is there twice.
    text = (
        f"From: =?utf-8?B?{base64.b64encode('Nguyễn Văn An'.encode()).decode()}?= <an{number}@cu.test>\n"
        f"To: binh@cu.test\nSubject: Cong van {number}\nStatus: open\n"
        f"Date: Fri, 14 Jul 2017 09:40:{number % 60:02} +0700\nMessage-ID: <{number}@cu.test>\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        f"Kính gửi đồng chí,\n\nFrom here on: văn bản số {number}.\n" + "dòng\n" * (number % 50)
    )
    return text.encode()


def flags_of(number):
    return "".join(letter for place, letter in enumerate("RFSDT") if number >> place & 1)


def make(directory, count):
    box = mailbox.mbox(os.path.join(directory, "old.mbox"))
    for number in range(count):
        one = mailbox.mboxMessage(message(number - 1 if number % 10 == 9 else number))
        # Set in Python's words: D deleted, T draft.
        letters = {"R": "A", "F": "F", "S": "R", "D": "T", "T": "D"}
        one.set_flags("O" + "".join(letters[letter] for letter in flags_of(number)))
        one.set_from("MAILER-DAEMON", time.gmtime(BEGIN + number))
        box.add(one)
    box.close()
    root = mailbox.Maildir(os.path.join(directory, "old.maildir"))
    for box in (root, root.add_folder("C&APQ-ng v&AQM-n")):
        for number in range(count):
            one = mailbox.MaildirMessage(message(number))
            one.set_subdir("cur")
            one.set_flags("".join(sorted(flags_of(number))))
            one.set_date(BEGIN + number)
            box.add(one)


def said(folder, raw, flags, moment):
    raw = raw.replace(b"\r\n", b"\n")
    print(json.dumps([folder, hashlib.sha256(raw).hexdigest(), "".join(sorted(flags)), int(moment)]))


def read_mbox(path, folder):
    box = mailbox.mbox(path, create=False)
    letters = {"A": "R", "F": "F", "R": "S", "T": "D", "D": "T"}
    for key in box.keys():
        one = box[key]
        raw = box.get_bytes(key)
        # The fields that an mbox keeps are no part of the message; "Status: open" is.
        header, body = raw.split(b"\n\n", 1)
        lines = [line.split(b": ", 1) for line in header.split(b"\n")]
        kept = [line for line in lines if line[0] in (b"Status", b"X-Status") and set(line[1]) <= set(b"ROAFTD")]
        raw = b"\n".join(b": ".join(line) for line in lines if line not in kept) + b"\n\n" + body
        unquoted = [line[1:] if line.lstrip(b">").startswith(b"From ") and line[:1] == b">" else line for line in raw.split(b"\n")]
        moment = time.mktime(time.strptime(one.get_from().split(" ", 1)[1].strip())) - time.timezone
        flags = b"".join(line[1] for line in kept).decode()
        said(folder, b"\n".join(unquoted), [letters[f] for f in flags if f in letters], moment)


def read_maildir(box, folder):
    for key in box.keys():
        one = box[key]
        said(folder, box.get_bytes(key), one.get_flags(), one.get_date())


def read(path, kind):
    if kind == "mbox":
        for directory, _, names in os.walk(path):
            for name in names:
                whole = os.path.join(directory, name)
                read_mbox(whole, os.path.relpath(whole, path).removesuffix(".mbox"))
    elif kind == "maildir":
        root = mailbox.Maildir(path, create=False)
        read_maildir(root, "INBOX")
        for name in root.list_folders():
            read_maildir(root.get_folder(name), name)
    else:
        for directory, _, names in os.walk(path):
            for name in names:
                whole = os.path.join(directory, name)
                parts = name.split(".")
                with open(whole, "rb") as file:
                    said(os.path.relpath(directory, path), file.read(), parts[1] if len(parts) == 3 else "", os.path.getmtime(whole))


os.environ["TZ"] = "UTC"
time.tzset()
if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    read(sys.argv[2], sys.argv[3])
