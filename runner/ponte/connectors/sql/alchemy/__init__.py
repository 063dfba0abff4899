"""Any other database that SQLAlchemy has a dialect for: read, never written to."""
