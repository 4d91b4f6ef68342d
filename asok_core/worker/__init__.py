"""``asok worker``: a supervisor that holds the lease, and the processes that run the jobs.

The way of a job through here: ``dispatcher`` claims it, ``threads`` run it by ``execution``, and the
dispatcher's next cycle settles it. ``supervisor`` starts a ``child`` per process, beats, promotes what
is due and recovers what dead processes held.
"""
