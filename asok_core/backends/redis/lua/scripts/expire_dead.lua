-- needs: full stats
-- Dead jobs -> gone, for they are older than ASOK_DLQ_MAX_AGE. Counted as `dropped`.
local dropped = 0
for i = jobs_first, jobs_last, AGED_JOB.SIZE do
  if redis.call('LREM', dead_key, -1, ARGV[i + AGED_JOB.dead_job]) == 1 then
    dropped = dropped + 1
    tally(ARGV[i + AGED_JOB.queue], 'dropped', 1)
  end
end
write_tally(tonumber(redis.call('TIME')[1]))
return dropped
