"""HTTP, SQL, settings, the processes, the command line and the page."""
