"""`padesign characterise`, one section to a file."""
