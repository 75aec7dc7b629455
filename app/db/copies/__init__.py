"""Rows that leave for a backup or another Openbook, and come back."""
