"""A page in the browser: from files to one clock, by hand where needed."""
