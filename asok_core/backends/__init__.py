"""Backends: local and eager in this process, and Redis. ``roles`` has their interfaces."""
