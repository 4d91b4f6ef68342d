"""Commands on limits, which bound how many jobs run at once and start per unit of time."""
