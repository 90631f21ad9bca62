r"""The load generator that proves, or disproves, that no request fails.

It drives new and kept connections at once, GETs and POSTs, and says of each failure what it was, when, on
which connection, and whose. Who works on the server marks what he does; the report tells what each operation
did to the requests. An example, with the counting application (`mooring_load.app:application`, its count file
in `/tmp/counted`):

    export PYTHONPATH=tools:app/mooring/src:app/multicloud/src
    python -m mooring_load run --url http://127.0.0.1:9001 --counting --count-file /tmp/counted \
        --out /tmp/load --until-stopped &
    python -m mooring_load during --control /tmp/load/control.sock --wait 10 "switch to pecan" -- \
        ansible-playbook deploy.yml -e web_framework=pecan
    python -m mooring_load stop --control /tmp/load/control.sock
    python -m mooring_load report /tmp/load --html /tmp/load/report.html

and with any other application, whose answers are known:

    python -m mooring_load run --url http://127.0.0.1:9001/api/multicloud/v0 --duration 30 --out /tmp/load \
        --get /vim_types --expect-same \
        --post /check_vim_capacity --post-body-template '{"VIMs": [], "id": "%(id)s"}' --expect-body '{"VIMs":[]}'

A run writes into its folder, while it goes on: `timeline.jsonl` (a row for every 100 ms), `failures.jsonl` (a
line for each failure), `posts.tsv` (a line for each POST); and at its end `summary.json`. Times in them are
seconds since the run began, by a clock that nobody sets.
"""
