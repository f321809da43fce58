"""Result files: columns, atomic writing, reading, provenance."""
