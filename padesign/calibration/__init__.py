"""Fits the shared parameters of a set to published observations and says what these determine."""
