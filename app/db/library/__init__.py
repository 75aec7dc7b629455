"""Collections and the documents in them: registered, shown, described, deleted."""
