"""The declarations of all Lua scripts: what each is called with, and what it replies."""
