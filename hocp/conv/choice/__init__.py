"""Which form is fastest for a call: by a model of cost, or as measured; and why."""
