"""What keys do, declared once: keys, the operator's actions, and plans of what one would do."""
