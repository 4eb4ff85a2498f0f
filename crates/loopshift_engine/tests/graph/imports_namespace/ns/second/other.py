from ..first.tool import rest

def work():
    rest()
