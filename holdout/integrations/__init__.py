"""Screening inside other systems. Each module needs that system's package, an extra of the distribution."""
