"""The third stage: from the store to leaderboards and plots."""
