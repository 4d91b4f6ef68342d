"""Twenty situations on real servers and workers, of which ``asok explain`` must name the cause first."""
