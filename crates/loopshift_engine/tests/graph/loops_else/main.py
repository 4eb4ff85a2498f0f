def a(): return False
def b(): return True
def c(): pass
def d(): pass

for i in range(3):
    if a():
        break
else:
    c()
while not b():
    a()
else:
    d()
i = 0
while True:
    i += 1
    if i > 2:
        break
    c()
for f in (a, b):
    if not f():
        continue
    d()
