class LogMixin:
    def log(self, text):
        self.write(f"{self.prefix()}: {text}")

class JsonMixin:
    def dump(self):
        return encode(self.fields())

class Model(LogMixin, JsonMixin):
    def write(self, text):
        print(text)

    def prefix(self):
        return "model"

    def fields(self):
        return {}

    def save(self):
        self.log("saved")
        return self.dump()

def encode(value):
    return str(value)

m = Model()
m.save()
