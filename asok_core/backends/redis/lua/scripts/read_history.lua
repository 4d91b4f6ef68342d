-- needs: buckets
-- Buckets of one queue's statistics. Writes nothing.
return read_buckets(queue, fine, first, last)
