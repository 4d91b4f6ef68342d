"""What applications call: ``background``, ``@task``, ``get_job``, ``cancel``."""
