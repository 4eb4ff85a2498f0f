from .strings import shout as greet_loudly

def greet():
    return greet_loudly("hello")
