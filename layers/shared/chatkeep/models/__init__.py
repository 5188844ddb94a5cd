"""The sessions table: one model an entity."""
