"""What agencies may say to each other: pure values and functions, without I/O."""
