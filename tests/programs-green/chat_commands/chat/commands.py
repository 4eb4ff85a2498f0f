COMMANDS = {}


def command(name):
    def register(function):
        COMMANDS[name] = function
        return function
    return register


@command("who")
def who(server, session):
    session.send(" ".join(sorted(server.sessions)))


@command("nick")
def nick(server, session, new):
    del server.sessions[session.name]
    session.name = new
    server.sessions[new] = session
    session.send("you are %s" % new)


def run(server, session, text):
    name, *args = text.split()
    handler = COMMANDS.get(name)
    if handler is None:
        session.send("unknown command")
    else:
        handler(server, session, *args)
