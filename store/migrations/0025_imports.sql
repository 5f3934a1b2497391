-- What `congvan import` has brought into a mailbox, written with the message itself: an import that was cut off goes on where it was, and one
-- that is run again adds nothing, whatever has been done with the messages since. `mark` is a digest of the message's name and of how many
-- like it came before; it says nothing about the content to whoever has only the database.
CREATE TABLE imported (
    account_id BYTES NOT NULL,
    mailbox_id BYTES NOT NULL,
    mark BYTES NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, mark)
) KEYLESS;
