"""One router per resource, with its request and response models."""
