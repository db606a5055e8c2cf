"""A question becomes a study: resolved, planned, its needs and cost known; nothing runs here."""
