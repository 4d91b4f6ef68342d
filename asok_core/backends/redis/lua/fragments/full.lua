-- The script also runs on a full Redis. This is the first of its fragments.
-- At maxmemory without eviction Redis refuses each command that may need memory (LMOVE and ZADD as well), but
-- not in a script that has written before: DEL of an absent key is such a write, needs no memory and changes
-- nothing. (The flag allow-oom of Redis 7 does the same, but 6.2 does not know it.)
-- So workers finish jobs and operators purge, which frees memory. What brings new data (enqueue, import) does
-- not need this fragment, and is refused.
redis.call('DEL', absent_key)
