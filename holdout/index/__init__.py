"""The read index: everything the registry says, by key, in files that every process of a machine maps.

A *base* holds all keys at one log index; an *overlay* holds what log entries after it changed, each entry
with its key's whole value. A *manifest* names both and is replaced as one. Sizes, orders and files are
described where they are made: `table` (one sorted table), `files` (what stands on disk), `manifest`,
`publish` (the one writer), `read` (the many readers).

Importing this package loads nothing; its modules load numpy and numba.
"""
