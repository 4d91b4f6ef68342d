-- needs: full
-- Answer a request for a stack, also on a full Redis, where stacks show why no job ends. Moves no job.
redis.call('SET', stack_key(token), answer, 'EX', STACK_ANSWER_TTL)
