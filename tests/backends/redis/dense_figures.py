"""The script that makes dense figures, as tests and a benchmark call it."""

from __future__ import annotations

from asok_core.backends.redis.scripts import source

MAKE_DENSE = f"""
{source("fragments", "packed_figures")}
local found = {{}}
for i, packed in ipairs(ARGV) do found[i] = dense_of(numbers_of(packed), i - 1) or '' end
return found"""
