"""Training, evaluation and scoring of networks on prepared data sets."""
