"""What can be checked without a network: published numbers against a copy of the paper, numbers back to runs."""
