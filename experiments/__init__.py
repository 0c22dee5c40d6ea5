"""Three claims of the course notes about activation functions, put to the test: run `python -m experiments`."""
