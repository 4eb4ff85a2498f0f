import eventlet


class Plugin:
    name = "upper"

    def apply(self, text):
        eventlet.sleep(0.001)
        return text.upper()
