"""Other registries' protocols, for clients that exist."""
