"""What an operation would do: its plan, what it asks for, and the command line that does the same."""
