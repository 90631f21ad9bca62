"""The command line: `python -m prove --settings FILE`; see `--help`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mooring import texts
from prove import errors, settings
from prove.proof import Proof, Verdict, every_operation

_EPILOG = """\
settings: a JSON object. playbooks/prove.yml makes it of an inventory; each key is one of its variables (prove_rate is `rate`):
url, allow, host, get_path, get_status, get_same, post_path, post_body, post_answer, count_file, rate, requests, timeout, skip,
only, report, hang, workers, framework, wsgi_apps, environment, instance, home, supervisor; besides hostname (in the inventory),
site (its variables, as for -e) and controller: folder, bin (of ansible-playbook), inventories, config (ansible.cfg), local.

exit status: 0 proved; 1 requests have failed, or were lost or doubled; 2 wrong usage or settings; 3 refused, nothing was
changed; 4 an operation did not do what it must do; 130 interrupted.

The first Ctrl-C ends the load; the operation under way goes to its end, and what the proof has changed is taken back. The
second leaves at once.
"""


class Teller:
    """Tells people, or with `--json` a program, what happens: a line each, at once."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._heard = True

    def progress(self, line: str) -> None:
        """Tell something that has happened."""
        self._say({"progress": line}, line)

    def verdict(self, verdict: Verdict) -> None:
        """Tell how it has ended."""
        told = {"status": verdict.status, "message": verdict.message, "report": verdict.report}
        self._say({"result": {**told, "summary": verdict.summary}}, verdict.report)
        if not self._json and verdict.message:
            texts.write_lines(sys.stderr, f"prove: {verdict.message}")

    def refusal(self, error: errors.ProofError) -> None:
        """Tell why it has not begun."""
        if self._json:
            self._say({"refused": {"status": error.status, "message": str(error)}}, "")
        else:
            texts.write_lines(sys.stderr, f"prove: {error}")

    def _say(self, found: dict[str, Any], line: str) -> None:
        if not self._heard:
            return
        try:
            texts.write_lines(sys.stdout, json.dumps(found) if self._json else line)
            sys.stdout.flush()
        except OSError:  # whoever has listened is gone; what was begun is taken back all the same
            self._heard = False


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    arguments = _parser().parse_args(argv)
    teller = Teller(arguments.json)
    try:
        known = settings.read(_given(arguments))
        if arguments.list:
            names = [operation.name for operation in every_operation(known)]
            texts.write_lines(sys.stdout, json.dumps(names) if arguments.json else "\n".join(names))
            return errors.DONE
        proof = Proof(known, teller.progress, arguments.end_with)
        if arguments.check:
            proof.check()
            names = [operation.name for operation in proof.operations]
            teller.verdict(
                Verdict(
                    errors.DONE, report="\n".join([f"would do {len(names)} operations under load:", *names])
                )
            )
            return errors.DONE
        verdict = proof.run()
    except errors.ProofError as error:
        teller.refusal(error)
        return error.status
    except KeyboardInterrupt:
        texts.write_line(
            sys.stderr, "prove: left at once; what is live is put right by ansible-playbook deploy.yml"
        )
        return errors.INTERRUPTED
    teller.verdict(verdict)
    return verdict.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prove",
        description="Prove on a deployed instance that no request fails, whatever an operator does to it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--settings", required=True, metavar="FILE", help="what is proved, and how; - for standard input"
    )
    parser.add_argument(
        "--skip", action="append", default=[], metavar="NAME", help="leave this operation out"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="do this one, and others so named, alone"
    )
    parser.add_argument("--list", action="store_true", help="list the operations by their names")
    parser.add_argument(
        "--check", action="store_true", help="check all that is checked before, and change nothing"
    )
    parser.add_argument(
        "--json", action="store_true", help="tell in lines of JSON: progress, then result or refused"
    )
    parser.add_argument("--end-with", type=int, metavar="PID", help="take the end of this process for Ctrl-C")
    return parser


def _given(arguments: argparse.Namespace) -> Mapping[str, Any]:
    try:
        if arguments.settings == "-":
            found = json.load(sys.stdin)
        else:
            found = json.loads(Path(arguments.settings).read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.SettingsError(f"--settings {arguments.settings}: {error.strerror}") from error
    except ValueError as error:
        raise errors.SettingsError(f"--settings {arguments.settings}: this is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise errors.SettingsError(f"--settings {arguments.settings}: this is no JSON object")
    for name in ("skip", "only"):
        found[name] = [*found.get(name, []), *getattr(arguments, name)]
    return found


if __name__ == "__main__":
    sys.exit(main())
