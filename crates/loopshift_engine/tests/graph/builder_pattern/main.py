class Html:
    def __init__(self, tag):
        self.tag = tag
        self.kids = []

    def child(self, other):
        self.kids.append(other)
        return self

    def render(self):
        return "".join(k.render() for k in self.kids)

class Text:
    def __init__(self, t):
        self.t = t
    def render(self):
        return escape(self.t)

def escape(t):
    return t.replace("<", "")

def page():
    return Html("p").child(Text("a")).child(Html("b").child(Text("c")))

page().render()
