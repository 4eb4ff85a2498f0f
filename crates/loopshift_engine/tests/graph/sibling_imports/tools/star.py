def shine():
    pass
