"""Listens to the inbox, says so, and says each thing it hears; ends after as many as it was told."""

import imaplib
import ssl
import sys

port, root, user, password, count = int(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5])
tls = ssl.create_default_context(cafile=root)
tls.check_hostname = False
imap = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=tls, timeout=60)
imap.login(user, password)
imap.select("INBOX")
imap.send(b"i IDLE\r\n")
heard = 0
while heard < count:
    line = imap.readline().decode().strip()
    print("listening" if line.startswith("+") else line, flush=True)
    heard += line.startswith("*")
imap.send(b"DONE\r\n")
while not imap.readline().startswith(b"i OK"):
    pass
imap.send(b"s UID STORE 1:* +FLAGS.SILENT (\\Answered)\r\n")
while not imap.readline().startswith(b"s OK"):
    pass
