"""The worker: one Eventlet process that loads a WSGI application, proves it, serves it and drains.

``python -m mooring.worker`` expects a listening socket as file descriptor 0 and its settings in the environment
(``mooring.settings``). All imports of eventlet are in this package, so that another engine can follow one day.
"""
