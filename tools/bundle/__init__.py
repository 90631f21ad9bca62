"""Build a bundle: everything that one virtualenv on a target needs, in one file, for that target's Python.

    PYTHONPATH=tools:app/mooring/src python -m bundle --source app/mooring --requirements requirements/runtime.txt …

A target has neither a compiler nor a registry, so the controller does what needs them: it builds the given sources
into wheels from a clean copy, downloads what the hash-locked requirements files name, builds what exists as a source
archive alone, and packs all of it with a `requirements.txt` that carries a hash for each wheel. The target installs
with `--no-index --require-hashes`.

| module | what it does |
|---|---|
| `__main__` | the command line |
| `reading`, `requirements` | requirements files, whoever wrote them; one pin for each project |
| `sources`, `listing`, `tree` | what of a source counts; a project's wheel, a tree's wheel |
| `history` | a version that a build asks git for |
| `locks`, `write_lock` | what builds a project, by hash; the command that writes such a lock |
| `backends` | a project's own build backend, in an environment of locked packages |
| `wheels` | what a wheel says of itself |
| `archives` | source archives unpacked so that nothing leads out of their folder |
| `sdists`, `fetch` | packages that exist as source archives alone |
| `cache` | who may write to what is kept |
| `sbom`, `write_sbom` | the bill of materials; the command that writes it without a deploy |
| `installer` | pip with the user's indexes and none of his other settings |
| `entries` | where a stock Django or Pecan project keeps its application |
| `target` | the target's Python and platform, and which wheels fit |
| `errors` | BundleError: one sentence, with the way out |
"""
