"""The worker: one process that loads a WSGI application, proves it, serves it and drains.

``python -m mooring.worker`` expects a listening socket as file descriptor 0 and its settings in the environment
(``mooring.settings``). How it waits is its engine's: all imports of eventlet are in ``mooring.worker.engines.eventlet``.
"""
