import random

def a(): return 1
def b(): return 2
def c(): return 3

flag = random.random() > 2
fn = a if flag else b
fn()
x = (a or b)()
y = flag and a()
(a if not flag else b)()
1 < a() < b() < 5
z = [a, b][flag]()
g = c
if flag:
    g = a
g()
def pick(n):
    return {0: a, 1: b}[n] if n < 2 else c
pick(0)()
