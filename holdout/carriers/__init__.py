"""Every way in which an opt-out is written, one module a standard: read, and where it makes sense written.

A reader takes what stands in one place (text, octets, header lines) and gives a `Signal`, resolved inside its
own standard, or None where the place does not speak that standard at all. It never raises for what it is
given: what cannot be read says nothing, and a `Note` says why. Nothing here fetches anything.
"""
