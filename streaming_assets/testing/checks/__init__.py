"""What must hold of every source, a file for each check; a check raises `NotConforming` with what it found."""
