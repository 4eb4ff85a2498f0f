def setup():
    return configure()

def configure():
    return {}
