"""Where jobs go: threads of this process, or Redis. Both play the roles of ``roles``."""
