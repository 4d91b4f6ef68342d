"""Benchmarks of this queue and of other libraries (peers): ``make bench``.

``catalogue`` has the peers and the commands of their workers, ``peers/`` a small module for each
that enqueues jobs, ``tasks`` the tasks that all of them run, ``cases`` the measurements, and
``table`` the report."""
