"""Models that people bring: pinned by SHA-256, with their licence, looked at before anything of them is loaded."""
