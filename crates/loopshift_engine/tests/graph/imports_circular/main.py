import a

a.ping(3)
