# moves: fully
"""A build graph: targets start when what they depend on has ended."""
import gevent
from gevent.event import Event


class BuildError(Exception):
    pass


class Target:
    def __init__(self, name, cost, needs=(), fails=False):
        self.name = name
        self.cost = cost
        self.needs = needs
        self.fails = fails


class Builder:
    def __init__(self, targets):
        self.targets = {target.name: target for target in targets}
        self.finished = []
        self.broken = {}
        self.waiting = {name: set(target.needs) for name, target in self.targets.items()}
        self.started = set()
        self.done = Event()

    def build(self, name):
        target = self.targets[name]
        gevent.sleep(target.cost)
        if target.fails:
            raise BuildError(f"{name} does not compile")
        return name

    def on_value(self, greenlet):
        name = greenlet.get(block=False)
        self.finished.append(name)
        for other, needs in self.waiting.items():
            needs.discard(name)
        self.start_ready()

    def on_error(self, greenlet):
        error = greenlet.exception
        name = str(error).split()[0]
        self.broken[name] = str(error)
        self.skip(name)
        self.start_ready()

    def skip(self, name):
        for other, target in self.targets.items():
            if name in target.needs and other not in self.broken:
                self.broken[other] = f"needs {name}"
                self.skip(other)

    def start_ready(self):
        for name, needs in self.waiting.items():
            if not needs and name not in self.started and name not in self.broken:
                self.started.add(name)
                job = gevent.spawn(self.build, name)
                job.link_value(self.on_value)
                job.link_exception(self.on_error)
        if len(self.finished) + len(self.broken) == len(self.targets):
            self.done.set()

    def run(self):
        self.start_ready()
        self.done.wait(timeout=5)
        return self.finished


def main():
    builder = Builder([
        Target("libc", 0.02),
        Target("zlib", 0.04, ("libc",)),
        Target("ssl", 0.01, ("libc",), fails=True),
        Target("curl", 0.01, ("ssl", "zlib")),
        Target("png", 0.02, ("zlib",)),
        Target("docs", 0.01),
    ])
    print(builder.run())
    for name in sorted(builder.broken):
        print(name, "->", builder.broken[name])


if __name__ == "__main__":
    import os, sys
    sys.stderr = open(os.devnull, "w")
    main()
