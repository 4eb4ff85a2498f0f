def query():
    pass
