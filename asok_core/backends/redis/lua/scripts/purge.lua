-- needs: full time expect record moves alias take audit
-- purge: chosen dead letters -> trash, as they are. One batch, one step.
-- ARGV: ns, op, about, counts (audit), lo, hi (where they were seen), then each, oldest first: mark,
--   how many older letters stay behind (where a restore puts it), id
-- Reply: per letter 1 purged; 0 no longer there
local ns, op = ARGV[1], ARGV[2]
local dead, trash = ns .. ':dlq', ns .. ':trash:' .. op
expect_audit(ns, op)
expect('list', trash)
expect('list', trash .. ':at')

local who = said(ARGV[3])
local stamp = server_time()
local marks = {}
for i = 7, #ARGV, 3 do marks[#marks + 1] = ARGV[i] end
local indexes, letters = find(dead, tonumber(ARGV[5]), tonumber(ARGV[6]), marks)
local replies, applied = {}, 0
for n = 1, #marks do
  replies[n] = 0
  if indexes[n] then
    swap(dead, indexes[n], op)
    placed(swap_back(dead, indexes[n], letters[n]), 'LPUSH', trash, letters[n])
    redis.call('LPUSH', trash .. ':at', ARGV[5 + n * 3])
    add_move(ns, ARGV[6 + n * 3], move_line(stamp, 'purge', who, op))
    replies[n], applied = 1, applied + 1
  end
end
sweep(dead, applied, op, tonumber(ARGV[5]))
if applied > 0 then
  expire_trash(trash)
end
note(ns, op, ARGV[3], ARGV[4], applied, {}, 'running')
return replies
