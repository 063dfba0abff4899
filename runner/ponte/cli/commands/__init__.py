"""What can be typed: signatures, help and examples of the commands. Cheap to import; the work is in `actions`."""
