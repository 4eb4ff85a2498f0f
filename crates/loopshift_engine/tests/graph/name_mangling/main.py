class Safe:
    def __init__(self):
        self.__secret = Secret()
        self.__open()

    def __open(self):
        self.__secret.reveal()

    def go(self):
        self.__open()

class Secret:
    def reveal(self): pass

class Vault(Safe):
    def __open(self):
        pass
    def touch(self):
        self.__open()

Vault().go()
Vault().touch()
