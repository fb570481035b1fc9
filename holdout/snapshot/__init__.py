"""The snapshot: what the registry says, in a signed file that a vendor screens with on its own machine.

For each key that something is said of it holds the 40 most significant bits of the key's probe and one byte.
docs/reference/snapshot.md describes the files; here they are made and read in the same code: `codes` (the
byte), `state` (what a snapshot says, and the difference of two), `rice` and `files` (bytes on disk), `folder`
(what a vendor keeps), `read` (`Snapshot`, which screens).

Importing this package loads nothing; its modules load numpy and numba.
"""
