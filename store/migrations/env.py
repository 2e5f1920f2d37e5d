"""Run by Alembic for each upgrade, on the connection and in the transaction that store/database.py opened.

A change of the tables is a new numbered file in versions/ (script.py.mako is its outline), the same change in
store/tables.py, and never an edit of an older file; a test compares the two. There is no way down: a database
that a newer program has upgraded is refused by an older one.
"""

from alembic import context

from store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
