"""Screening whole data sets: files of any number of rows in, hits and a record of what was done out.

inputs    which files, and how to tell that one has changed
units     what a worker does at a time: some row groups, some lines, or a file
readers   the rows of a unit, in batches
results   the columns of an answer, and the Parquet files they are written to
manifest  what is finished, so that a run that was interrupted goes on where it stopped
work      one unit, start to finish
workers   processes that do units
run       a whole run, and its summary
"""
