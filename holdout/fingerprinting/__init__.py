"""Fingerprints of pictures where they lie: folders in, one Parquet file out, so that no picture leaves.

walk   which files, in one order
look   one file: its fingerprints, or why there are none
table  the columns, and the Parquet file
kept   what earlier runs found, so that a run that was interrupted goes on where it stopped
pool   several files at a time, in their order
run    a whole run, and what it came to
"""
