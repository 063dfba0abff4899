"""What the commands do. Imported only when a command runs, because the work needs heavy libraries."""
