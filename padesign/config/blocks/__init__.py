"""The blocks of a run file, one module for each; `padesign.config.schema` puts them together."""
