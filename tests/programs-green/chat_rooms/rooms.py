class Room:
    def __init__(self, name):
        self.name = name
        self.users = []

    def broadcast(self, sender, text):
        for user in list(self.users):
            if user is not sender:
                user.send("%s: %s" % (sender.name, text))

    def announce(self, text):
        for user in list(self.users):
            user.send("* " + text)


class Lobby:
    def __init__(self):
        self.rooms = {}

    def join(self, user, name):
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name)
        room.announce("%s joined %s" % (user.name, name))
        room.users.append(user)
        user.room = room
        return room

    def leave(self, user):
        room, user.room = user.room, None
        if room is None:
            return
        room.users.remove(user)
        room.announce("%s left" % user.name)
        if not room.users:
            del self.rooms[room.name]
