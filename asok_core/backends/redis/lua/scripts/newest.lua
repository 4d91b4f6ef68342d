-- How far from the consuming end the newest of equal elements of a list is. Writes nothing.
return reply { position = redis.call('LPOS', elements, element), length = redis.call('LLEN', elements) }
