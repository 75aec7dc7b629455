"""What stands between a socket and the routes: HTTP's bounds and deadlines, and the gate."""
