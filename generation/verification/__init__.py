"""A sentence held to what it cites: whether its passages bear it out, and what they do not say."""
