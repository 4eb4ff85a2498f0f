class Plugin:
    name = "reverse"

    def apply(self, text):
        return text[::-1]
