"""Kills the real program with SIGKILL under load, again and again, and looks for what was lost: see __main__.py."""
