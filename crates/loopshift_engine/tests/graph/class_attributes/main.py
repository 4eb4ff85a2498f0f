def parse(x): return x
def render(x): return x

class Field:
    def clean(self, v):
        return v

class Form:
    parser = parse
    renderer = staticmethod(render)
    field = Field()
    fields = [Field(), Field()]
    factory = Field
    hooks = {"a": render}

    def run(self):
        self.renderer(1)
        self.field.clean(2)
        for f in self.fields:
            f.clean(3)
        self.factory().clean(4)
        self.hooks["a"](5)
        Form.parser(6)
        type(self).field.clean(7)
        self.__class__.factory().clean(8)

class Sub(Form):
    field = None
    factory = dict

Form().run()
