"""What leads are told of their collections: one module a section of the report screen, each a list of reports."""
