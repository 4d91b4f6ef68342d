-- needs: full
-- Answer a request for a stack, also on a full Redis: whoever asks looks why nothing ends. Moves no job.
redis.call('SET', stack_key(token), answer, 'EX', STACK_ANSWER_TTL)
