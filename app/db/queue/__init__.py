"""Jobs as rows: queued, claimed under a lease, attempted."""
