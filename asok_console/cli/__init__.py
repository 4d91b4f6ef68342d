"""The command line: the parser, and the function that turns errors into exit codes."""
