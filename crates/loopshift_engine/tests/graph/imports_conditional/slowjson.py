def dumps(obj):
    return encode(obj)

def encode(obj):
    return "{}"

def loads(text):
    return {}

def old_loads(text):
    return {}
