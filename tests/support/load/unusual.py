"""Operations that nobody plans: two at once, a neighbour, thousands of connections, TLS over IPv6."""

from __future__ import annotations

import threading
from collections.abc import Callable

from support.certificates import Authority
from support.load.generator import Generator, to_be_told, wrong
from support.load.stage import Stage, all_replaced

MANY = 2000
MANY_RATE = 400
NEIGHBOUR_RATE = 50

Act = Callable[[Stage], None]


def two_restarts_at_once(stage: Stage) -> None:
    """Restart all workers twice, the second time while the first is under way."""
    before, group = stage.workers(), f"{stage.name}-{stage.live()['colour']}:*"
    both = [threading.Thread(target=stage.control, args=("restart", group)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    stage.gate()
    all_replaced(before, stage.workers())


def stop_and_start_of_a_worker(stage: Stage) -> None:
    """Stop one worker, as for a look at its host, and start it again."""
    before = stage.workers()
    name = sorted(before)[0]
    assert f"{name}: stopped" in stage.control("stop", name)
    assert stage.workers().keys() == before.keys() - {name}
    done = stage.generator.state()["requests"]
    stage.until(lambda: stage.generator.state()["requests"] > done + 100)  # the others serve
    assert f"{name}: started" in stage.control("start", name)
    stage.gate()
    assert stage.workers().keys() == before.keys()


def with_many_connections(act: Act) -> Act:
    """Do it while as many connections more are kept as the workers may hold."""

    def crowded(stage: Stage) -> None:
        out = stage.root.parent / "out-many"
        # They idle for seconds, as browsers' do, so that a close may cross a request: what RFC 9110 9.2.2 lets a
        # client repeat is repeated.
        many = (
            "--new",
            "0",
            "--kept",
            str(MANY),
            "--rate",
            str(MANY_RATE),
            "--retry-idle",
            "--timeout",
            "60",
        )
        crowd = Generator(out, f"http://127.0.0.1:{stage.port}", "--get", "/", "--expect-same", *many)
        try:
            stage.until(lambda: crowd.state()["requests"] > 1.5 * MANY, 300)
            act(stage)
            summary = crowd.stop()
        finally:
            crowd.end()
        to_be_told(f"{MANY} more connections", summary)
        assert not wrong(summary), f"{wrong(summary)}\n{crowd.tell(stage.server_log, stage.home / 'log')}"
        assert summary["connections"]["kept"] >= MANY

    return crowded


def beside_a_neighbour(act: Act) -> Act:
    """Do it while another instance is deployed to the same supervisord; it speaks TLS, on IPv6."""

    def both(stage: Stage) -> None:
        certificate, key = Authority(stage.root.parent, "authority").sign("neighbour")
        key.chmod(0o644)  # the service user reads it
        neighbour = stage.beside(
            "neighbour",
            bind="::1",
            web_framework="django",
            worker_settings={"MOORING_TLS_CERT": str(certificate), "MOORING_TLS_KEY": str(key)},
        )
        stage.neighbours.append(neighbour)
        deploy = neighbour.start("deploy.yml")
        act(stage)
        output, _ = deploy.communicate(timeout=900)
        assert deploy.returncode == 0, output
        neighbour.put_load(
            f"https://[::1]:{neighbour.port}", "--insecure", "--rate", str(NEIGHBOUR_RATE), "--timeout", "60"
        )

    return both


def of_the_neighbour(act: Act) -> Act:
    """Do it to the neighbour, whose requests may not fail either."""

    def done(stage: Stage) -> None:
        with stage.neighbours[0].under_load(act.__name__):
            act(stage.neighbours[0])

    return done


def removal_of_the_neighbour(stage: Stage) -> None:
    """Remove the neighbour, of whose requests none has failed."""
    neighbour = stage.neighbours[0]
    summary = neighbour.generator.stop()
    to_be_told("the neighbour under load", summary)
    assert not wrong(summary), f"{wrong(summary)}\n{neighbour.tell()}"
    neighbour.remove()
    assert not neighbour.home.exists()
    stage.neighbours.clear()
