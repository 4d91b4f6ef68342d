"""The command line: the parser, and the frame that turns errors into exit codes."""
