"""Operations of an operator before and around the backend: previews, search, canary, export."""
