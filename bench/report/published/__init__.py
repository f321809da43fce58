"""Points and conventions read from papers: shown beside ours, never ranked."""
