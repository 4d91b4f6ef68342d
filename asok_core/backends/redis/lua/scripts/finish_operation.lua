-- needs: full time expect audit
-- Writes down what an action came to: counts that no batch carried, and its state. Moves nothing.
-- ARGV: ns, op, about, counts, state
expect_audit(ARGV[1], ARGV[2])
note(ARGV[1], ARGV[2], ARGV[3], ARGV[4], 0, {}, ARGV[5])
return 1
