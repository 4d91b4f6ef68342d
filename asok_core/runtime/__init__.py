"""The Python process of our programs: standard streams, logging, time limits, forks, exits."""
