"""From raw releases to packed, labelled face crops; one door for all data (see README.md in this folder)."""
