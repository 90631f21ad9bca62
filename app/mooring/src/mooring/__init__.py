"""Mooring's runtime: the supervisord plugin, the bootstrap, the worker and the control command."""
