"""The HTTP API, /api/v1: what programs submit, ask and fetch. One noun a file; ``site`` puts them together."""
