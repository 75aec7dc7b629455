"""A package, so that its fixtures live as long as its tests run: pytest ends them with the folder's last test."""
