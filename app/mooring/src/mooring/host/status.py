"""`status`: what runs of an instance, and how it is."""

from __future__ import annotations

from typing import Any

from mooring import status_socket
from mooring.host.gate import ask_all
from mooring.host.instance import COLOURS, PARTS, Instance
from mooring.host.live import NOTHING
from mooring.host.server import Process, Server, SilentError
from mooring.host.state import damage, find
from mooring.host.survey import serving


def status(instance: Instance) -> dict[str, Any]:
    """Return the sockets, the bootstrap, each colour's workers, and companions: what supervisord and they tell."""
    server = Server.of(instance)
    groups = {name: instance.group(name) for name in PARTS}
    everything = [p for p in server.processes() if instance.groups.fullmatch(p.group)]
    processes = [p for p in everything if p.group in groups.values()]
    answers = ask_all(instance.run_dir, processes, status_socket.STATS)
    facts = [(p, _facts(p, answer)) for p, answer in zip(processes, answers, strict=True)]
    ours = set(groups.values())
    every = server.rows("mooring.getSockets", {"url": str, "adopted": bool, "groups": list})
    sockets = [each for each in every if ours & set(map(str, each["groups"]))]
    colours = {c: [f for p, f in facts if p.group == groups[c]] for c in COLOURS}
    return {
        "instance": instance.name,
        "sockets": sockets,
        "bootstrap": next((f for p, f in facts if p.group == groups["bootstrap"]), None),
        "colours": {colour: workers for colour, workers in colours.items() if workers},
        "companions": [
            {"name": p.full_name, "supervisord": p.state, "pid": p.pid}
            for p in everything
            if p not in processes
        ],
    }


def whole_status(instance: Instance) -> dict[str, Any]:
    """Return the same with what serves, and what is wrong with it, each a sentence; also when supervisord does not answer."""
    try:
        found = status(instance)
    except SilentError:
        found = {"instance": instance.name, "sockets": [], "bootstrap": None, "colours": {}, "companions": []}
    return {**found, "serving": serving(instance), "problems": problems(instance)}


def problems(instance: Instance, timeout: float = 2) -> list[str]:
    """Tell what is not as a deploy leaves it, a sentence each; the way out is always to deploy again. Changes nothing."""
    state = find(instance, timeout)
    found = [f"{state.doubt}."] if state.doubt else []
    if state.live == NOTHING:
        return [*found, f"Nothing is live in {instance.home}."]
    others = [each for each in state.generations if each.colour != state.live.colour]
    found += [
        f"{each.colour} is not the live generation and runs beside it ({each.as_text}): a deploy is under way, or has not ended."
        for each in others
        if any(process.pid for process, _ in each.workers)
    ]
    return found + [f"The live release is damaged: {line}." for line in damage(instance, state.live)]


def _facts(process: Process, answer: dict[str, Any]) -> dict[str, Any]:
    # The bootstrap's own answer repeats the workers', which are asked here; the others are supervisord's to say
    said = {
        key: value for key, value in answer.items() if key not in ("workers", "name", "supervisord", "pid")
    }
    return {
        "name": process.full_name,
        "supervisord": process.state,
        "ready": False,
        **said,
        "pid": process.pid,
    }


def as_text(found: dict[str, Any]) -> str:
    """Return the status as a table for people."""
    lines = []
    for each in found["sockets"]:
        how = "passed by systemd" if each["adopted"] else "bound by supervisord"
        lines.append(f"{found['instance']}  {each['url']}  ({how}; {', '.join(map(str, each['groups']))})")
    if not found["sockets"]:
        lines.append(f"{found['instance']}  no socket is open: no group of it is active")
    workers = [worker for colour in found["colours"].values() for worker in colour]
    for each in [*filter(None, [found["bootstrap"]]), *workers]:
        ready = "ready" if each["ready"] else each.get("state") or each.get("error", "not ready")
        release = f"release {each['release']}" if each.get("release") else ""
        lines.append(
            f"  {each['name']:<28}  {each['supervisord']:<9}  pid {each['pid']:<8}  {ready:<9}"
            f"  {each.get('framework', ''):<8}  {release}"
        )
    lines += [
        f"  {each['name']:<28}  {each['supervisord']:<9}  pid {each['pid']:<8}  companion"
        for each in found["companions"]
    ]
    lines += [f"  {line}" for line in [*filter(None, [found.get("serving")]), *found.get("problems", [])]]
    if found.get("problems"):
        lines.append("  The way out: deploy again.")
    return "\n".join(line.rstrip() for line in lines)
