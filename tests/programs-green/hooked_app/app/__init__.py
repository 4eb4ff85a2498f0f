from .core import Application

def run(config):
    app = Application(config)
    app.setup()
    try:
        app.start()
        return app.wait()
    finally:
        app.stop()
