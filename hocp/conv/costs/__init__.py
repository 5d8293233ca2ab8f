"""What layers and networks cost: by formula, and as measured."""
