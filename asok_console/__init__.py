"""The operator's side of asok: the command line and the console."""
