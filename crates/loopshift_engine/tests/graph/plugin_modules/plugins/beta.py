from plugins import register

@register
def run():
    pass

def extra():
    run()
