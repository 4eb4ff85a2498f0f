class Settings:
    def __init__(self):
        self.values = {}

    def __setitem__(self, key, value):
        self.values[key.lower()] = value

    def __getitem__(self, key):
        return getattr(self, "get_" + key)()

    def get_name(self):
        return self.values["name"]


class Actions:
    def __init__(self):
        self.known = {"run": run, "stop": stop}

    def __getitem__(self, key):
        return self.known[key]


def run():
    pass


def stop():
    pass


settings = Settings()
settings["Name"] = "a"
settings["name"]
Actions()["run"]()
