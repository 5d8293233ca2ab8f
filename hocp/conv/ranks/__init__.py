"""The rank of layers: from a budget, or from the task by the lasso, and pruning."""
