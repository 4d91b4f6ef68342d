"""The supervisor of a worker and its duties. It never imports the application."""
