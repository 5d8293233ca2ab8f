# Faces of workflow/bootstrap.py, which makes the environment and says what else it can do (python3 workflow/bootstrap.py).
# More options: make reproduce ARGS="--configfile config/smoke.yaml"
PYTHON ?= python3

.PHONY: reproduce test test-conda

reproduce: ; $(PYTHON) workflow/bootstrap.py reproduce $(ARGS)

test: ; $(PYTHON) workflow/bootstrap.py test $(ARGS)

test-conda: ; $(PYTHON) workflow/bootstrap.py test-conda $(ARGS)
