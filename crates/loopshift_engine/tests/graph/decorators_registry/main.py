HANDLERS = {}

def register(name):
    def wrap(func):
        HANDLERS[name] = func
        return func
    return wrap

@register("a")
def handle_a():
    pass

@register("b")
def handle_b():
    pass

class Plugin:
    registry = []

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.registry.append(cls)

    def activate(self):
        pass

class First(Plugin):
    def activate(self):
        return 1

class Second(Plugin):
    def activate(self):
        return 2

def dispatch(name):
    HANDLERS[name]()

dispatch("a")
dispatch("b")
for plugin in Plugin.registry:
    plugin().activate()
