"""The Redis backend: one file a role, one Lua file a transition, and nothing else imports redis."""
