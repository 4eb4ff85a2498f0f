def a(): return 1
def b(): return 2
def c(): return 3

f = a
f()
f = b

def later():
    return f()

later()
g = a
if later():
    g = b
else:
    g = c
g()
h = a
for _ in range(2):
    h()
    h = b
k = None
try:
    k = a
    k()
except ValueError:
    k = b
finally:
    k()
