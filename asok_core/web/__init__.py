"""Web applications: the application object, its middleware and the requests that tasks see."""
