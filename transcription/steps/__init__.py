"""What changes rows, one verb a file. Keyword-only arguments; each says which lock it takes or needs."""
