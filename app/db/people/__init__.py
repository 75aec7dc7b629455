"""Who asks: credentials, conversations, replies kept for retries, and who did what."""
