class Rare:
    def shine(self):
        pass
