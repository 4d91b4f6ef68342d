"""What keys do, declared once: keys, the operations that they perform, and plans of these."""
