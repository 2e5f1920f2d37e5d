"""How fast Duodesk answers beside other engines, in ratios of one run; not part of the application."""
