class Widget:
    def __init__(self, parent=None, on_click=None):
        self.parent = parent
        self.on_click = on_click
        self.init_ui()

    def init_ui(self): pass

    def click(self):
        if self.on_click:
            self.on_click(self)

class Button(Widget):
    def __init__(self, text, **kw):
        super().__init__(**kw)
        self.text = text

    def init_ui(self):
        self.draw()

    def draw(self): pass

def handler(w):
    w.draw()

b = Button("ok", on_click=handler)
b.click()
Widget().click()
