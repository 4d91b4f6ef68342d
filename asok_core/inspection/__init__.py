"""What readers show: snapshots and rows, filters, error groups, history, and what is hidden of them."""
