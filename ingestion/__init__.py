"""File → chunks: accept uploads, parse them in a killable child, chunk, embed and publish."""
