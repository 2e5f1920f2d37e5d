"""The backup room: all that cannot be made again, in one file, and back. What is in it, each room says for itself."""
