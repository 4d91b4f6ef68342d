"""The keys of the console, declared once, and the operations that they perform."""
