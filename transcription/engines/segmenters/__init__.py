"""What finds the lines of a page."""
