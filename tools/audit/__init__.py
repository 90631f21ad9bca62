"""Known vulnerabilities of the locked packages: `make audit`.

pip-audit asks, and decides what is told. Without a copy of advisories it asks PyPI. With one (ADVISORIES=…) it asks a
service on loopback that answers from the copy as api.osv.dev does, so that no network is needed.

| module | what it does |
|---|---|
| `__main__` | the command line: which packages, pip-audit, the report |
| `advisories` | reads a copy of OSV's advisories for PyPI: a zip archive or a folder |
| `matching` | is a version affected, and by which versions is it fixed |
| `service` | the HTTP service that pip-audit asks |
"""
