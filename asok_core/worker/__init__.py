"""``asok worker``: a supervisor that holds the lease, and the processes that run the jobs.

``supervising`` starts a process for each of ``--processes``, renews the lease, promotes what is due and
recovers what dead processes held. In a process (``running``) the dispatcher claims a job, a thread runs
it, and the dispatcher's next cycle settles it. What both use is beside the two packages.
"""
