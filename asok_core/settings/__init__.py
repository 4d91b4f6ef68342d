"""The settings: declared once, read from the environment and ``.env``."""
