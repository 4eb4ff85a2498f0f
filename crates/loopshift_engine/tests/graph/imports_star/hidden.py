def _secret():
    pass

def visible():
    return _secret()
