"""A server for the raw base model and its adapters, apart from the app: OpenAI's chat completions, and vLLM's calls to
load adapters while it runs and to count tokens."""
