-- needs: full holds
-- An operator has stopped the release of a hold: workers do not finish it as one that was cut off. Moves nothing.
if redis.call('TYPE', holds_key).ok == 'hash' then note_stop(hold) end
return 1
