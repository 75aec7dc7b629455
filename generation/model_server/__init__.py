"""A server that speaks OpenAI's protocol: calls, their bounds, and what they learn from each other."""
