"""Every operation of an operator, declared once: commands and keys are derived from it."""
