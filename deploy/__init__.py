"""All of Duodesk on one machine, as one would spread it over several: Postgres, a Chroma server, the model server, app
processes, and nginx in front of them."""
