"""Tasks and errors that tests of several folders use."""
