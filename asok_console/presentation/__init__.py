"""How things are shown: safe text, numbers, ages and plain tables."""
