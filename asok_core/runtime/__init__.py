"""What our programs need of their own Python process: streams, logging, time limits, forks, exits."""
