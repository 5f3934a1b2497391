//! Who is who: agencies, units, people, mailboxes, roles, sign-in, provisioning.
