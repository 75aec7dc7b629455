"""What answers are measured and models are tuned by."""
