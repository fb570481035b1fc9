"""Django's PostgreSQL backend, over connections that do not wait for ever (`config.postgresql.base`)."""
