"""What ``asok console --demo`` needs beside the console: a Redis of its own and traffic."""
