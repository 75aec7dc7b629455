"""Chunks ⇄ indexes → hits → context. The centre: it imports nothing else of ours."""
