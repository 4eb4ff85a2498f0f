from . import register

@register
def run():
    pass
