"""What the indexes follow and hits are read from: chunks, vectors, generations, the change log."""
