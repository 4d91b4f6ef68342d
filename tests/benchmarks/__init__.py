"""The queue measured beside others: ``make bench``.

``catalogue`` names the peers and how their workers are started, ``peers/`` holds one small file each
that enqueues for one of them, ``tasks`` is what all of them run, ``cases`` what is measured, and
``table`` what is said of it.
"""
