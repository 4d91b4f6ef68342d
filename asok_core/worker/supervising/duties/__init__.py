"""What a supervisor does again and again, one duty a file."""
