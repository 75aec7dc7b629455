"""Copies that leave the service: backups of everything, exports of a collection, and their way back in."""
