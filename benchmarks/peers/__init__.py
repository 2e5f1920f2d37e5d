"""The engines and servers that Duodesk's own is measured against: one file a peer."""
