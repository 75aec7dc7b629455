"""Context → cited answer: retrieve, pack, prompt, generate, verify and cite."""
