"""One set of physical parameters against the published avalanches."""
