-- needs: full time expect audit
-- Write what an operation has done: counts that no batch carried, and its state. Moves nothing.
expect_audit(op)
note(op, about, counts, 0, {}, state)
return 1
