"""The proof that no request fails: traffic at a deployed instance while everything is done to it that an operator may do.

    python -m prove --settings settings.json            do it; `--list`, `--check`, `--json`: see `--help`

`playbooks/prove.yml` hands the settings of each host over and shows what is told; `docs/no-request-fails.md` tells all of it.

| module | what it holds |
|---|---|
| `settings` | what a proof needs to know, and the sentences for what is wrong with it |
| `operations` | what operators do, each with the check that it was done: here, and in tests/load and tests/faults |
| `deployment` | the same on a deployment: playbooks from this machine, `supervisorctl` and Mooring's program on the host |
| `state` | what runs of an instance, and which release |
| `load` | the load generator beside the operations |
| `proof` | the order of it all; what is taken back, also after Ctrl-C |
"""
