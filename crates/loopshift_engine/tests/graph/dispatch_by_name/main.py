class Base:
    def on_start(self):
        pass


class Handler(Base):
    def dispatch(self, kind):
        handler = getattr(self, "on_" + kind, None)
        return handler()

    def formatted(self, kind):
        return getattr(self, "do_%s" % kind)()

    def interpolated(self, kind):
        return getattr(self, f"do_{kind}")()

    def on_stop(self):
        pass

    def do_it(self):
        pass

    def helper(self):
        pass


class Service:
    def ping(self):
        pass

    def add(self, a):
        pass


def remote(request):
    method = getattr(Service(), request["method"])
    method()


def show(request):
    return getattr(Service(), request["field"])


h = Handler()
h.dispatch("start")
h.formatted("it")
h.interpolated("it")
remote({"method": input()})
show({"field": input()})
