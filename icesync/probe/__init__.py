"""
Log in to one mail server and say what it answered.

The dialogues are spoken over a socket and not by smtplib, imaplib and poplib.
Those try mechanisms in turn (one wrong password is three refused logins), have
a limit for each read and none for the whole (a server that drips holds them for
ever), read answers without bound, and take no password beyond ASCII everywhere.
A probe needs some ten commands; here each one that is spoken can be read.

No mail is ever sent: no dialogue knows RCPT or DATA. Nothing is marked, nothing
is deleted.
"""
