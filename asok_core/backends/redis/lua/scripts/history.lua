-- Reads a range of one queue's statistics. Writes nothing.
-- needs: buckets
-- ARGV  namespace, queue, kind, width, first, last (as read_buckets has them)
-- Reply {start, {field, value, ...}, ...}
return read_buckets(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]),
                    tonumber(ARGV[6]))
