"""What a session leaves behind, as values: to be judged again, or shown, elsewhere."""
