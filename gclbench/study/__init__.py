"""A question becomes a study: content resolved, cells and nodes planned; nothing runs here."""
