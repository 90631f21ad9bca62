"""The bootstrap: first process of an instance, `[fcgi-program:<instance>-bootstrap]`, `python -m mooring.bootstrap`.

It holds the shared socket as descriptor 0 and never accepts a client. It checks what the workers will need
and says in one sentence what is wrong, before any of them starts; then it answers for the instance on its
status socket (`ready`, `stats`), and its watchdog has workers replaced that are stopped or blocked. It
needs the standard library alone, ends at once on SIGTERM, and with supervisord.

Exit status: 0 ended by a signal; 1 something that the workers need is wrong; 2 the settings are.
"""
