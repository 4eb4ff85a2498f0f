from view import show


def plain():
    show()
